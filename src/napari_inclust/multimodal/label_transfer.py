"""Types for the cells of a target: the classes' probabilities, and "unknown" where the promised share of errors could not be kept.

Both are calibrated on labelled cells that no gradient saw: probabilities by a temperature (Guo et al., ICML 2017), calls by conformal selection (Jin and Candes,
JMLR 2023, 24:244): of the cells that get a type, at most the promised share gets a wrong one, in expectation and for cells like those of the references.
Another platform, tissue or composition is not covered by that promise.
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

DEFAULT_ERROR_RATE = 0.1  # promised share of wrong types among those given
UNKNOWN = "unknown"
TEMPERATURE_GRID = np.geomspace(0.2, 5, 81)

Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class TransferredLabels:
    """Types of the cells of one target.

    Attributes
    ----------
    names
        Of the classes, then of the spare outputs.
    probability : (cells, names)
        Mean over the networks, calibrated.
    called : (cells,) bool
        Confident enough for the promise, and not unlike every type of the references.
    threshold
        Probability from which a cell is confident enough; above 1 when no threshold keeps the promise.
    error
        That was promised.
    held_out, held_out_accuracy, temperature
        Labelled cells that calibrated, the share of them whose most probable class is right, and the temperature.
    novelty
        How unlike the references' types each cell is; None where the sets beside the target name fewer than two types, or all share no feature.
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
        """(cells,) the most probable class, whether or not it can be relied on."""
        out: NDArray[np.str_] = np.array(self.class_names)[self.probabilities.argmax(1)]
        return out

    @property
    def assigned_types(self) -> pd.Categorical:
        """(cells,) the type, or "unknown"."""
        types: pd.Categorical = pd.Categorical(
            np.where(self.assigned, self.most_probable_types, UNKNOWN).astype(object), [*self.class_names, UNKNOWN]
        )
        return types

    def score(self, truth: Sequence[str]) -> dict[str, float]:
        """Against a truth that nothing was trained on.

        Returns
        -------
        Over cells whose true type the references have: `accuracy` and `macro_f1` of the most probable class, `wrong` (share of wrong types among those called),
        `unknown` (share not called) and `cells`; over the cells of other types, if any: `unknown_of_missing` and `cells_of_missing`.
        """
        from sklearn.metrics import f1_score

        true = np.asarray(truth, dtype=str)
        said = has_label(true)
        here = np.isin(true, self.class_names) & said
        missing, called = said & ~here, self.assigned & here
        out: dict[str, float] = {"cells": int(here.sum()), "cells_of_missing": int(missing.sum())}
        if here.any():
            right = self.most_probable_types[here] == true[here]
            out |= {
                "accuracy": float(right.mean()),
                "macro_f1": float(
                    f1_score(true[here], self.most_probable_types[here], labels=np.unique(true[here]), average="macro")
                ),
                "unknown": float(1 - self.assigned[here].mean()),
                "wrong": float((self.most_probable_types[called] != true[called]).mean())
                if called.any()
                else float("nan"),
            }
        return out | ({"unknown_of_missing": float(1 - self.assigned[missing].mean())} if missing.any() else {})


def transfer_labels(
    trained: Trained,
    target: str,
    *,
    error_rate: float = DEFAULT_ERROR_RATE,
    novelty_level: float = DEFAULT_NOVELTY_LEVEL,
) -> TransferredLabels:
    """Types of the cells of a target, from a plan with labels.

    Parameters
    ----------
    error
        Share of wrong types among the cells that get one, at most; between 0 and 1.
    unlike
        Share of the cells of known types that may be taken for cells of none (`novelty`); 0: only the probability decides.

    Raises
    ------
    ConfigError
        A plan without labels, or an error that is no share.
    """
    plan = trained.plan
    if not plan.classes:
        raise ConfigError(
            "nothing is labelled, so there are no types to transfer. Name a column with types of a reference."
        )
    if not 0 < error_rate < 1:
        raise ConfigError(
            f"an error of {error_rate:g} was asked for; expected a share between 0 and 1, such as {DEFAULT_ERROR_RATE:g}."
        )
    held = {t.name: r[t.labels[r] >= 0] for t in plan.tables if len(r := trained.trainer.validation_rows[t.name])}
    raw = [trained.encode(name, rows=rows)[1].mean(0) for name, rows in held.items() if len(rows)]
    y = np.concatenate([np.zeros(0, dtype=np.intp), *(plan.table(name).labels[rows] for name, rows in held.items())])
    known = np.concatenate(raw).astype(np.float64) if raw else np.zeros((0, plan.n_classes))
    t = fit_temperature(known, y)
    q, known = apply_temperature(trained.encode(target)[1].mean(0), t), apply_temperature(known, t)
    right = known.argmax(1) == y
    confident = conformal_selection(q.max(1), known.max(1), ~right, error_rate)
    references = [table.name for table in plan.tables if table.name != target]
    new = (
        score_novelty(trained, target, references, novelty_level)
        if count_types(plan, references) > 1 and shared_input_mask(plan).any()
        else None
    )
    return TransferredLabels(
        class_names=(*plan.classes, *(f"spare {i + 1}" for i in range(plan.spare))),
        probabilities=q,
        assigned=confident if new is None else confident & ~new.is_novel,
        probability_threshold=float(q.max(1)[confident].min()) if confident.any() else np.nextafter(1.0, 2.0).item(),
        error_rate=error_rate,
        n_held_out=len(y),
        held_out_accuracy=float(right.mean()) if len(y) else float("nan"),
        temperature=t,
        novelty=new,
    )


def predict_clusters(trained: Trained, target: str) -> tuple[NDArray[np.str_], Matrix]:
    """Where nothing is labelled: the cluster of each cell, which is the most probable output of the classifier of the first network, and its probability."""
    q = trained.encode(target)[1][0].astype(np.float64)
    return np.array([f"cluster {k + 1}" for k in q.argmax(1)]), q.max(1)


def conformal_selection(
    confidence: Matrix, held_out_confidence: Matrix, held_out_wrong: NDArray[np.bool_], error_rate: float
) -> NDArray[np.bool_]:
    """(cells,) which calls to keep so that at most a share `error` of them is wrong, in expectation, for cells exchangeable with the held-out ones.

    The p-value of "this call is wrong" is the rank of the confidence among the held-out cells that were called wrongly; Benjamini-Hochberg chooses.

    Parameters
    ----------
    confidence : (cells,)
    held_out : (held-out cells,)
        Their confidence.
    wrong : (held-out cells,) bool
    """
    mistaken = np.sort(held_out_confidence[held_out_wrong])
    p = (1 + len(mistaken) - np.searchsorted(mistaken, confidence, side="left")) / (len(held_out_confidence) + 1)
    keep: NDArray[np.bool_] = false_discovery_control(p) <= error_rate
    return keep


def apply_temperature(probabilities: NDArray[np.floating[Any]], temperature: float) -> Matrix:
    """Probabilities with their logarithms divided by a temperature; rows sum to 1."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    p = np.exp(logs - logs.max(1, keepdims=True))
    out: Matrix = p / p.sum(1, keepdims=True)
    return out


def fit_temperature(probabilities: Matrix, labels: Codes) -> float:
    """The temperature with the best likelihood of the labels; 1 without any."""
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    loss = [
        -np.log(np.maximum(apply_temperature(probabilities, t)[rows, labels], 1e-12)).mean() for t in TEMPERATURE_GRID
    ]
    return float(TEMPERATURE_GRID[int(np.argmin(loss))])
