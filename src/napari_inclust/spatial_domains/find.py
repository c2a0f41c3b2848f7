"""Search for spatial domains: regions of the tissue with similar neighbourhoods.

"inclust+" (default): five views of the cells at three scales (`features`), clustered many times, averaged
(`consensus`), and averaged again over the neighbourhood. "inclust": the published network (`published`).
"smoothed-pca": principal components averaged over the 30 nearest cells and one Gaussian mixture; the baseline of
every result.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from ..data.section import Section
from ..errors import ConfigError
from ..imputation.embedding import run_latent
from ..spatial.neighbors import Graph, coordinate_notes, is_lattice, nearest_neighbours
from ..utils.progress import exhaust
from ..utils.provenance import environment
from . import methods
from .consensus import mean_ari
from .edit import DomainSegmentation, match_domains
from .features import MAX_LANDMARKS, NEIGHBOURHOOD_SIZES, cell_views, normalised_expression
from .inputs import check_n_domains, section_codes, section_with_coordinates
from .metrics import chaos, pas
from .result import DomainMethod, Domains, SearchProgress

if TYPE_CHECKING:
    from anndata import AnnData

    from ..imputation.run import Run

METHODS: tuple[DomainMethod, ...] = get_args(DomainMethod)
__all__ = ["METHODS", "Domains", "SearchProgress", "domain_steps", "domains"]


def domains(data: Section | AnnData, n_domains: int | Sequence[int] | None = None, **options: Any) -> Domains:
    """Find spatial domains; options and errors are those of `domain_steps`, which it exhausts."""
    return exhaust(domain_steps(data, n_domains, **options))


def domain_steps(
    data: Section | AnnData,
    n_domains: int | Sequence[int] | None = None,
    *,
    method: DomainMethod = "inclust+",
    section_key: str | None = None,
    seed: int = 0,
    run: Run | None = None,
    graph: Graph | None = None,
    restarts: int | None = None,
    resolution: float | None = None,
) -> Generator[SearchProgress, None, Domains]:
    """Find spatial domains: yields `SearchProgress`, returns `Domains`.

    Parameters
    ----------
    data
        Cells with `obsm["spatial"]`; never changed. Distances are three-dimensional where the coordinates are. No label
        is used.
    n_domains
        One number or several (the first is chosen); None: the most stable of 2 to 15, of several as stable (within
        0.02) the largest (for "inclust": as many as the network uses).
    method
        "inclust+", "inclust" or "smoothed-pca".
    section_key
        Column of obs with sections: neighbours lie within a section, domains are shared by all.
    seed
        The same seed gives the same result.
    run
        A run trained on this section and a reference: its latent is one more view of the cells ("inclust+" only).
    graph
        A neighbourhood is a cell with its neighbours in this graph; for "inclust+" the scales lie around it, and reach
        further along the graph. Default: the nearest cells, as many as best predict a cell ("inclust+"), 30
        ("smoothed-pca"), 6 ("inclust").
    restarts
        Mixtures for each view and scale (default 16).
    resolution
        Instead of `n_domains`: as many domains as there are communities of similar neighbourhoods at this resolution,
        from about 0.1 (coarse) to 1 (fine); not for "inclust".

    Raises
    ------
    ConfigError
        A number of domains below 1 or above that of the cells; an unknown method; a number and a resolution; a graph
        without neighbourhoods.
    DataError
        Fewer than 20 cells, constant genes only, no coordinates, no such column.
    RunError
        The run is of another section.
    """
    return _single_threaded(_find_domains(data, n_domains, method, section_key, seed, run, graph, restarts, resolution))


def _single_threaded(search: Generator[SearchProgress, None, Domains]) -> Generator[SearchProgress, None, Domains]:
    """Run the search with one thread for linear algebra: for these small matrices more took ten times as long."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    while True:
        with threadpool_limits(1):
            try:
                step = next(search)
            except StopIteration as end:
                out: Domains = end.value
                return out
        yield step


