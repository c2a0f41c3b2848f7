"""`inclust domains`: regions of the tissue, written into the file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from . import options as o
from .console import Talk, duration, plural
from .training import Data, command_line, settings, train

if TYPE_CHECKING:
    from ..core.domain_result import Domains
    from ..core.run import Run
    from ..core.section import Section

_DOMAINS = "Domains"


def domains(
    spatial: o.Spatial,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The result: the cells with their domains, .h5ad or .zarr.")],
    n_domains: Annotated[int | None, typer.Option("--n-domains", metavar="K", help="Number of domains.", rich_help_panel=_DOMAINS)] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Choose the most stable number (the default without --n-domains).", rich_help_panel=_DOMAINS)] = False,
    method: Annotated[
        str, typer.Option("--method", metavar="M", help="inclust+ (consensus), inclust (as published) or smoothed-pca.", rich_help_panel=_DOMAINS)
    ] = "inclust+",
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Column of obs for the domains.", rich_help_panel=_DOMAINS)] = "domain",
    section: Annotated[
        str | None, typer.Option("--section", metavar="KEY", help="Column of obs with sections; they share domains.", rich_help_panel=_DOMAINS)
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", metavar="COL", help="Column of obs to compare with; never used to find domains.", rich_help_panel=_DOMAINS)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same result.", rich_help_panel=_DOMAINS)] = 0,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="R", help="scRNA-seq reference: train on both, the latent is one more view.", rich_help_panel=_DOMAINS)
    ] = None,
    saved_run: Annotated[Path | None, typer.Option("--run", metavar="RUN", help="A saved run of this section, instead.", rich_help_panel=_DOMAINS)] = None,
    outlines: Annotated[
        Path | None, typer.Option("--outlines", metavar="FILE", help="Also the domains as polygons: .geojson.", rich_help_panel=_DOMAINS)
    ] = None,
    values: o.SpatialValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Find spatial domains: regions whose cells and neighbourhoods are alike.

    OUT is the input with obs[KEY] (the domain), obs[KEY_confidence], uns[KEY_colors] and uns[KEY_inclust] (how it was found). No label is used. A smoothed
    PCA with a Gaussian mixture is always shown beside.
    """
    from ..io.annotate import write_annotated
    from ..io.read import read_section
    from ..io.write import check_output

    start, talk = time.perf_counter(), Talk(quiet, json)
    if n_domains is not None and auto:
        raise ConfigError("--n-domains and --auto were both given. Give one.")
    if not key.strip() or "/" in key:
        raise ConfigError(f"{key!r} cannot be the name of a column; choose another --key.")
    if reference is not None and saved_run is not None:
        raise ConfigError("--reference and --run were both given. Give one.")
    if method != "inclust+" and (reference or saved_run):
        raise ConfigError(f"a reference or run serves the method inclust+ only, not {method}. Leave it out, or choose --method inclust+.")
    given = [path for path in (spatial, reference, saved_run) if path is not None]
    check_output(output, inputs=given)
    if outlines is not None:
        check_output(outlines, (".geojson", ".json"), inputs=given)
    data = read_section(spatial, values=values, pixel_size=pixel_size, plane=plane, flatten=True)
    _check_columns(data, section=section, truth=truth, key=key)
    talk.note(f"{data.name}: {plural(data.n_cells, 'cell')}, {plural(len(data.genes), 'gene')}, {data.values} in {data.source}")
    run = _run(data, reference, saved_run, seed, talk)
    found = _search(data, talk, n_domains=n_domains, method=method, section_key=section, seed=seed, run=run)
    for note in found.notes:
        talk.note(note)
    scores = None if truth is None else found.against(truth)
    obs, uns = found.columns(key)
    uns[f"{key}_inclust"] |= {"command": command_line()} | ({} if scores is None else {"truth": {"column": truth} | scores.loc[found.method].to_dict()})
    if outlines is not None:
        _write_outlines(outlines, found, section)
    write_annotated(output, data.adata, obs, uns)
    seconds, k = time.perf_counter() - start, found.chosen
    row = found.table.loc[k].to_dict()
    facts: dict[str, Any] = {
        "output": str(output),
        "key": key,
        "method": found.method,
        "n_domains": k,
        "outlines": outlines,
        "seed": seed,
        "seconds": round(seconds, 2),
    }
    facts |= {"sizes": dict(zip(found.names, found.segmentation.sizes.tolist(), strict=True)), "scores": row, "notes": list(found.notes)}
    facts |= {"curve": dict(zip(found.table.index.tolist(), found.table["stability"].tolist(), strict=True)), "unit": data.unit_note}
    talk.summary(
        facts if scores is None else facts | {"truth": scores.to_dict("index")},
        *_curve(found),
        *(f"{name:20} {plural(int(n), 'cell')}" for name, n in zip(found.names, found.segmentation.sizes, strict=True)),
        f"stability {row['stability']:.3f} · confidence {row['confidence']:.3f} · CHAOS {row['chaos']:.3f} · PAS {row['pas']:.3f}",
        f"baseline (smoothed PCA): agreement {row['baseline_agreement']:.3f} · CHAOS {row['baseline_chaos']:.3f} · PAS {row['baseline_pas']:.3f}",
        *([] if scores is None else (f"{name}: " + " · ".join(f"{k} {v:.3f}" for k, v in s.items() if k != "cells") for name, s in scores.iterrows())),
        f"{plural(k, 'domain')} of {plural(data.n_cells, 'cell')} in {output}  ({duration(seconds)})",
    )


