"""Novelty of a target's cells: a score, a p-value from reference cells, and whether a cell is of no reference type.

The latent cannot show it: a network that knows some types maps every cell to one of them. Scores are those of
`evaluation.cell_reliability`, in the scaled features, of two kinds: a cell correlates with no type, and the genes that
distinguish its group do not covary in the references (`evaluation.covariation`).
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

DEFAULT_NOVELTY_LEVEL = 0.1  # share of the cells of known types that may be called novel
WELL_MATCHED_QUANTILE = 0.25  # of the target's novelty scores: that of cells of known types
MAX_CELLS, CELLS_PER_CHUNK, MAX_CELLS_PER_CLASS, N_FOLDS = 5000, 2048, 50, 5

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NoveltyResult:
    """Novelty of the cells of one target.

    Attributes
    ----------
    novelty_score : (cells,)
        0 (as a type of the references) to about 2, of the cell and of its group, plus `missing_covariation`.
    missing_covariation : (cells,)
        0 to 1, of the cell's group in the references.
    p_value : (cells,)
        Conformal: the rank of the score among those of the labelled reference cells, each scored against profiles
        without its fold. A shift that all cells share, such as another platform's, makes all p-values small.
    thresholds : (2,)
        Half way between the target's well-matched cells and reference types that are left out, each in turn: of the
        score without and with `missing_covariation`.
    is_novel : (cells,) bool
        The p-value is at most the level, and a score is above its threshold.
    smoothed_cells
        The target's cells, or a sample of them, with which each is averaged.
    type_profiles : (types, features)
        Mean profile of each type of the references.
    class_codes : (types,) int
        Their classes in the plan.
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
        """Return whether a group of cells, given its mean profile (features,), is above either threshold."""
        score = 2 * (1 - float(profile_correlations(profile[None], self.type_profiles).max()))
        return bool(score > self.thresholds[0] or score + missing_covariation > self.thresholds[1])


def score_novelty(
    trained: Trained, target: str, references: Sequence[str], level: float = DEFAULT_NOVELTY_LEVEL
) -> NoveltyResult:
    """Compare the cells of a target with the types of labelled references.

    Parameters
    ----------
    trained
    target, references
        Names of data sets.
    level
        Of the p-values: the largest expected share of the cells of known types that is called novel, where no shift
        raises the scores of all cells.

    Raises
    ------
    ConfigError
        The references name fewer than two types, or the data sets share no feature.
    """
    plan, seed = trained.plan, trained.trainer.config.seed
    if count_types(plan, references) < 2:
        raise ConfigError(
            "cells unlike the reference can only be found where the reference is labelled, with two types at least. "
            "Name a column with its types."
        )
    if not shared_input_mask(plan).any():
        raise ConfigError(
            "the data sets share no feature in which cells could be compared. Leave out the set that has none of the "
            "others' modalities."
        )
    n = plan.table(target).n_cells
    target_cells = SmoothedCells(scaled_features(trained, target, sample_uniform(n, MAX_CELLS, seed)), seed)
    parts = [
        _LabelledCells.from_table(trained, r, seed, target_cells.n_neighbours)
        for r in references
        if (plan.table(r).labels >= 0).any()
    ]
    type_profiles, class_codes = _type_profiles([(p.values, p.labels) for p in parts])
    scores = _novelty_scores(
        target_cells,
        [scaled_features(trained, target, rows) for rows in row_chunks(n, CELLS_PER_CHUNK)],
        type_profiles,
        np.concatenate([p.values for p in parts]),
    )
    null = np.sort(_cross_validated_scores(parts)[1])
    p_values = (1 + len(null) - np.searchsorted(null, scores[1], side="left")) / (len(null) + 1)
    left_out = np.median(_left_out_type_scores(parts, type_profiles, class_codes), axis=0)
    thresholds = (np.quantile(scores, WELL_MATCHED_QUANTILE, axis=1) + left_out) / 2
    return NoveltyResult(
        novelty_score=scores[1],
        missing_covariation=scores[1] - scores[0],
        p_value=p_values,
        thresholds=thresholds,
        is_novel=(p_values <= level) & (scores > thresholds[:, None]).any(0),
        smoothed_cells=target_cells,
        type_profiles=type_profiles,
        class_codes=class_codes,
    )


