"""`inclust domains`: regions of the tissue, written into the file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..training import AlignedData, build_config, command_line, train

if TYPE_CHECKING:
    import pandas as pd

    from ...data.section import Section
    from ...imputation.run import Run
    from ...spatial.neighbors import Graph
    from ...spatial_domains.result import Domains

_DOMAINS_HELP_PANEL, _GRAPH_HELP_PANEL, _EVIDENCE_HELP_PANEL = "Domains", "Neighbourhoods", "Evidence"
_MARKERS_PER_DOMAIN = 3  # genes named for each domain


def domains(
    spatial: o.Spatial,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="OUT", help="The result: the cells with their domains, .h5ad or .zarr."),
    ],
    n_domains: Annotated[
        int | None,
        typer.Option("--n-domains", metavar="K", help="Number of domains.", rich_help_panel=_DOMAINS_HELP_PANEL),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto",
            help="Choose the most stable number (the default without --n-domains).",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = False,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="M",
            help="inclust+ (consensus), inclust (as published) or smoothed-pca.",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = "inclust+",
    key: Annotated[
        str,
        typer.Option(
            "--key", metavar="KEY", help="Column of obs for the domains.", rich_help_panel=_DOMAINS_HELP_PANEL
        ),
    ] = "domain",
    section: Annotated[
        str | None,
        typer.Option(
            "--section",
            metavar="KEY",
            help="Column of obs with sections; they share domains.",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="COL",
            help="Column of obs to compare with; never used to find domains.",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="S", help="The same seed gives the same result.", rich_help_panel=_DOMAINS_HELP_PANEL
        ),
    ] = 0,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="R",
            help="scRNA-seq reference: train on both, the latent is one more view.",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = None,
    saved_run: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="RUN", help="A saved run of this section, instead.", rich_help_panel=_DOMAINS_HELP_PANEL
        ),
    ] = None,
    outlines: Annotated[
        Path | None,
        typer.Option(
            "--outlines",
            metavar="FILE",
            help="Also the domains as polygons, in micrometres: .geojson, or SpatialData shapes (.zarr).",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = None,
    resolution: Annotated[
        float | None,
        typer.Option(
            "--resolution",
            metavar="R",
            help="Instead of a number: as many domains as communities, about 0.1 (coarse) to 1 (fine).",
            rich_help_panel=_DOMAINS_HELP_PANEL,
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            metavar="G",
            help="What a neighbourhood is: knn, radius, delaunay or grid (Visium); default: as many nearest cells as predict a cell best.",
            rich_help_panel=_GRAPH_HELP_PANEL,
        ),
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option(
            "--neighbours",
            metavar="N",
            help="Of the graphs knn and grid (default: 6).",
            rich_help_panel=_GRAPH_HELP_PANEL,
        ),
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(
            "--radius", metavar="UM", help="Of the graph radius, in micrometres.", rich_help_panel=_GRAPH_HELP_PANEL
        ),
    ] = None,
    composition: Annotated[
        str | None,
        typer.Option(
            "--composition",
            metavar="COL",
            help="Column of obs: its shares in each domain.",
            rich_help_panel=_EVIDENCE_HELP_PANEL,
        ),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            metavar="FOLDER",
            help="Also as CSV: sizes, curve, adjacency, marker genes (measured and imputed apart), composition.",
            rich_help_panel=_EVIDENCE_HELP_PANEL,
        ),
    ] = None,
    values: o.SpatialValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    columns: o.Columns = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Find spatial domains: regions whose cells and neighbourhoods are alike.

    OUT is the input with obs[KEY] (the domain), obs[KEY_confidence], uns[KEY_colors] and uns[KEY_inclust] (how it was found). No label is used. A smoothed
    PCA with a Gaussian mixture is always shown beside.
    """
    from ...io.readers.dispatch import read_section
    from ...io.writers import domains as domains_out
    from ...spatial_domains.markers import evidence as gather
    from ...spatial_domains.markers import to_long_tables

    start, talk = time.perf_counter(), Reporter(quiet, json)
    if sum((n_domains is not None, auto, resolution is not None)) > 1:
        raise ConfigError("more than one of --n-domains, --auto and --resolution were given. Give one.")
    chosen_graph = _parse_graph(graph, neighbours, radius)
    if not key.strip() or "/" in key:
        raise ConfigError(f"{key!r} cannot be the name of a column; choose another --key.")
    if reference is not None and saved_run is not None:
        raise ConfigError("--reference and --run were both given. Give one.")
    if method != "inclust+" and (reference or saved_run):
        raise ConfigError(
            f"a reference or run serves the method inclust+ only, not {method}. Leave it out, or choose --method inclust+."
        )
    given = [path for path in (spatial, reference, saved_run) if path is not None]
    domains_out.check_domains_output(output, spatial, given, key)
    if outlines is not None:
        domains_out.check_outlines_output(outlines, inputs=[*given, output])
    if evidence is not None:
        domains_out.check_evidence_folder(evidence)
    data = read_section(
        spatial,
        values=values,
        pixel_size=pixel_size,
        plane=plane,
        flatten=True,
        table=table,
        system=system,
        columns=o.parse_columns(columns),
    )
    _check_columns(data, section=section, truth=truth, composition=composition, key=key)
    talk.note(
        f"{data.name}: {format_count(data.n_cells, 'cell')}, {format_count(len(data.genes), 'gene')}, {data.values} in {data.values_source}"
    )
    run = _load_or_train_run(data, reference, saved_run, seed, talk)
    found = _find_domains(
        data,
        talk,
        n_domains=n_domains,
        method=method,
        section_key=section,
        seed=seed,
        run=run,
        graph=chosen_graph,
        resolution=resolution,
    )
    for note in found.notes:
        talk.note(note)
    scores = None if truth is None else found.against(truth)
    obs, uns = found.obs_and_uns(key)
    uns[f"{key}_inclust"] |= {"command": command_line()} | (
        {} if scores is None else {"truth": {"column": truth} | scores.loc[found.method].to_dict()}
    )
    tables = gather(found, labels=composition, imputed=run, graph=chosen_graph)
    uns[f"{key}_inclust"]["evidence"] = to_long_tables(tables)
    if outlines is not None:
        domains_out.write_outlines(outlines, found)
    if evidence is not None:
        domains_out.write_evidence(evidence, tables | {"curve": found.table})
    domains_out.write_domains(output, found, obs, uns, key)
    seconds, k = time.perf_counter() - start, found.chosen
    row = found.table.loc[k].to_dict()
    facts: dict[str, Any] = {
        "output": str(output),
        "key": key,
        "method": found.method,
        "n_domains": k,
        "outlines": outlines,
        "evidence": evidence,
        "seed": seed,
        "seconds": round(seconds, 2),
    }
    facts |= {
        "sizes": dict(zip(found.names, found.segmentation.sizes.tolist(), strict=True)),
        "scores": row,
        "notes": list(found.notes),
    }
    facts |= {
        "curve": dict(zip(found.table.index.tolist(), found.table["stability"].tolist(), strict=True)),
        "unit": data.unit_note,
    }
    talk.summary(
        facts if scores is None else facts | {"truth": scores.to_dict("index")},
        *_stability_lines(found),
        *(
            f"{name:20} {format_count(int(n), 'cell'):>14}  {_marker_text(tables['markers'], name)}"
            for name, n in zip(found.names, found.segmentation.sizes, strict=True)
        ),
        f"stability {row['stability']:.3f} · confidence {row['confidence']:.3f} · CHAOS {row['chaos']:.3f} · PAS {row['pas']:.3f}",
        f"baseline (smoothed PCA): agreement {row['baseline_agreement']:.3f} · CHAOS {row['baseline_chaos']:.3f} · PAS {row['baseline_pas']:.3f}",
        *(
            []
            if scores is None
            else (
                f"{name}: " + " · ".join(f"{k} {v:.3f}" for k, v in s.items() if k != "cells")
                for name, s in scores.iterrows()
            )
        ),
        f"{format_count(k, 'domain')} of {format_count(data.n_cells, 'cell')} in {output}  ({format_duration(seconds)})",
    )


