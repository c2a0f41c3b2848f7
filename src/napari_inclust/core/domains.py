"""Spatial domains: regions of the tissue whose neighbourhoods are alike.

"inclust+" (default): the cells in five views and three scales (`domain_views`), clustered many times, put to a vote (`consensus`), and the vote averaged once more
over the neighbourhood. "inclust": the published network (`domain_network`). "smoothed-pca": principal components averaged over the 30 nearest cells and one
Gaussian mixture; the baseline that every result is shown beside.
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from . import domain_views as dv
from .consensus import stability, vote
from .domain_edit import Segmentation, coloured_like
from .domain_input import MIN_CELLS, numbers_wanted, placed, run_latent, section_codes
from .domain_metrics import against, chaos, pas
from .graph import Codes, Float, Graph, Index, averaging, nearest, place_notes
from .plan import _column
from .section import Section

if TYPE_CHECKING:
    from anndata import AnnData

    from .run import Run

Method = Literal["inclust+", "inclust", "smoothed-pca"]
METHODS: tuple[Method, ...] = get_args(Method)

RESTARTS = 8  # of each view and scale
AUTO_RESTARTS = 2  # the same while the number of domains is sought
MOST = 15  # domains tried then
NEAR_BEST = 0.02  # of stability: as good as the best, and then more domains say more
AGREEING = 3000  # cells on which members are compared
BASELINE = (30, 30)  # components, nearest cells
PACKAGES = ("napari-inclust", "numpy", "scipy", "scikit-learn", "anndata")


@dataclass(frozen=True)
class Step:
    """How far the search is."""

    done: int
    total: int
    text: str


@dataclass(frozen=True, eq=False)
class Domains:
    """What `domains` finds.

    Attributes
    ----------
    solutions
        A segmentation for each number of domains that was computed.
    chosen
        The number that was asked for, or is most stable.
    table
        One row a number of domains `k`: stability (mean adjusted Rand index between members of the vote), confidence (mean), chaos, pas; of the baseline chaos,
        pas; and its agreement with it (adjusted Rand index).
    baseline
        Segmentation by "smoothed-pca" with the chosen number.
    space : (cells, directions) float32
        In which a domain can be split (`domain_edit.split`).
    xy : (cells, 2 or 3)
        Places, with z where the file has one.
    sections : (cells,) int
        Which section each cell lies in.
    notes
        What a user should know.
    provenance
        Method, settings, seed, versions, data.
    """

    section: Section
    method: Method
    solutions: dict[int, Segmentation]
    chosen: int
    table: pd.DataFrame
    baseline: Segmentation
    space: NDArray[np.float32]
    xy: Float
    sections: Codes
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def segmentation(self) -> Segmentation:
        """The chosen solution."""
        return self.solutions[self.chosen]

    @property
    def labels(self) -> Codes:
        return self.segmentation.labels

    @property
    def confidence(self) -> NDArray[np.float32]:
        return self.segmentation.confidence

    @property
    def names(self) -> tuple[str, ...]:
        return self.segmentation.names

    @property
    def colours(self) -> tuple[str, ...]:
        return self.segmentation.colours

    def choose(self, k: int) -> Domains:
        """The same with another of the computed solutions chosen."""
        if k not in self.solutions:
            raise ConfigError(f"{k} domains were not computed; there are {', '.join(map(str, self.solutions))}.")
        return replace(self, chosen=k)

    def edited(self, segmentation: Segmentation) -> Domains:
        """The same with the chosen solution replaced by an edited one."""
        return replace(self, solutions=self.solutions | {self.chosen: segmentation})

    def against(self, truth: str) -> pd.DataFrame:
        """ARI, NMI, homogeneity and completeness against a column of obs, of the chosen solution and of the baseline."""
        column = _column(self.section, truth)
        scores = {self.method: against(column, self.labels), "baseline (smoothed-pca)": against(column, self.baseline.labels)}
        if not scores[self.method]["cells"]:
            raise DataError(f"obs[{truth!r}] of {self.section.name} says nothing of any cell; name a column with a truth.")
        return pd.DataFrame(scores).T

    def columns(self, key: str = "domain") -> tuple[dict[str, Any], dict[str, Any]]:
        """What goes into a file: columns of `obs`, entries of `uns`."""
        seg = self.segmentation
        facts = self.provenance | {"n_domains": self.chosen, "names": list(seg.names), "notes": list(self.notes)}
        curve = {name: self.table[name].to_numpy() for name in self.table} | {"k": self.table.index.to_numpy()}
        return (
            {key: seg.categories(), f"{key}_confidence": seg.confidence},
            {f"{key}_colors": np.array(seg.colours, dtype=object), f"{key}_inclust": facts | {"curve": curve}},
        )


def domains(data: Section | AnnData, n_domains: int | Sequence[int] | None = None, **options: Any) -> Domains:
    """Find spatial domains; options and errors as for `steps`, which it drives to its end."""
    found = steps(data, n_domains, **options)
    while True:
        try:
            next(found)
        except StopIteration as end:
            out: Domains = end.value
            return out


def steps(
    data: Section | AnnData,
    n_domains: int | Sequence[int] | None = None,
    *,
    method: Method = "inclust+",
    section_key: str | None = None,
    seed: int = 0,
    run: Run | None = None,
    graph: Graph | None = None,
    restarts: int | None = None,
) -> Generator[Step, None, Domains]:
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
        Neighbours of the published method (default its 6 nearest).
    restarts
        Mixtures for each view and scale (default 8).

    Raises
    ------
    ConfigError
        A number of domains below 1 or above that of the cells; an unknown method.
    DataError
        Fewer than 20 cells, cells that are all alike, no places, no such column.
    RunError
        A run of another section.
    """
    return _one_thread(_steps(data, n_domains, method, section_key, seed, run, graph, restarts))


