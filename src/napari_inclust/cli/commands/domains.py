"""`inclust domains`: spatial domains of the tissue, written into the file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..imputation import AlignedData, dataset_line, train_imputation
from ..options import SectionReadingOptions, Spatial, TrainingOptions

if TYPE_CHECKING:
    import pandas as pd

    from ...data.section import Section
    from ...imputation.run import Run
    from ...spatial.neighbors import Graph
    from ...spatial_domains.result import Domains

_domain_option = functools.partial(typer.Option, rich_help_panel="Domains")
_graph_option = functools.partial(typer.Option, rich_help_panel="Neighbourhoods")
_evidence_option = functools.partial(typer.Option, rich_help_panel="Evidence")
_N_MARKERS = 3  # genes named for each domain, of the measured and of the imputed ones


def domains(
    *,
    spatial: Spatial,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="OUT", help="The result: the cells with their domains, .h5ad or .zarr."),
    ],
    n_domains: Annotated[
        int | None,
        _domain_option("--n-domains", metavar="K", help="Number of domains."),
    ] = None,
    auto: Annotated[
        bool,
        _domain_option("--auto", help="Choose the most stable number (the default without --n-domains)."),
    ] = False,
    method: Annotated[
        str,
        _domain_option("--method", metavar="M", help="inclust+ (consensus), inclust (as published) or smoothed-pca."),
    ] = "inclust+",
    key: Annotated[
        str,
        _domain_option("--key", metavar="KEY", help="Column of obs for the domains."),
    ] = "domain",
    section: Annotated[
        str | None,
        _domain_option("--section", metavar="KEY", help="Column of obs with sections; they share domains."),
    ] = None,
    truth: Annotated[
        str | None,
        _domain_option("--truth", metavar="COL", help="Column of obs to compare with; never used to find domains."),
    ] = None,
    seed: Annotated[
        int,
        _domain_option("--seed", metavar="S", help="The same seed gives the same result."),
    ] = 0,
    reference: Annotated[
        Path | None,
        _domain_option(
            "--reference", metavar="R", help="scRNA-seq reference: train on both, the latent is one more view."
        ),
    ] = None,
    saved_run: Annotated[
        Path | None,
        _domain_option("--run", metavar="RUN", help="A saved run of this section, instead."),
    ] = None,
    outlines: Annotated[
        Path | None,
        _domain_option(
            "--outlines",
            metavar="FILE",
            help="Also the domains as polygons, in micrometres: .geojson, or SpatialData shapes (.zarr).",
        ),
    ] = None,
    resolution: Annotated[
        float | None,
        _domain_option(
            "--resolution",
            metavar="R",
            help="Instead of a number: as many domains as communities, about 0.1 (coarse) to 1 (fine).",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        _graph_option(
            "--graph",
            metavar="G",
            help="What a neighbourhood is: knn, radius, delaunay or grid (Visium); "
            "default: as many nearest cells as predict a cell best.",
        ),
    ] = None,
    neighbours: Annotated[
        int | None,
        _graph_option("--neighbours", metavar="N", help="Of the graphs knn and grid (default: 6)."),
    ] = None,
    radius: Annotated[
        float | None,
        _graph_option("--radius", metavar="UM", help="Of the graph radius, in micrometres."),
    ] = None,
    composition: Annotated[
        str | None,
        _evidence_option("--composition", metavar="COL", help="Column of obs: its shares in each domain."),
    ] = None,
    evidence: Annotated[
        Path | None,
        _evidence_option(
            "--evidence",
            metavar="FOLDER",
            help="Also as CSV: sizes, curve, adjacency, marker genes (measured and imputed apart), composition.",
        ),
    ] = None,
    reading: SectionReadingOptions,
    reporter: Reporter,
) -> None:
    """Find spatial domains: regions whose cells and neighbourhoods are alike.

    OUT is the input with obs[KEY] (the domain), obs[KEY_confidence], uns[KEY_colors] and uns[KEY_inclust] (how it was
    found). No label is used. A smoothed PCA with a Gaussian mixture is always shown beside.
    """
    from ...io.writers import domains as writer
    from ...spatial_domains.markers import evidence as collect_evidence
    from ...spatial_domains.markers import to_long_tables

    if sum((n_domains is not None, auto, resolution is not None)) > 1:
        raise ConfigError("more than one of --n-domains, --auto and --resolution were given. Give one.")
    parsed_graph = _parse_graph(graph, neighbours, radius)
    if not key.strip() or "/" in key:
        raise ConfigError(f"{key!r} cannot be the name of a column; choose another --key.")
    _check_run_options(method, reference, saved_run)
    inputs = [path for path in (spatial, reference, saved_run) if path is not None]
    writer.check_domains_output(output, spatial, inputs, key)
    if outlines is not None:
        writer.check_outlines_output(outlines, inputs=[*inputs, output])
    if evidence is not None:
        writer.check_evidence_folder(evidence)
    data = reading.read_section(spatial)
    _check_columns(data, (section, truth, composition), key)
    reporter.note(dataset_line(data))
    run = _load_or_train_run(data, reference, saved_run, seed, reporter)
    result = _find_domains(
        data,
        reporter,
        n_domains=n_domains,
        method=method,
        section_key=section,
        seed=seed,
        run=run,
        graph=parsed_graph,
        resolution=resolution,
    )
    for note in result.notes:
        reporter.note(note)
    scores = None if truth is None else result.against(truth)
    obs, uns = result.obs_and_uns(key)
    provenance = uns[f"{key}_inclust"]
    provenance["command"] = command_line()
    if scores is not None:
        provenance["truth"] = {"column": truth} | scores.loc[result.method].to_dict()
    tables = collect_evidence(result, labels=composition, imputed=run, graph=parsed_graph)
    provenance["evidence"] = to_long_tables(tables)
    if outlines is not None:
        writer.write_outlines(outlines, result)
    if evidence is not None:
        writer.write_evidence(evidence, tables | {"curve": result.table})
    writer.write_domains(output, result, obs, uns, key)
    facts = {
        "output": str(output),
        "key": key,
        "outlines": outlines,
        "evidence": evidence,
        "seed": seed,
        "seconds": reporter.seconds,
        "unit": data.unit_note,
        **_result_facts(result),
    }
    if scores is not None:
        facts["truth"] = scores.to_dict("index")
    cells = format_count(data.n_cells, "cell")
    reporter.summary(
        facts,
        *_stability_lines(result),
        *_result_lines(result, tables["markers"], scores),
        f"{format_count(result.chosen, 'domain')} of {cells} in {output}  ({reporter.duration})",
    )


def _check_run_options(method: str, reference: Path | None, saved_run: Path | None) -> None:
    """Refuse a reference together with a run, or with a method that uses neither."""
    if reference is not None and saved_run is not None:
        raise ConfigError("--reference and --run were both given. Give one.")
    if method != "inclust+" and (reference or saved_run):
        raise ConfigError(
            f"a reference or run serves the method inclust+ only, not {method}. "
            "Leave it out, or choose --method inclust+."
        )


def _parse_graph(kind: str | None, neighbours: int | None, radius: float | None) -> Graph | None:
    from ...spatial.neighbors import Graph

    if kind not in ("knn", "grid") and neighbours is not None:
        raise ConfigError("--neighbours belongs to --graph knn or --graph grid. Name the graph.")
    if kind != "radius" and radius is not None:
        raise ConfigError("--radius belongs to --graph radius. Name the graph.")
    return None if kind is None else Graph(kind, 6 if neighbours is None else neighbours, radius)  # type: ignore[arg-type]


def _check_columns(data: Section, columns: tuple[str | None, ...], key: str) -> None:
    """Refuse columns that do not exist, and a key that would replace one of them, before any work."""
    from ...data.obs import obs_column

    for column in columns:
        if column is not None:
            obs_column(data, column)
            if column in (key, f"{key}_confidence"):
                raise ConfigError(f"obs[{column!r}] is read and would be replaced by the result; choose another --key.")


def _load_or_train_run(
    data: Section, reference: Path | None, saved_run: Path | None, seed: int, reporter: Reporter
) -> Run | None:
    """Load a run of the section, train one on the reference, or return None."""
    if saved_run is not None:
        from ...io.runs.load import load_run

        return load_run(saved_run, data)
    if reference is None:
        return None
    from ...io.readers.dispatch import read_reference

    aligned = AlignedData.align(data, read_reference(reference))
    return train_imputation(aligned, TrainingOptions(seed=seed).config(), reporter)


def _find_domains(data: Section, reporter: Reporter, **options: Any) -> Domains:
    """Run the search under a progress bar."""
    from ...spatial_domains.find import domain_steps
    from ...utils.progress import exhaust

    with reporter.progress("domains", 100) as update:
        return exhaust(
            domain_steps(data, **options),
            lambda step: update(round(100 * step.done / max(step.total, 1)), text=step.message),
        )


def _result_facts(result: Domains) -> dict[str, Any]:
    """Entries of the domains in the JSON summary."""
    return {
        "method": result.method,
        "n_domains": result.chosen,
        "sizes": dict(zip(result.names, result.segmentation.sizes.tolist(), strict=True)),
        "scores": result.table.loc[result.chosen].to_dict(),
        "notes": list(result.notes),
        "curve": dict(zip(result.table.index.tolist(), result.table["stability"].tolist(), strict=True)),
    }


def _stability_lines(result: Domains) -> list[str]:
    """Draw the stability of every number of domains as bars, with peaks marked; nothing for a single number."""
    stability = result.table["stability"]
    if len(stability) < 2:
        return []
    s = [float("-inf"), *stability, float("-inf")]
    marks = [
        "  <- chosen" if k == result.chosen else "  <- also a peak" if s[i] < s[i + 1] > s[i + 2] else ""
        for i, k in enumerate(stability.index)
    ]
    return [
        f"{k:3} domains  stability {v:.3f}  {'#' * round(40 * max(v, 0))}{mark}"
        for (k, v), mark in zip(stability.items(), marks, strict=True)
    ]


def _result_lines(result: Domains, markers: pd.DataFrame, scores: pd.DataFrame | None) -> list[str]:
    """List sizes and markers of the domains, and scores: theirs, of the baseline, against a known segmentation."""
    lines = [
        f"{name:20} {format_count(int(n), 'cell'):>14}  {_marker_text(markers, name)}"
        for name, n in zip(result.names, result.segmentation.sizes, strict=True)
    ]
    for title, columns in (
        ("", {"stability": "stability", "confidence": "confidence", "CHAOS": "chaos", "PAS": "pas"}),
        (
            "baseline (smoothed PCA): ",
            {"agreement": "baseline_agreement", "CHAOS": "baseline_chaos", "PAS": "baseline_pas"},
        ),
    ):
        row = result.table.loc[result.chosen]
        lines.append(title + " · ".join(f"{label} {row[column]:.3f}" for label, column in columns.items()))
    for name, values in () if scores is None else scores.iterrows():
        lines.append(f"{name}: " + " · ".join(f"{k} {v:.3f}" for k, v in values.items() if k != "cells"))
    return lines


def _marker_text(table: pd.DataFrame, name: str) -> str:
    """List the first marker genes of a domain, the imputed ones marked."""
    genes = []
    for kind, suffix in (("measured", ""), ("imputed", " (imputed)")):
        first = table.loc[(table["domain"] == name) & (table["kind"] == kind), "gene"].head(_N_MARKERS)
        genes += [f"{gene}{suffix}" for gene in first]
    return ", ".join(genes)