def _run(data: Section, reference: Path | None, saved: Path | None, seed: int, talk: Talk) -> Run | None:
    """A run of the section: loaded, or trained on the reference."""
    if saved is not None:
        from ..io.runs import load_run

        return load_run(saved, data)
    if reference is None:
        return None
    from ..core.panel import align
    from ..io.read import read_reference

    ref = read_reference(reference)
    return train(Data(data, ref, align(data, ref)), settings(None, None, seed=seed), talk)


def _write_outlines(path: Path, found: Domains, section: str | None) -> None:
    from ..core.domain_outlines import outlines
    from ..io.geojson import write_geojson

    names = [] if section is None else sorted(set(found.section.adata.obs[section].astype(str)))
    write_geojson(path, outlines(found.segmentation, found.xy, found.sections), found.segmentation, names)


def _search(data: Section, talk: Talk, **options: Any) -> Domains:
    """Drive the search with a progress bar."""
    from ..core.domains import steps

    search = steps(data, **options)
    with talk.progress("domains", 100) as update:
        while True:
            try:
                step = next(search)
            except StopIteration as end:
                found: Domains = end.value
                return found
            update(round(100 * step.done / max(step.total, 1)), text=step.text)


def _check_columns(data: Section, *, section: str | None, truth: str | None, key: str) -> None:
    """Refuse columns that do not exist, and a key that would replace one of them, before any work."""
    from ..core.obs import column as _column

    for column in (section, truth):
        if column is not None:
            _column(data, column)
            if column in (key, f"{key}_confidence"):
                raise ConfigError(f"obs[{column!r}] is read and would be replaced by the result; choose another --key.")


def _curve(found: Domains) -> list[str]:
    """The stability of every number of domains, as bars, with its other peaks; nothing when only one was computed."""
    stable = found.table["stability"]
    if len(stable) < 2:
        return []
    s = [float("-inf"), *stable, float("-inf")]
    words = ["  <- chosen" if k == found.chosen else "  <- also a peak" if s[i] < s[i + 1] > s[i + 2] else "" for i, k in enumerate(stable.index)]
    return [f"{k:3} domains  stability {v:.3f}  {'#' * round(40 * max(v, 0))}{word}" for (k, v), word in zip(stable.items(), words, strict=True)]