def _one_thread(search: Generator[Step, None, Domains]) -> Generator[Step, None, Domains]:
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


def _steps(
    data: Section | AnnData,
    n_domains: int | Sequence[int] | None,
    method: Method,
    section_key: str | None,
    seed: int,
    run: Run | None,
    graph: Graph | None,
    restarts: int | None,
) -> Generator[Step, None, Domains]:
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}; expected one of {', '.join(METHODS)}.")
    section, xy, notes = placed(data)
    sections, n_sections = section_codes(section, section_key)
    wanted = numbers_wanted(n_domains, section.n_cells)
    yield Step(0, 1, "neighbours and components")
    near = nearest(xy, min(max(dv.GRID) + 1, max(1, len(xy) - 1)), sections)
    notes += place_notes(xy, near, sections, section.unit_note)
    x = dv.expression(section)
    view = dv.views(x, sections)
    rng = np.random.default_rng(seed + 1)
    at = np.sort(rng.choice(len(xy), min(len(xy), dv.LANDMARKS), replace=False))
    work = _Work(near, view, sections, at, seed, restarts or RESTARTS, graph, xy)
    auto = wanted is None
    if method == "inclust+":
        if run is not None:
            view["latent"] = run_latent(run, section)
        found = yield from _consensus(work, wanted, rng)
    elif method == "inclust":
        found = yield from _published(work, wanted, x)
    else:
        found = yield from _smoothed(work, wanted, rng)
    chosen = found.chosen if auto or wanted is None else wanted[0]
    base = yield from _smoothed(work, [chosen], np.random.default_rng(seed + 1))
    for k, seg in found.solutions.items():
        if seg.k < k and k in (wanted or [chosen]):
            notes.append(f"only {seg.k} of {k} domains hold any cell.")
    baseline = coloured_like(base.solutions[chosen], found.solutions[chosen])
    table = _table(found, baseline, work)
    facts = {
        "method": method, "seed": seed, "chosen_by": "stability" if auto else "the user", "scale": found.scale, "section_key": section_key or "", "views": list(view),
        "sections": n_sections, "cells": section.n_cells, "genes": x.shape[1], "data": section.fingerprint, "values": str(section.values),
        "unit": section.unit_note, "made": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }  # fmt: skip
    return Domains(section, method, found.solutions, chosen, table, baseline, found.space, xy, sections, tuple(notes), facts)


@dataclass(frozen=True, eq=False)
class _Work:
    """What the methods share."""

    near: Index
    view: dict[str, NDArray[np.float32]]
    sections: Codes
    at: Codes
    seed: int
    restarts: int
    graph: Graph | None
    xy: Float


@dataclass(frozen=True, eq=False)
class _Found:
    solutions: dict[int, Segmentation]
    stability: dict[int, float]
    chosen: int
    space: NDArray[np.float32]
    scale: float = float("nan")


