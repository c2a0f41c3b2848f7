"""Spatial domains: regions of the tissue whose neighbourhoods are alike.

"inclust+" (default): the cells in five views and three scales (`domain_views`), clustered many times, put to a vote (`consensus`), and the vote averaged once more
over the neighbourhood. "inclust": the published network (`domain_network`). "smoothed-pca": principal components averaged over the 30 nearest cells and one
Gaussian mixture; the baseline that every result is shown beside.
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
from . import features as dv
from . import methods
from .consensus import mean_ari
from .edit import DomainSegmentation, match_domains
from .inputs import check_n_domains, section_codes, section_with_coordinates
from .metrics import chaos, pas
from .result import DomainMethod, Domains, SearchProgress

if TYPE_CHECKING:
    from anndata import AnnData

    from ..imputation.run import Run

METHODS: tuple[DomainMethod, ...] = get_args(DomainMethod)
__all__ = ["METHODS", "Domains", "SearchProgress", "domain_steps", "domains"]


def domains(data: Section | AnnData, n_domains: int | Sequence[int] | None = None, **options: Any) -> Domains:
    """Find spatial domains; options and errors as for `steps`, which it drives to its end."""
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
    """Find spatial domains: yields a `Step` now and then, returns `Domains`.

    Parameters
    ----------
    data
        Cells with `obsm["spatial"]`; never changed. Neighbours are counted in three dimensions where the places have three. No label is used.
    n_domains
        One number or several (the first is chosen); None: the most stable of 2 to 15, of
        several as stable (within 0.02) the largest (for "inclust": as many as the network uses).
    section_key
        Column of obs with sections: neighbours lie within a section, domains are shared by all.
    seed
        The same seed gives the same result.
    run
        A run trained on this section and a reference: its latent is one more view of the cells ("inclust+" only).
    graph
        What a neighbourhood is: a cell and its neighbours in this graph; for "inclust+" the scales lie around that, and reach further along the graph. Default:
        the nearest cells, as many as predict a cell best ("inclust+"), 30 ("smoothed-pca"), 6 ("inclust").
    restarts
        Mixtures for each view and scale (default 16).
    resolution
        Instead of `n_domains`: as many domains as there are communities of alike neighbourhoods at this resolution, from about 0.1 (coarse) to 1 (fine); not
        for "inclust".

    Raises
    ------
    ConfigError
        A number of domains below 1 or above that of the cells; an unknown method; a number and a resolution; a graph that makes no neighbourhoods.
    DataError
        Fewer than 20 cells, cells that are all alike, no places, no such column.
    RunError
        A run of another section.
    """
    return _single_threaded(_find_domains(data, n_domains, method, section_key, seed, run, graph, restarts, resolution))


def _single_threaded(search: Generator[SearchProgress, None, Domains]) -> Generator[SearchProgress, None, Domains]:
    """The same, with one thread for linear algebra while it computes: the matrices are small, and threads that wait for each other took ten times as long."""
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
            "a resolution stands in place of a number of domains, and serves the methods inclust+ and smoothed-pca. Give one of the two."
        )
    section, xy, notes = section_with_coordinates(data)
    sections, n_sections = section_codes(section, section_key)
    wanted = check_n_domains(n_domains, section.n_cells)
    yield SearchProgress(0, 100, "neighbours")
    near = nearest_neighbours(xy, min(max(dv.NEIGHBOURHOOD_SIZES) + 1, max(1, len(xy) - 1)), sections)
    notes += coordinate_notes(xy, near, sections, section.unit_note)
    if graph is not None and graph.kind == "grid" and not is_lattice(xy, near):
        notes.append(
            "the places are not on a regular grid: the graph joins cells at about the median distance. Delaunay or the nearest cells fit better."
        )
    yield SearchProgress(5, 100, "components")
    x = dv.normalised_expression(section)
    view = dv.cell_views(x, sections)
    rng = np.random.default_rng(seed + 1)
    at = np.sort(rng.choice(len(xy), min(len(xy), dv.MAX_LANDMARKS), replace=False))
    work = methods.SearchInputs(
        near, view, sections, at, seed, restarts or methods.RESTARTS, graph, xy, (15, 95), resolution
    )
    auto = wanted is None
    if method == "inclust+":
        if run is not None:
            view["latent"] = run_latent(run, section)
        found = yield from methods.find_by_consensus(work, wanted, rng)
    elif method == "inclust":
        found = yield from methods.find_by_published_network(work, wanted, x)
    else:
        found = yield from methods.find_by_smoothed_pca(work, wanted, rng)
    chosen = found.chosen if auto or wanted is None else wanted[0]
    base = yield from methods.find_by_smoothed_pca(
        replace(work, progress_range=(95, 100), graph=None, resolution=None), [chosen], np.random.default_rng(seed + 1)
    )
    for k, seg in found.solutions.items():
        if seg.n_domains < k and k in (wanted or [chosen]):
            notes.append(f"only {seg.n_domains} of {k} domains hold any cell.")
    baseline = match_domains(base.solutions[chosen], found.solutions[chosen])
    table = _quality_table(found, baseline, work)
    facts = {
        "method": method, "seed": seed, "chosen_by": f"resolution {resolution}" if resolution is not None else "stability" if auto else "the user", "scale": found.scale, "graph": str(graph or "nearest"), "section_key": section_key or "", "views": list(view),
        "sections": n_sections, "cells": section.n_cells, "genes": x.shape[1], "data": section.fingerprint, "values": str(section.values),
        "unit": section.unit_note, **environment(),
    }  # fmt: skip
    return Domains(
        section, method, found.solutions, chosen, table, baseline, found.space, xy, sections, tuple(notes), facts
    )


def _quality_table(
    found: methods.SearchResult, baseline: DomainSegmentation, work: methods.SearchInputs
) -> pd.DataFrame:
    rows = []
    base = {
        "baseline_chaos": chaos(work.xy, baseline.labels, work.sections),
        "baseline_pas": pas(baseline.labels, work.neighbours),
    }
    for k, seg in found.solutions.items():
        most = max(seg.n_domains, baseline.n_domains)
        row = {"k": k, "stability": found.stability[k], "confidence": float(seg.confidence.mean())}
        row |= {"chaos": chaos(work.xy, seg.labels, work.sections), "pas": pas(seg.labels, work.neighbours)}
        if k == found.chosen:
            row |= base | {"baseline_agreement": mean_ari([seg.labels, baseline.labels], most)}
        rows.append(row)
    return pd.DataFrame(rows).set_index("k")