def _cross_validated_scores(parts: Sequence[_LabelledCells]) -> NDArray[np.float64]:
    """Scores (2, cells) of labelled reference cells against profiles without their fold."""
    scores = [np.zeros((2, 0))]
    for fold in range(N_FOLDS):
        profiles, classes = _type_profiles([(p.values[p.fold != fold], p.labels[p.fold != fold]) for p in parts])
        others = np.concatenate([p.values[p.fold != fold] for p in parts])
        for p in parts:
            own = (p.fold == fold) & np.isin(p.labels, classes)  # none where few cells are labelled
            if own.any():
                scores.append(_novelty_scores(p.smoothed_cells, [p.values[own]], profiles, others))
    return np.concatenate(scores, axis=1)


def _left_out_type_scores(
    parts: Sequence[_LabelledCells], type_profiles: Matrix, class_codes: Codes
) -> list[NDArray[np.float64]]:
    """Median scores (2,) of the cells of each type when the references lack it, by type and reference."""
    medians = []
    for i, k in enumerate(class_codes):
        profiles = np.delete(type_profiles, i, 0)
        others = np.concatenate([p.values[p.labels != k] for p in parts])
        for p in parts:
            own = p.values[p.labels == k][:MAX_CELLS_PER_CLASS]
            if len(own):
                medians.append(np.median(_novelty_scores(p.smoothed_cells, [own], profiles, others), axis=1))
    return medians


def _novelty_scores(
    smoothed_cells: SmoothedCells, chunks: Sequence[Matrix], type_profiles: Matrix, reference_values: Matrix
) -> NDArray[np.float64]:
    """Scores (2, cells) of cells, given in chunks: by correlation alone, and plus the missing covariation."""
    lack = covariation.missing_covariation(
        smoothed_cells.group_profiles, smoothed_cells.group_sizes, smoothed_cells.values, reference_values
    )
    scored = [smoothed_cells.novelty_scores(chunk, type_profiles) for chunk in chunks]
    scores = np.concatenate([score for score, _ in scored])
    return np.stack([scores, scores + lack[np.concatenate([group for _, group in scored])]])


@dataclass(frozen=True, eq=False)
class _LabelledCells:
    """Labelled cells of one reference, or a sample of them, and the fold that leaves each out of the mean profiles."""

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
    """Mean profiles (types, features), and the class of each."""
    x, y = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    classes: Codes = np.unique(y)
    return np.stack([x[y == k].mean(0) for k in classes]), classes


def scaled_features(trained: Trained, table: str, rows: Codes) -> Matrix:
    """Return the encoder's scaled inputs (rows, features), of the features shown to it of every data set."""
    trainer = trained.trainer
    x: Matrix = (
        trainer.table_rows[table]
        .take(rows)[0]
        .cpu()
        .numpy()[:, shared_input_mask(trained.plan)[trainer.feature_indices]]
    )
    return x


def count_types(plan: Plan, references: Sequence[str]) -> int:
    """Count the types among the labels of some tables."""
    labels = np.concatenate([np.zeros(0, dtype=np.intp), *(plan.table(r).labels for r in references)])
    return len(np.unique(labels[labels >= 0]))


def shared_input_mask(plan: Plan) -> Mask:
    """Return which features (features,) bool the encoder is shown of every data set."""
    shown = [np.any([p.input_mask for p in plan.presentations if p.table == t.name], axis=0) for t in plan.tables]
    out: Mask = np.all(shown, axis=0)
    return out
