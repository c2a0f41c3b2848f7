"""The three ways to domains: the vote, the published network, the baseline. Each yields how far it is and returns what it found."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..spatial.neighbors import Codes, Float, Graph, Index, averaging
from ..utils.generators import passed_on
from . import features as dv
from .consensus import vote
from .edit import Segmentation, coloured_like
from .inputs import MIN_CELLS
from .resolution import communities
from .result import Step

RESTARTS = 16  # of each view and scale
AUTO_RESTARTS = 2  # the same while the number of domains is sought
MOST = 15  # domains tried then
NEAR_BEST = 0.02  # of stability: as good as the best, and then more domains say more
AGREEING = 3000  # cells on which members are compared
BASELINE = (30, 30)  # components, nearest cells


@dataclass(frozen=True, eq=False)
class Work:
    """What the methods share; `span` is their stretch of the progress, in percent."""

    near: Index
    view: dict[str, NDArray[np.float32]]
    sections: Codes
    at: Codes
    seed: int
    restarts: int
    graph: Graph | None
    xy: Float
    span: tuple[float, float]
    resolution: float | None = None

    def number(self, wanted: list[int] | None, table: NDArray[np.float32]) -> list[int] | None:
        """The numbers wanted: where a resolution was given, the one it finds."""
        return wanted if self.resolution is None else [communities(table, self.resolution, self.seed)]


@dataclass(frozen=True, eq=False)
class Found:
    """Segmentations and their stability by number of domains, and the space to split them in."""

    solutions: dict[int, Segmentation]
    stability: dict[int, float]
    chosen: int
    space: NDArray[np.float32]
    scale: float = float("nan")


def consensus(work: Work, wanted: list[int] | None, rng: np.random.Generator) -> Generator[Step, None, Found]:
    """The vote of all views and scales."""
    low, high = work.span
    middle = low + 0.3 * (high - low)
    if work.graph is None:
        near, scale, scales = dv.neighbourhoods(work.xy, work.view, work.sections, work.near)
    else:
        near, scale, scales = dv.graph_neighbourhoods(work.xy, work.sections, work.graph)
    tables: dict[tuple[str, int], NDArray[np.float32]] = {}
    for name, p in work.view.items():
        for m in scales:
            yield Step.within((low, middle), len(tables) / (len(work.view) * len(scales)), "neighbourhoods")
            tables[name, m] = dv.features(p, near, m)
    space = tables["z50", scales[len(scales) // 2]]
    wanted = work.number(wanted, space)
    found = yield from _votes(list(tables.values()), wanted, replace(work, span=(middle, high)), rng, averaging(near, round(scale)))
    return replace(found, space=space, scale=scale)


def smoothed(work: Work, wanted: list[int] | None, rng: np.random.Generator) -> Generator[Step, None, Found]:
    """The baseline: components averaged over the nearest cells, one mixture."""
    d, m = BASELINE
    near = work.near
    if work.graph is not None:
        near, scale, _ = dv.graph_neighbourhoods(work.xy, work.sections, work.graph)
        m = round(scale)
    table = averaging(near, m) @ work.view["z"][:, :d]
    return (yield from _votes([table], work.number(wanted, table), replace(work, restarts=1), rng, None))


def _votes(tables: list[NDArray[np.float32]], wanted: list[int] | None, work: Work, rng: np.random.Generator, smooth: Any) -> Generator[Step, None, Found]:
    """A solution for each number of domains; when none is wanted, for 2 to 15, and the most stable is chosen and computed with all restarts."""
    n = len(tables[0])
    few = max(AUTO_RESTARTS, -(-10 // len(tables)))  # members enough to say how stable they are
    rounds = [(k, work.restarts) for k in wanted] if wanted else [(k, few) for k in range(2, min(MOST, n // MIN_CELLS + 1) + 1)]
    solutions: dict[int, Segmentation] = {}
    stable: dict[int, float] = {}
    total = sum(r for _, r in rounds) * len(tables) + (0 if wanted else work.restarts * len(tables))
    done, chosen = 0, 0

    def told(k: int, before: int, share: int) -> Callable[[float], Step]:
        return lambda part: Step.within(work.span, (before + share * part) / total, f"{k} domains")

    while rounds:
        k, restarts = rounds.pop(0)
        if k == 1:
            solutions[1], stable[1] = Segmentation.of(np.zeros(n, dtype=np.intp), np.ones(n, dtype=np.float32)), 1.0
        else:
            mean, agree = yield from passed_on(vote(tables, k, restarts, rng, work.at, AGREEING), told(k, done, restarts * len(tables)))
            stable.setdefault(k, agree)
            solutions[k] = _segmented(mean, smooth)
        done += restarts * len(tables)
        if not rounds and not chosen:
            chosen = wanted[0] if wanted else max(k for k in stable if stable[k] >= max(stable.values()) - NEAR_BEST)
            if not wanted and work.restarts > few:
                rounds = [(chosen, work.restarts)]
    return Found(_coloured(solutions), stable, chosen, tables[0])


def _segmented(mean: NDArray[np.float32], smooth: Any) -> Segmentation:
    """The largest share of each cell's neighbourhood; a domain that this would wipe out keeps its cells."""
    shares = mean if smooth is None else smooth @ mean
    labels, before = shares.argmax(1), mean.argmax(1)
    lost = np.isin(before, np.setdiff1d(before, labels))
    labels[lost] = before[lost]
    return Segmentation.of(labels, shares[np.arange(len(labels)), labels])


def published(work: Work, wanted: list[int] | None, x: Any) -> Generator[Step, None, Found]:
    """The published network; spare outputs merged to the numbers wanted."""
    from . import published as net

    graph = work.graph or Graph("knn", net.NEIGHBOURS)
    p = dv.components(x, net.COMPONENTS, work.sections)
    training = net.train(p, net.neighbour_mean(p, work.xy, work.sections, graph), work.seed)
    z, q = yield from passed_on(training, lambda epoch: Step.within(work.span, epoch[0] / epoch[1], "training"))
    used = len(np.unique(q.argmax(1)))
    solutions = {k: net.merged(z, q, k) for k in sorted(set(wanted or [used]))}
    return Found(_coloured(solutions), dict.fromkeys(solutions, float("nan")), wanted[0] if wanted else used, z)


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