def _find_domains(
    data: Section | AnnData,
    n_domains: int | Sequence[int] | None,
    method: DomainMethod,
    section_key: str | None,
    seed: int,
    run: Run | None,
    graph: Graph | None,
    restarts: int | None,
    resolution: float | None,
) -> Generator[SearchProgress, None, Domains]:
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; expected one of {', '.join(METHODS)}.")
    if resolution is not None and (n_domains is not None or method == "inclust"):
        raise ConfigError(
            "a resolution stands in place of a number of domains, and serves the methods inclust+ and smoothed-pca. "
            "Give one of the two."
        )
    section, xy, notes = section_with_coordinates(data)
    sections, n_sections = section_codes(section, section_key)
    numbers = check_n_domains(n_domains, section.n_cells)
    yield SearchProgress(0, 100, "neighbours")
    near = nearest_neighbours(xy, min(max(NEIGHBOURHOOD_SIZES) + 1, max(1, len(xy) - 1)), sections)
    notes += coordinate_notes(xy, near, sections, section.unit_note)
    if graph is not None and graph.kind == "grid" and not is_lattice(xy, near):
        notes.append(
            "the coordinates are not on a regular grid: the graph joins cells at about the median distance. Delaunay "
            "or the nearest cells fit better."
        )
    yield SearchProgress(5, 100, "components")
    x = normalised_expression(section)
    views = cell_views(x, sections)
    rng = np.random.default_rng(seed + 1)
    inputs = methods.SearchInputs(
        neighbours=near,
        views=views,
        sections=sections,
        landmarks=np.sort(rng.choice(len(xy), min(len(xy), MAX_LANDMARKS), replace=False)),
        seed=seed,
        restarts=restarts or methods.RESTARTS,
        graph=graph,
        xy=xy,
        progress_range=(15, 95),
        resolution=resolution,
    )
    if method == "inclust+":
        if run is not None:
            views["latent"] = run_latent(run, section)
        search = yield from methods.find_by_consensus(inputs, numbers, rng)
    elif method == "inclust":
        search = yield from methods.find_by_published_network(inputs, numbers, x)
    else:
        search = yield from methods.find_by_smoothed_pca(inputs, numbers, rng)
    chosen = search.chosen if numbers is None else numbers[0]
    smoothed_pca = yield from methods.find_by_smoothed_pca(
        replace(inputs, progress_range=(95, 100), graph=None, resolution=None),
        [chosen],
        np.random.default_rng(seed + 1),
    )
    for k, seg in search.solutions.items():
        if seg.n_domains < k and k in (numbers or [chosen]):
            notes.append(f"only {seg.n_domains} of {k} domains hold any cell.")
    baseline = match_domains(smoothed_pca.solutions[chosen], search.solutions[chosen])
    chosen_by = "the user" if numbers is not None else "stability"
    provenance = {
        "method": method,
        "seed": seed,
        "chosen_by": chosen_by if resolution is None else f"resolution {resolution}",
        "scale": search.scale,
        "graph": str(graph or "nearest"),
        "section_key": section_key or "",
        "views": list(views),
        "sections": n_sections,
        "cells": section.n_cells,
        "genes": x.shape[1],
        "data": section.fingerprint,
        "values": str(section.values),
        "unit": section.unit_note,
        **environment(),
    }
    return Domains(
        section=section,
        method=method,
        solutions=search.solutions,
        chosen=chosen,
        table=_quality_table(search, baseline, inputs),
        baseline=baseline,
        space=search.space,
        xy=xy,
        sections=sections,
        notes=tuple(notes),
        provenance=provenance,
    )


def _quality_table(
    search: methods.SearchResult, baseline: DomainSegmentation, inputs: methods.SearchInputs
) -> pd.DataFrame:
    """`Domains.table`."""
    rows = []
    for k, seg in search.solutions.items():
        row = {
            "k": k,
            "stability": search.stability[k],
            "confidence": float(seg.confidence.mean()),
            "chaos": chaos(inputs.xy, seg.labels, inputs.sections),
            "pas": pas(seg.labels, inputs.neighbours),
        }
        if k == search.chosen:
            n_labels = max(seg.n_domains, baseline.n_domains)
            row |= {
                "baseline_chaos": chaos(inputs.xy, baseline.labels, inputs.sections),
                "baseline_pas": pas(baseline.labels, inputs.neighbours),
                "baseline_agreement": mean_ari([seg.labels, baseline.labels], n_labels),
            }
        rows.append(row)
    return pd.DataFrame(rows).set_index("k")
