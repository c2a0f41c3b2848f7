"""How unlike the reference's types each cell of a target is: its strangeness, a p-value from reference cells, and whether it is of no type that they have.

The latent cannot tell: a network that knows some types only draws every cell to one of them. Strangeness is that of `cell_trust`, in the scaled features, by two signs:
a cell resembles no type, and what sets its group apart does not vary together in the references (`covariation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.subsample import uniform
from ..errors import ConfigError
from ..evaluation import covariation
from ..evaluation.cell_reliability import Neighbourhood, resemblance
from ..training.batches import chunks
from ..training.plan import Plan
from ..training.table import Mask
from ..training.trained import Trained

LEVEL = 0.1  # share of the cells of known types that may be called unlike
WELL_MATCHED = 0.25  # quantile of the target's strangeness: cells that are surely of a known type
MOST, CHUNK, OF_A_CLASS, FOLDS = 5000, 2048, 50, 5

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Novelty:
    """Of the cells of one target.

    Attributes
    ----------
    strangeness : (cells,)
        0 (as a type of the references) to about 2, of the cell and of the cells most like it, and `lack`.
    lack : (cells,)
        0 to 1: how much of what sets the cell's group apart does not vary in the references.
    p : (cells,)
        Conformal p-value: the rank of the strangeness among that of the labelled reference cells, each against profiles that were made without its fold.
        A shift that all cells share, such as another platform's, makes all of them small.
    halfway : (2,)
        Between the target's well-matched cells and reference types when the references lack them (each in turn): in resemblance alone, and with `lack`.
    unlike : (cells,) bool
        The p-value is at most the level, and the cell is `beyond` halfway.
    cells : Neighbourhood
        The target's cells, or a sample of them, among which each is averaged.
    kinds : (types, features)
        Mean profile of each type of the references.
    classes : (types,) int
        Which classes of the plan these are.
    """

    strangeness: NDArray[np.float64]
    lack: NDArray[np.float64]
    p: NDArray[np.float64]
    halfway: NDArray[np.float64]
    unlike: NDArray[np.bool_]
    cells: Neighbourhood
    kinds: Matrix
    classes: Codes

    def beyond(self, profile: Matrix, lack: float) -> bool:
        """Whether a group of cells, by its mean profile (features,) and what the references lack of it, is beyond halfway by either sign."""
        resembling = 2 * (1 - float(resemblance(profile[None], self.kinds).max()))
        return bool(resembling > self.halfway[0] or resembling + lack > self.halfway[1])


def novelty(trained: Trained, target: str, references: Sequence[str], level: float = LEVEL) -> Novelty:
    """Compare the cells of a target with the types of labelled references.

    Parameters
    ----------
    level
        Of the p-values: this share of the cells of known types is called unlike at most, in expectation, where no shift makes all cells strange.

    Raises
    ------
    ConfigError
        The references name fewer than two types, or the sets share no feature.
    """
    plan, seed = trained.plan, trained.trainer.config.seed
    if n_types(plan, references) < 2:
        raise ConfigError(
            "what is unlike the reference can only be told where the reference is labelled, with two types at least. Name a column with its types."
        )
    if not shared(plan).any():
        raise ConfigError("the data sets share no feature in which cells could be compared. Leave out the set that has none of the others' modalities.")
    n = plan.table(target).n_cells
    near = Neighbourhood(features(trained, target, uniform(n, MOST, seed)), seed)
    parts = [_Labelled.of(trained, r, seed, near.alike) for r in references if (plan.table(r).labels >= 0).any()]
    kinds, classes = _kinds([(p.x, p.y) for p in parts])
    calm, missing = [], []
    for fold in range(FOLDS):
        without, of = _kinds([(p.x[p.fold != fold], p.y[p.fold != fold]) for p in parts])
        rest = np.concatenate([p.x[p.fold != fold] for p in parts])
        known = [(p, (p.fold == fold) & np.isin(p.y, of)) for p in parts]  # none where few cells are labelled
        calm += [_signs(p.near, [p.x[here]], without, rest) for p, here in known if here.any()]
    for i, k in enumerate(classes):
        without, rest = np.delete(kinds, i, 0), np.concatenate([p.x[p.y != k] for p in parts])
        missing += [np.median(_signs(p.near, [p.x[p.y == k][:OF_A_CLASS]], without, rest), axis=1) for p in parts if (p.y == k).any()]
    signs = _signs(near, [features(trained, target, rows) for rows in chunks(n, CHUNK)], kinds, np.concatenate([p.x for p in parts]))
    null = np.sort(np.concatenate([np.zeros((2, 0)), *calm], axis=1)[1])
    p_values = (1 + len(null) - np.searchsorted(null, signs[1], side="left")) / (len(null) + 1)
    halfway = (np.quantile(signs, WELL_MATCHED, axis=1) + np.median(missing, axis=0)) / 2
    unlike = (p_values <= level) & (signs > halfway[:, None]).any(0)
    return Novelty(signs[1], signs[1] - signs[0], p_values, halfway, unlike, near, kinds, classes)


def _signs(near: Neighbourhood, cells: Sequence[Matrix], kinds: Matrix, references: Matrix) -> NDArray[np.float64]:
    """(2, cells) strangeness of cells, given in chunks: how little they resemble a type; and that with what the references lack of their groups."""
    lack = covariation.lacking(near.groups, near.sizes, near.among, references)
    found = [near.strangeness(chunk, kinds) for chunk in cells]
    resembling = np.concatenate([strange for strange, _ in found])
    return np.stack([resembling, resembling + lack[np.concatenate([group for _, group in found])]])


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Labelled cells of one reference, or a sample of them, and the fold in which each is hidden from the mean profiles."""

    x: Matrix
    y: Codes
    fold: Codes
    near: Neighbourhood

    @classmethod
    def of(cls, trained: Trained, name: str, seed: int, alike: int) -> _Labelled:
        labels = trained.plan.table(name).labels
        rows = np.flatnonzero(labels >= 0)
        rows = rows[uniform(len(rows), MOST, seed)]
        x = features(trained, name, rows)
        fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
        return cls(x, labels[rows], fold, Neighbourhood(x, seed, alike=alike))


def _kinds(parts: list[tuple[Matrix, Codes]]) -> tuple[Matrix, Codes]:
    """(types, features) mean profiles, and the class of each."""
    x, y = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    classes: Codes = np.unique(y)
    return np.stack([x[y == k].mean(0) for k in classes]), classes


def features(trained: Trained, table: str, rows: Codes) -> Matrix:
    """(rows, features) scaled values as the encoder sees them, of what it is shown of every set."""
    trainer = trained.trainer
    x: Matrix = trainer.rows[table].take(rows)[0].cpu().numpy()[:, shared(trained.plan)[trainer.columns]]
    return x


def n_types(plan: Plan, references: Sequence[str]) -> int:
    """How many types the labels of some tables name."""
    labels = np.concatenate([np.zeros(0, dtype=np.intp), *(plan.table(r).labels for r in references)])
    return len(np.unique(labels[labels >= 0]))


def shared(plan: Plan) -> Mask:
    """(features,) bool: shown to the encoder of every set."""
    shown = [np.any([p.inputs for p in plan.presentations if p.table == t.name], axis=0) for t in plan.tables]
    out: Mask = np.all(shown, axis=0)
    return out
