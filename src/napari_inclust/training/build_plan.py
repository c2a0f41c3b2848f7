"""Plans from data: features matched in blocks, what each data set measures of them, and the masks of the arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.feature_names import harmonise_feature_names
from ..data.obs import joint_label_codes, multi_hot_covariates, string_column
from ..errors import ConfigError, DataError
from .assemble_plan import BlockData, assemble_plan
from .imputation_plan import build_default_imputation_plan, build_imputation_plan, find_batch_columns
from .plan import TASKS, Arrow, Plan, PlanSpec, check_cell_count
from .table import Mask, MeasuredBlock

if TYPE_CHECKING:
    from ..data.dataset import Dataset, Modality

__all__ = ["build_imputation_plan", "build_plan", "find_batch_columns"]

MAX_INPUT_FEATURES = 2000  # most variable features of a block that the encoder sees
MAX_OUTPUT_FEATURES = 10_000  # most variable features of a block that the decoder gives
MIN_SHARED_FEATURES = 5  # features of a block that several sets show


def build_plan(
    task: str,
    datasets: Sequence[Dataset],
    *,
    arrows: Sequence[Arrow] | None = None,
    covariates: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    spare: int = 0,
    likelihoods: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
    members: int = 1,
    decode_as: str | None = None,
) -> Plan:
    """Build the plan of a task on some data sets.

    Parameters
    ----------
    task
        One of `plan.TASKS`, or any name when `arrows` are given. For "impute" the data sets are a section and a
        reference, and the other parameters that apply are `covariates` (one column of batches), `labels` (of the
        reference) and `members` (folds); `build_imputation_plan` has all its parameters.
    covariates
        Columns of obs; each level is a covariate beside the data set itself, and embeddings add (multi-hot).
    labels
        Column of obs by data set: only the sets named here are labelled, so a target's labels are never used unless
        given.
    spare
        Outputs of the classifier beyond the known classes.
    likelihoods
        By block (`losses.LIKELIHOODS`); default squared error on the scaled values.
    keep
        Features that stay even where they are not among the most variable.
    members
        Networks trained side by side on everything.
    decode_as
        Data set with whose covariate latents are decoded; default the first.

    Raises
    ------
    ConfigError, DataError
        What cannot be trained: an unknown task or block, a modality that no set measures, sets that share nothing, too
        few cells, columns that are missing or have one level.
    """
    if task == "impute" and arrows is None:
        return build_default_imputation_plan(datasets, covariates, labels or {}, members)
    spec = PlanSpec(
        task,
        tuple(arrows) if arrows is not None else None,
        tuple(covariates),
        dict(labels or {}),
        spare,
        dict(likelihoods or {}),
        tuple(keep),
        members,
        decode_as,
    )
    names = [s.name for s in datasets]
    if not names:
        raise ConfigError("there is no data set to make a plan of. Give at least one.")
    if len(set(names)) < len(names):
        raise ConfigError(
            f"two data sets are called {next(n for n in names if names.count(n) > 1)!r}. Name them apart."
        )
    for s in datasets:
        check_cell_count(s.name, s.n_cells)
    if arrows is None:
        if task not in TASKS:
            raise ConfigError(f"unknown task {task!r}; expected one of {', '.join(TASKS)}.")
        arrows = TASKS[task]({s.name: s.modality_names for s in datasets})
    _check_names(arrows, datasets, {**(labels or {}), **({decode_as: ""} if decode_as else {})}, likelihoods or {})

    blocks: list[BlockData] = []
    notes: list[str] = []
    for name in dict.fromkeys(
        b for s in datasets for b in s.modality_names if any(b in a.inputs or b in a.outputs for a in arrows)
    ):
        names_by_set, matching_notes = harmonise_feature_names(
            {s.name: s for s in datasets if name in s.modality_names}, name
        )
        notes += matching_notes
        modalities = {
            s.name: replace(s.modality(name), features=names_by_set[s.name])
            for s in datasets
            if name in s.modality_names
        }
        blocks.append(_match_block(name, modalities, set(keep), is_input=any(name in a.inputs for a in arrows)))
    covariate_names, multi_hot = multi_hot_covariates({s.name: s.obs for s in datasets}, covariates)
    classes, codes = _class_codes(datasets, labels or {})
    return assemble_plan(
        task,
        blocks,
        arrows,
        {s.name: (multi_hot[s.name], codes[s.name]) for s in datasets},
        members=members,
        likelihoods=likelihoods or {},
        classes=classes,
        covariates=covariate_names,
        decode_as=decode_as or names[0],
        spare=spare if classes else 0,
        spec=spec,
        notes=tuple(notes),
    )


def _check_names(
    arrows: Sequence[Arrow], datasets: Sequence[Dataset], extra_names: Mapping[str, str], likelihoods: Mapping[str, str]
) -> None:
    """Refuse names in arrows, labels and likelihoods that the data do not have. Raises ConfigError."""
    by_name = {s.name: s for s in datasets}
    have = "; ".join(f"{s.name} has {', '.join(s.modality_names)}" for s in datasets)
    for name in [*(a.dataset for a in arrows), *extra_names]:
        if name not in by_name:
            raise ConfigError(f"the plan names a data set {name!r}, but there are only {', '.join(by_name)}.")
    for a in arrows:
        for block in (*a.inputs, *a.outputs):
            if block not in by_name[a.dataset].modality_names:
                raise ConfigError(
                    f"the plan presents {block!r} of {a.dataset}, which does not measure it ({have}). "
                    "Check the modality's name, or the arrow."
                )
        if not a.inputs or not a.outputs:
            raise ConfigError(
                f"an arrow of {a.dataset} has no {'inputs' if not a.inputs else 'outputs'}. "
                "Name at least one modality on each side."
            )
    for block in likelihoods:
        if not any(block in s.modality_names for s in datasets):
            raise ConfigError(f"a likelihood is chosen for {block!r}, which no data set measures ({have}).")


def _match_block(name: str, modalities: Mapping[str, Modality], keep: set[str], *, is_input: bool) -> BlockData:
    """Select the features of a block, and the columns of each set that measure them."""
    features, common = _select_features(name, modalities, keep, is_input=is_input)
    position = {f: i for i, f in enumerate(features)}
    measured = {}
    for dataset, m in modalities.items():
        columns = np.array([j for j, f in enumerate(m.features) if f in position], dtype=np.intp)
        columns = columns[np.argsort([position[m.features[j]] for j in columns])]
        indices = np.array([position[m.features[j]] for j in columns], dtype=np.intp)
        measured[dataset] = MeasuredBlock(name, m.unscaled_values[:, columns], indices, m.size_factors)
    return BlockData(name, tuple(features), common, measured)


def _select_features(
    block: str, modalities: Mapping[str, Modality], keep: set[str], *, is_input: bool
) -> tuple[list[str], Mask]:
    """Select features of a block: those that every set measures first; of many the most variable, and those in `keep`.

    Returns
    -------
    features
    common : (features,) bool
        Which of them every set measures.

    Raises
    ------
    DataError
        A block that is shown to the encoder, of which the sets share too little.
    """
    sets = list(modalities.values())
    others = set.intersection(*(set(m.features) for m in sets))
    everywhere = [f for f in sets[0].features if f in others]
    if is_input and len(everywhere) < MIN_SHARED_FEATURES:
        examples = "; ".join(f"{name} has {', '.join(m.features[:3])}" for name, m in modalities.items())
        raise DataError(
            f"the data sets share {len(everywhere)} features of {block}; at least {MIN_SHARED_FEATURES} are needed "
            f"to encode them together ({examples}). "
            "Make the names agree, or align without shared features (`separate`)."
        )
    variance: dict[str, float] = {}
    for m in modalities.values():
        sd = val.column_mean_and_sd(m.lognormalised())[1]
        order = np.argsort(np.argsort(sd)) / max(1, len(sd) - 1)
        for f, rank in zip(m.features, order, strict=True):
            variance[f] = variance.get(f, 0.0) + float(rank) / len(sets)
    rest = [f for f in variance if f not in others]
    first = set(
        _most_variable(everywhere, variance, MAX_INPUT_FEATURES if is_input else MAX_OUTPUT_FEATURES)
    ) | keep.intersection(everywhere)
    also = set(_most_variable(rest, variance, MAX_OUTPUT_FEATURES)) | keep.intersection(rest)
    chosen = [f for f in everywhere if f in first] + [f for f in rest if f in also]
    return chosen, np.arange(len(chosen)) < len(first)


def _most_variable(names: Sequence[str], variance: Mapping[str, float], max_features: int) -> list[str]:
    return sorted(names, key=lambda f: -variance[f])[:max_features]


def _class_codes(
    datasets: Sequence[Dataset], labels: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, NDArray[np.intp]]]:
    """Names of the classes, and the code of each cell (-1: unlabelled) by data set."""
    unlabelled = {s.name: np.full(s.n_cells, -1, dtype=np.intp) for s in datasets}
    if not labels:
        return (), unlabelled
    labelled = [s for s in datasets if s.name in labels]
    columns = [string_column(s.obs, labels[s.name], s.name) for s in labelled]
    classes, codes = joint_label_codes(columns, " and ".join(f"obs[{labels[s.name]!r}] of {s.name}" for s in labelled))
    return classes, unlabelled | {s.name: c for s, c in zip(labelled, codes, strict=True)}
