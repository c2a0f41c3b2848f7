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

from ..data.subsample import sample_uniform
from ..errors import ConfigError
from ..evaluation import covariation
from ..evaluation.cell_reliability import SmoothedCells, profile_correlations
from ..training.batches import row_chunks
from ..training.plan import Plan
from ..training.table import Mask
from ..training.trained import Trained

DEFAULT_NOVELTY_LEVEL = 0.1  # share of the cells of known types that may be called unlike
WELL_MATCHED_QUANTILE = 0.25  # quantile of the target's strangeness: cells that are surely of a known type
MAX_CELLS, CELLS_PER_CHUNK, MAX_CELLS_PER_CLASS, N_FOLDS = 5000, 2048, 50, 5

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NoveltyResult:
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

    novelty_score: NDArray[np.float64]
    missing_covariation: NDArray[np.float64]
    p_value: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    is_novel: NDArray[np.bool_]
    smoothed_cells: SmoothedCells
    type_profiles: Matrix
    class_codes: Codes

    def exceeds_thresholds(self, profile: Matrix, missing_covariation: float) -> bool:
        """Whether a group of cells, by its mean profile (features,) and what the references lack of it, is beyond halfway by either sign."""
        resembling = 2 * (1 - float(profile_correlations(profile[None], self.type_profiles).max()))
        return bool(resembling > self.thresholds[0] or resembling + missing_covariation > self.thresholds[1])


def score_novelty(
    trained: Trained, target: str, references: Sequence[str], level: float = DEFAULT_NOVELTY_LEVEL
) -> NoveltyResult:
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
    if count_types(plan, references) < 2:
        raise ConfigError(
            "what is unlike the reference can only be told where the reference is labelled, with two types at least. Name a column with its types."
        )
    if not shared_input_mask(plan).any():
        raise ConfigError(
            "the data sets share no feature in which cells could be compared. Leave out the set that has none of the others' modalities."
        )
    n = plan.table(target).n_cells
    near = SmoothedCells(scaled_features(trained, target, sample_uniform(n, MAX_CELLS, seed)), seed)
    parts = [
        _LabelledCells.from_table(trained, r, seed, near.n_neighbours)
        for r in references
        if (plan.table(r).labels >= 0).any()
    ]
    kinds, classes = _type_profiles([(p.values, p.labels) for p in parts])
    calm, missing = [], []
    for fold in range(N_FOLDS):
        without, of = _type_profiles([(p.values[p.fold != fold], p.labels[p.fold != fold]) for p in parts])
        rest = np.concatenate([p.values[p.fold != fold] for p in parts])
        known = [(p, (p.fold == fold) & np.isin(p.labels, of)) for p in parts]  # none where few cells are labelled
        calm += [
            _novelty_measures(p.smoothed_cells, [p.values[here]], without, rest) for p, here in known if here.any()
        ]
    for i, k in enumerate(classes):
        without, rest = np.delete(kinds, i, 0), np.concatenate([p.values[p.labels != k] for p in parts])
        missing += [
            np.median(
                _novelty_measures(p.smoothed_cells, [p.values[p.labels == k][:MAX_CELLS_PER_CLASS]], without, rest),
                axis=1,
            )
            for p in parts
            if (p.labels == k).any()
        ]
    signs = _novelty_measures(
        near,
        [scaled_features(trained, target, rows) for rows in row_chunks(n, CELLS_PER_CHUNK)],
        kinds,
        np.concatenate([p.values for p in parts]),
    )
    null = np.sort(np.concatenate([np.zeros((2, 0)), *calm], axis=1)[1])
    p_values = (1 + len(null) - np.searchsorted(null, signs[1], side="left")) / (len(null) + 1)
    halfway = (np.quantile(signs, WELL_MATCHED_QUANTILE, axis=1) + np.median(missing, axis=0)) / 2
    unlike = (p_values <= level) & (signs > halfway[:, None]).any(0)
    return NoveltyResult(signs[1], signs[1] - signs[0], p_values, halfway, unlike, near, kinds, classes)


def _novelty_measures(
    smoothed_cells: SmoothedCells, cells: Sequence[Matrix], type_profiles: Matrix, reference_values: Matrix
) -> NDArray[np.float64]:
    """(2, cells) strangeness of cells, given in chunks: how little they resemble a type; and that with what the references lack of their groups."""
    lack = covariation.missing_covariation(
        smoothed_cells.group_profiles, smoothed_cells.group_sizes, smoothed_cells.values, reference_values
    )
    found = [smoothed_cells.novelty_scores(chunk, type_profiles) for chunk in cells]
    resembling = np.concatenate([strange for strange, _ in found])
    return np.stack([resembling, resembling + lack[np.concatenate([group for _, group in found])]])


@dataclass(frozen=True, eq=False)
class _LabelledCells:
    """Labelled cells of one reference, or a sample of them, and the fold in which each is hidden from the mean profiles."""

    values: Matrix
    labels: Codes
    fold: Codes
    smoothed_cells: SmoothedCells

    @classmethod
    def from_table(cls, trained: Trained, name: str, seed: int, n_neighbours: int) -> _LabelledCells:
        labels = trained.plan.table(name).labels
        rows = np.flatnonzero(labels >= 0)
        rows = rows[sample_uniform(len(rows), MAX_CELLS, seed)]
        x = scaled_features(trained, name, rows)
        fold = np.random.default_rng(seed).permutation(len(rows)) % N_FOLDS
        return cls(x, labels[rows], fold, SmoothedCells(x, seed, n_neighbours=n_neighbours))


def _type_profiles(parts: list[tuple[Matrix, Codes]]) -> tuple[Matrix, Codes]:
    """(types, features) mean profiles, and the class of each."""
    x, y = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    classes: Codes = np.unique(y)
    return np.stack([x[y == k].mean(0) for k in classes]), classes


def scaled_features(trained: Trained, table: str, rows: Codes) -> Matrix:
    """(rows, features) scaled values as the encoder sees them, of what it is shown of every set."""
    trainer = trained.trainer
    x: Matrix = (
        trainer.table_rows[table]
        .take(rows)[0]
        .cpu()
        .numpy()[:, shared_input_mask(trained.plan)[trainer.feature_indices]]
    )
    return x


def count_types(plan: Plan, references: Sequence[str]) -> int:
    """How many types the labels of some tables name."""
    labels = np.concatenate([np.zeros(0, dtype=np.intp), *(plan.table(r).labels for r in references)])
    return len(np.unique(labels[labels >= 0]))


def shared_input_mask(plan: Plan) -> Mask:
    """(features,) bool: shown to the encoder of every set."""
    shown = [np.any([p.input_mask for p in plan.presentations if p.table == t.name], axis=0) for t in plan.tables]
    out: Mask = np.all(shown, axis=0)
    return out