def _load_or_train_run(
    data: Section, reference: Path | None, saved_run: Path | None, seed: int, reporter: Reporter
) -> Run | None:
    """A run of the section: loaded, or trained on the reference."""
    if saved_run is not None:
        from ...io.runs.load import load_run

        return load_run(saved_run, data)
    if reference is None:
        return None
    from ...data.panel import align
    from ...io.readers.dispatch import read_reference

    ref = read_reference(reference)
    return train(AlignedData(data, ref, align(data, ref)), build_config(None, None, seed=seed), reporter)


def _parse_graph(kind: str | None, neighbours: int | None, radius: float | None) -> Graph | None:
    from ...spatial.neighbors import Graph

    if kind not in ("knn", "grid") and neighbours is not None:
        raise ConfigError("--neighbours belongs to --graph knn or --graph grid. Name the graph.")
    if kind != "radius" and radius is not None:
        raise ConfigError("--radius belongs to --graph radius. Name the graph.")
    return None if kind is None else Graph(kind, 6 if neighbours is None else neighbours, radius)  # type: ignore[arg-type]


def _marker_text(table: pd.DataFrame, name: str) -> str:
    """The first marker genes of a domain, the imputed ones marked."""
    first = [g for kind in ("measured", "imputed") for g in _first_markers(table, name, kind)]
    return ", ".join(first)


def _first_markers(table: pd.DataFrame, name: str, kind: str) -> list[str]:
    genes = table.loc[(table["domain"] == name) & (table["kind"] == kind), "gene"].head(_MARKERS_PER_DOMAIN)
    return [g if kind == "measured" else f"{g} (imputed)" for g in genes]


def _find_domains(data: Section, reporter: Reporter, **options: Any) -> Domains:
    """Drive the search with a progress bar."""
    from ...spatial_domains.find import domain_steps
    from ...utils.progress import exhaust

    with reporter.progress("domains", 100) as update:
        return exhaust(
            domain_steps(data, **options),
            lambda step: update(round(100 * step.done / max(step.total, 1)), text=step.message),
        )


def _check_columns(data: Section, *, section: str | None, truth: str | None, composition: str | None, key: str) -> None:
    """Refuse columns that do not exist, and a key that would replace one of them, before any work."""
    from ...data.obs import obs_column as _column

    for column in (section, truth, composition):
        if column is not None:
            _column(data, column)
            if column in (key, f"{key}_confidence"):
                raise ConfigError(f"obs[{column!r}] is read and would be replaced by the result; choose another --key.")


def _stability_lines(result: Domains) -> list[str]:
    """The stability of every number of domains, as bars, with its other peaks; nothing when only one was computed."""
    stable = result.table["stability"]
    if len(stable) < 2:
        return []
    s = [float("-inf"), *stable, float("-inf")]
    words = [
        "  <- chosen" if k == result.chosen else "  <- also a peak" if s[i] < s[i + 1] > s[i + 2] else ""
        for i, k in enumerate(stable.index)
    ]
    return [
        f"{k:3} domains  stability {v:.3f}  {'#' * round(40 * max(v, 0))}{word}"
        for (k, v), word in zip(stable.items(), words, strict=True)
    ]
