"""Transfer of cell types to a target: class probabilities, and "unknown" where the error rate could not be guaranteed.

Both are calibrated on labelled cells held out from training: probabilities by a temperature [1]_, assignments by
conformal selection [2]_. Of the cells that are assigned a type, at most the given share gets a wrong one, in
expectation and for cells exchangeable with those of the references; another platform, tissue or composition is not
covered.

References
----------
.. [1] Guo et al., ICML 2017.
.. [2] Jin and Candes, JMLR 2023, 24:244.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from ..data.obs import has_label
from ..errors import ConfigError
from ..training.trained import Trained
from .novelty import DEFAULT_NOVELTY_LEVEL, NoveltyResult, count_types, score_novelty, shared_input_mask

DEFAULT_ERROR_RATE = 0.1  # largest share of wrong types among those assigned
UNKNOWN = "unknown"
TEMPERATURE_GRID = np.geomspace(0.2, 5, 81)

Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class TransferredLabels:
    """Types of the cells of one target.

    Attributes
    ----------
    class_names
        Of the classes, then of the spare outputs.
    probabilities : (cells, class_names)
        Mean over the networks, calibrated.
    assigned : (cells,) bool
        Selected at the error rate, and not novel.
    probability_threshold
        Smallest probability of a selected cell; above 1 when none is selected.
    error_rate
        Largest expected share of wrong types among the selected cells.
    n_held_out, held_out_accuracy, temperature
        Number of labelled cells used for calibration, share of them whose most probable class is right, and
        temperature.
    novelty
        None where the other data sets name fewer than two types, or all share no feature.
    """

    class_names: tuple[str, ...]
    probabilities: Matrix
    assigned: NDArray[np.bool_]
    probability_threshold: float
    error_rate: float
    n_held_out: int
    held_out_accuracy: float
    temperature: float
    novelty: NoveltyResult | None

    @property
    def most_probable_types(self) -> NDArray[np.str_]:
        """The most probable class (cells,), assigned or not."""
        out: NDArray[np.str_] = np.array(self.class_names)[self.probabilities.argmax(1)]
        return out

    @property
    def assigned_types(self) -> pd.Categorical:
        """The assigned type (cells,), or "unknown"."""
        types: pd.Categorical = pd.Categorical(
            np.where(self.assigned, self.most_probable_types, UNKNOWN).astype(object), [*self.class_names, UNKNOWN]
        )
        return types

    def score(self, truth: Sequence[str]) -> dict[str, float]:
        """Score the types against a truth that was not used in training.

        Returns
        -------
        dict
            Over cells whose true type the references have: `accuracy` and `macro_f1` of the most probable class,
            `wrong` (share of wrong types among those assigned), `unknown` (share not assigned) and `cells`; over the
            cells of other types, if any: `unknown_of_missing` and `cells_of_missing`.
        """
        from sklearn.metrics import f1_score

        true = np.asarray(truth, dtype=str)
        labelled = has_label(true)
        known = np.isin(true, self.class_names) & labelled
        missing, assigned = labelled & ~known, self.assigned & known
        out: dict[str, float] = {"cells": int(known.sum()), "cells_of_missing": int(missing.sum())}
        if known.any():
            t, predicted = true[known], self.most_probable_types[known]
            wrong = self.most_probable_types[assigned] != true[assigned]
            out |= {
                "accuracy": float((predicted == t).mean()),
                "macro_f1": float(f1_score(t, predicted, labels=np.unique(t), average="macro")),
                "unknown": float(1 - self.assigned[known].mean()),
                "wrong": float(wrong.mean()) if assigned.any() else float("nan"),
            }
        return out | ({"unknown_of_missing": float(1 - self.assigned[missing].mean())} if missing.any() else {})


def transfer_labels(
    trained: Trained,
    target: str,
    *,
    error_rate: float = DEFAULT_ERROR_RATE,
    novelty_level: float = DEFAULT_NOVELTY_LEVEL,
) -> TransferredLabels:
    """Assign types to the cells of a target, from a plan with labels.

    Parameters
    ----------
    trained
    target
        Name of the data set.
    error_rate
        Largest expected share of wrong types among the cells that are assigned one; between 0 and 1.
    novelty_level
        Share of the cells of known types that may be called novel (`novelty`); 0: only the probability decides.

    Raises
    ------
    ConfigError
        The plan has no labels, or the error rate is not between 0 and 1.
    """
    plan = trained.plan
    if not plan.classes:
        raise ConfigError(
            "nothing is labelled, so there are no types to transfer. Name a column with types of a reference."
        )
    if not 0 < error_rate < 1:
        raise ConfigError(
            f"an error of {error_rate:g} was asked for; expected a share between 0 and 1, such as "
            f"{DEFAULT_ERROR_RATE:g}."
        )
    held_out = {t.name: r[t.labels[r] >= 0] for t in plan.tables if len(r := trained.trainer.validation_rows[t.name])}
    raw = [trained.encode(name, rows=rows)[1].mean(0) for name, rows in held_out.items() if len(rows)]
    y = np.concatenate([np.zeros(0, dtype=np.intp), *(plan.table(t).labels[rows] for t, rows in held_out.items())])
    q_held_out = np.concatenate(raw).astype(np.float64) if raw else np.zeros((0, plan.n_classes))
    temperature = fit_temperature(q_held_out, y)
    q = apply_temperature(trained.encode(target)[1].mean(0), temperature)
    q_held_out = apply_temperature(q_held_out, temperature)
    right = q_held_out.argmax(1) == y
    confident = conformal_selection(q.max(1), q_held_out.max(1), ~right, error_rate)
    references = [table.name for table in plan.tables if table.name != target]
    novelty = (
        score_novelty(trained, target, references, novelty_level)
        if count_types(plan, references) > 1 and shared_input_mask(plan).any()
        else None
    )
    return TransferredLabels(
        class_names=(*plan.classes, *(f"spare {i + 1}" for i in range(plan.spare))),
        probabilities=q,
        assigned=confident if novelty is None else confident & ~novelty.is_novel,
        probability_threshold=float(q.max(1)[confident].min()) if confident.any() else np.nextafter(1.0, 2.0).item(),
        error_rate=error_rate,
        n_held_out=len(y),
        held_out_accuracy=float(right.mean()) if len(y) else float("nan"),
        temperature=temperature,
        novelty=novelty,
    )


def predict_clusters(trained: Trained, target: str) -> tuple[NDArray[np.str_], Matrix]:
    """Return the cluster of each cell where nothing is labelled, and its probability.

    The cluster is the most probable output of the first network's classifier.
    """
    q = trained.encode(target)[1][0].astype(np.float64)
    return np.array([f"cluster {k + 1}" for k in q.argmax(1)]), q.max(1)


def conformal_selection(
    confidence: Matrix, held_out_confidence: Matrix, held_out_wrong: NDArray[np.bool_], error_rate: float
) -> NDArray[np.bool_]:
    """Select the cells (cells,) bool whose types are wrong in at most a share `error_rate`, in expectation.

    Holds for cells exchangeable with the held-out ones. The p-value of "this type is wrong" is the rank of the
    confidence among the held-out cells with a wrong type; cells are selected by Benjamini-Hochberg.

    Parameters
    ----------
    confidence : (cells,)
    held_out_confidence : (held-out cells,)
    held_out_wrong : (held-out cells,) bool
    error_rate
    """
    null = np.sort(held_out_confidence[held_out_wrong])
    p = (1 + len(null) - np.searchsorted(null, confidence, side="left")) / (len(held_out_confidence) + 1)
    selected: NDArray[np.bool_] = false_discovery_control(p) <= error_rate
    return selected


def apply_temperature(probabilities: NDArray[np.floating[Any]], temperature: float) -> Matrix:
    """Divide the logarithms of probabilities (cells, classes) by a temperature; rows sum to 1."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    p = np.exp(logs - logs.max(1, keepdims=True))
    out: Matrix = p / p.sum(1, keepdims=True)
    return out


def fit_temperature(probabilities: Matrix, labels: Codes) -> float:
    """Return the temperature with the highest likelihood of the labels; 1 without labels."""
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    loss = [
        -np.log(np.maximum(apply_temperature(probabilities, t)[rows, labels], 1e-12)).mean() for t in TEMPERATURE_GRID
    ]
    return float(TEMPERATURE_GRID[int(np.argmin(loss))])