def _consensus(work: _Work, wanted: list[int] | None, rng: np.random.Generator) -> Generator[Step, None, _Found]:
    """The vote of all views and scales."""
    near, scale, scales = dv.neighbourhoods(work.xy, work.view, work.sections, work.near)
    tables: dict[tuple[str, int], NDArray[np.float32]] = {}
    for name, p in work.view.items():
        for m in scales:
            yield Step(len(tables), len(work.view) * len(scales), "neighbourhoods")
            tables[name, m] = dv.features(p, near, m)
    space = tables["z50", scales[len(scales) // 2]]
    found = yield from _votes(list(tables.values()), wanted, work, rng, averaging(near, round(scale)))
    return replace(found, space=space, scale=scale)


def _smoothed(work: _Work, wanted: list[int] | None, rng: np.random.Generator) -> Generator[Step, None, _Found]:
    """The baseline: components averaged over the nearest cells, one mixture."""
    d, m = BASELINE
    table = averaging(work.near, m) @ work.view["z"][:, :d]
    return (yield from _votes([table], wanted, replace(work, restarts=1), rng, None))


def _votes(tables: list[NDArray[np.float32]], wanted: list[int] | None, work: _Work, rng: np.random.Generator, smooth: Any) -> Generator[Step, None, _Found]:
    """A solution for each number of domains; when none is wanted, for 2 to 15, and the most stable is chosen and computed with all restarts."""
    n = len(tables[0])
    few = max(AUTO_RESTARTS, -(-10 // len(tables)))  # members enough to say how stable they are
    rounds = [(k, work.restarts) for k in wanted] if wanted else [(k, few) for k in range(2, min(MOST, n // MIN_CELLS + 1) + 1)]
    solutions: dict[int, Segmentation] = {}
    stable: dict[int, float] = {}
    total = sum(r for _, r in rounds) * len(tables)
    done, chosen = 0, 0
    while rounds:
        k, restarts = rounds.pop(0)
        if k == 1:
            solutions[1], stable[1] = Segmentation.of(np.zeros(n, dtype=np.intp), np.ones(n, dtype=np.float32)), 1.0
        else:
            search = vote(tables, k, restarts, rng, work.at, AGREEING)
            while True:
                try:
                    yield Step(done + next(search), total, f"{k} domains")
                except StopIteration as end:
                    mean, agree = end.value
                    break
            stable.setdefault(k, agree)
            solutions[k] = _segmented(mean, smooth)
        done += restarts * len(tables)
        if not rounds and not chosen:
            chosen = wanted[0] if wanted else max(k for k in stable if stable[k] >= max(stable.values()) - NEAR_BEST)
            if not wanted and work.restarts > few:
                rounds, total = [(chosen, work.restarts)], total + work.restarts * len(tables)
    return _Found(_coloured(solutions), stable, chosen, tables[0])


def _segmented(mean: NDArray[np.float32], smooth: Any) -> Segmentation:
    """The largest share of each cell's neighbourhood; a domain that this would wipe out keeps its cells."""
    shares = mean if smooth is None else smooth @ mean
    labels, before = shares.argmax(1), mean.argmax(1)
    lost = np.isin(before, np.setdiff1d(before, labels))
    labels[lost] = before[lost]
    return Segmentation.of(labels, shares[np.arange(len(labels)), labels])


def _published(work: _Work, wanted: list[int] | None, x: Any) -> Generator[Step, None, _Found]:
    """The published network; spare outputs merged to the numbers wanted."""
    from . import domain_network as net

    graph = work.graph or Graph("knn", net.NEIGHBOURS)
    p = dv.components(x, net.COMPONENTS, work.sections)
    training = net.train(p, net.neighbour_mean(p, work.xy, work.sections, graph), work.seed)
    while True:
        try:
            epoch, total = next(training)
            yield Step(epoch, total, "training")
        except StopIteration as end:
            z, q = end.value
            break
    used = len(np.unique(q.argmax(1)))
    solutions = {k: net.merged(z, q, k) for k in sorted(set(wanted or [used]))}
    return _Found(_coloured(solutions), dict.fromkeys(solutions, float("nan")), wanted[0] if wanted else used, z)


def _coloured(solutions: dict[int, Segmentation]) -> dict[int, Segmentation]:
    """In order of their number of domains, each coloured like the one before; the first by size."""
    out: dict[int, Segmentation] = {}
    before: Segmentation | None = None
    for k in sorted(solutions):
        seg = solutions[k]
        if before is None:
            rank = np.argsort(np.argsort(-seg.sizes, kind="stable"), kind="stable")
            seg = replace(seg, labels=rank[seg.labels].astype(np.intp))
        else:
            seg = coloured_like(seg, before)
        out[k] = before = seg
    return out


def _table(found: _Found, baseline: Segmentation, work: _Work) -> pd.DataFrame:
    rows = []
    base = {"baseline_chaos": chaos(work.xy, baseline.labels, work.sections), "baseline_pas": pas(baseline.labels, work.near)}
    for k, seg in found.solutions.items():
        most = max(seg.k, baseline.k)
        row = {"k": k, "stability": found.stability[k], "confidence": float(seg.confidence.mean())}
        row |= {"chaos": chaos(work.xy, seg.labels, work.sections), "pas": pas(seg.labels, work.near)}
        if k == found.chosen:
            row |= base | {"baseline_agreement": stability([seg.labels, baseline.labels], most)}
        rows.append(row)
    return pd.DataFrame(rows).set_index("k")
