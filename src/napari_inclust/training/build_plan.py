"""Plans from data: which features stand in which block, what each data set measures of them, and the masks that the task's arrows ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.feature_names import harmonise_feature_names
from ..data.obs import describe_columns, joint_label_codes, label_codes, multi_hot_covariates, obs_column, string_column
from ..errors import ConfigError, DataError
from ..utils.pca import PCA
from .plan import TASKS, Arrow, Block, Plan, PlanSpec, Presentation, check_cell_count
from .table import Mask, MeasuredBlock, Table

if TYPE_CHECKING:
    import scipy.sparse as sp

    from ..data.dataset import Dataset, Modality
    from ..data.panel import Panel
    from ..data.section import Reference, Section

N_VARIABLE_GENES = 2000  # of the reference, for its components
MAX_INPUT_FEATURES, MAX_OUTPUT_FEATURES = (
    2000,
    10_000,
)  # features of a block that the encoder sees and the decoder gives: the most variable
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
    """The plan of a task on some data sets.

    Parameters
    ----------
    task
        One of `plan.TASKS`, or any name when `arrows` are given.
    covariates
        Columns of obs; each level is a covariate beside the data set itself, and embeddings add (multi-hot).
    labels
        Column of obs by data set: only the sets named here are labelled, so a target's labels are never used unless asked for.
    spare
        Outputs of the classifier beyond the known classes.
    likelihoods
        By block (`likelihood.LIKELIHOODS`); default squared error on the scaled values.
    keep
        Features that stay even where they are not among the most variable.
    members
        Networks trained side by side on everything.

    Raises
    ------
    ConfigError, DataError
        Anything that could not be trained, before it is: an unknown task or block, a modality that nobody measures, sets that share nothing, too few cells,
        columns that are missing or have one level.
    """
    recipe = PlanSpec(
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
    _check_gene_names(arrows, datasets, {**(labels or {}), **({decode_as: ""} if decode_as else {})}, likelihoods or {})

    blocks: list[Block] = []
    features: list[str] = []
    parts: dict[str, list[MeasuredBlock]] = {s.name: [] for s in datasets}
    common = np.zeros(0, dtype=bool)
    notes: list[str] = []
    for name in dict.fromkeys(
        b for s in datasets for b in s.modality_names if any(b in a.inputs or b in a.outputs for a in arrows)
    ):
        named, said = harmonise_feature_names({s.name: s for s in datasets if name in s.modality_names}, name)
        notes += said
        having = {
            s.name: replace(s.modality(name), features=named[s.name]) for s in datasets if name in s.modality_names
        }
        chosen, everywhere = _select_features(name, having, set(keep), is_input=any(name in a.inputs for a in arrows))
        at = {f: len(features) + i for i, f in enumerate(chosen)}
        for data, m in having.items():
            columns = np.array([j for j, f in enumerate(m.features) if f in at], dtype=np.intp)
            columns = columns[np.argsort([at[m.features[j]] for j in columns])]
            parts[data].append(
                MeasuredBlock(
                    name,
                    m.unscaled_values[:, columns],
                    np.array([at[m.features[j]] for j in columns], dtype=np.intp),
                    m.size_factors,
                )
            )
        blocks.append(Block(name, len(features), len(features) + len(chosen), (likelihoods or {}).get(name, "squared")))
        features += chosen
        common = np.concatenate([common, everywhere])

    covariate_names, hot = multi_hot_covariates({s.name: s.obs for s in datasets}, covariates)
    classes, codes = _class_codes(datasets, labels or {})
    tables = tuple(Table(s.name, tuple(parts[s.name]), hot[s.name], codes[s.name]) for s in datasets)
    in_block = {b.name: (np.arange(len(features)) >= b.start) & (np.arange(len(features)) < b.stop) for b in blocks}

    def mask(of: Sequence[str]) -> Mask:
        out: Mask = np.any([in_block[b] for b in of], axis=0)
        return out

    measured = {t.name: t.measured_mask(len(features)) for t in tables}
    return Plan(
        task=task,
        blocks=tuple(blocks),
        features=tuple(features),
        tables=tables,
        presentations=tuple(
            Presentation(a.dataset, mask(a.inputs) & common, mask(a.outputs) & measured[a.dataset]) for a in arrows
        ),
        hidden_features=np.zeros((members, len(features)), dtype=bool),
        classes=classes,
        covariates=covariate_names,
        decode_as=decode_as or names[0],
        spare=spare if classes else 0,
        spec=recipe,
        notes=tuple(notes),
    )


def _check_gene_names(
    arrows: Sequence[Arrow], datasets: Sequence[Dataset], extra_names: Mapping[str, str], likelihoods: Mapping[str, str]
) -> None:
    """Names in arrows, labels and likelihoods are those of the data."""
    by_name = {s.name: s for s in datasets}
    have = "; ".join(f"{s.name} has {', '.join(s.modality_names)}" for s in datasets)
    for name in [*(a.dataset for a in arrows), *extra_names]:
        if name not in by_name:
            raise ConfigError(f"the plan names a data set {name!r}, but there are only {', '.join(by_name)}.")
    for a in arrows:
        for block in (*a.inputs, *a.outputs):
            if block not in by_name[a.dataset].modality_names:
                raise ConfigError(
                    f"the plan presents {block!r} of {a.dataset}, which does not measure it ({have}). Check the modality's name, or the arrow."
                )
        if not a.inputs or not a.outputs:
            raise ConfigError(
                f"an arrow of {a.dataset} has no {'inputs' if not a.inputs else 'outputs'}. Name at least one modality on each side."
            )
    for block in likelihoods:
        if not any(block in s.modality_names for s in datasets):
            raise ConfigError(f"a likelihood is chosen for {block!r}, which no data set measures ({have}).")


def _select_features(
    block: str, modalities: Mapping[str, Modality], keep: set[str], *, is_input: bool
) -> tuple[list[str], Mask]:
    """Features of a block, those that every set measures first, and which these are; of many the most variable, and those to keep.

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
            f"the data sets share {len(everywhere)} features of {block}; at least {MIN_SHARED_FEATURES} are needed to encode them together ({examples}). "
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
    nobody = {s.name: np.full(s.n_cells, -1, dtype=np.intp) for s in datasets}
    if not labels:
        return (), nobody
    labelled = [s for s in datasets if s.name in labels]
    columns = [string_column(s.obs, labels[s.name], s.name) for s in labelled]
    classes, codes = joint_label_codes(columns, " and ".join(f"obs[{labels[s.name]!r}] of {s.name}" for s in labelled))
    return classes, nobody | {s.name: c for s, c in zip(labelled, codes, strict=True)}


def build_imputation_plan(
    section: Section,
    reference: Reference,
    panel: Panel,
    *,
    members: int,
    seed: int,
    components: int = 30,
    labels: str | None = None,
    batch: str | None = None,
    hidden_genes: Mask | None = None,
) -> Plan:
    """The plan of the main job: reference: shared -> shared + components; section: shared -> shared; each member hides one fold of the shared genes.

    The reference-only genes stand in the plan as their principal components: the network learns what they vary by at a cost that does not grow with their
    number, and any one of them is then read out of the decoder's hidden units in closed form (`readout.Decoder`).

    Parameters
    ----------
    labels, batch
        Columns of the reference's obs (cell types), and of either obs (batches, an added covariate).
    members
        Folds; at most half the number of shared genes. One more member sees everything.
    components
        Principal components of the whole reference that the network learns beside the shared genes; 0 for none.
    hidden : (members, shared genes) bool, optional
        Which genes each member does not see; default dealt out at random by the seed.

    Raises
    ------
    DataError
        Unknown columns; fewer than two classes.
    """
    n = panel.n_shared
    for data in (section, reference):
        check_cell_count(data.name, data.n_cells)
    if hidden_genes is None:
        if members > n // 2:
            raise ConfigError(
                f"{members} folds of {n} shared genes leave fewer than 2 genes a fold; use at most {n // 2} members."
            )
        hidden_genes = assign_folds(n, members, seed)
    codes, covariates = _platform_and_batch_covariates(section, reference, batch)
    classes: tuple[str, ...] = ()
    coded = np.full(reference.n_cells, -1, dtype=np.intp)
    if labels is not None:
        classes, coded = label_codes(reference, labels)
    extra = (
        reference_components(reference, panel, components)
        if panel.n_reference_only and components
        else np.zeros((reference.n_cells, 0), dtype=np.float32)
    )
    total = n + extra.shape[1]
    shared = np.arange(total) < n
    blocks, parts = [Block("genes", 0, n)], [_gene_block(reference, panel.reference_columns[:n], reference.matrix)]
    if extra.shape[1]:
        blocks.append(Block("components", n, total))
        parts.append(MeasuredBlock("components", extra, np.arange(n, total), prescaled=True))
    return Plan(
        task="impute",
        blocks=tuple(blocks),
        features=panel.shared + tuple(f"reference component {i + 1}" for i in range(extra.shape[1])),
        tables=(
            Table("reference", tuple(parts), codes[1], coded),
            Table(
                "section",
                (_gene_block(section, panel.target_columns[:n], None),),
                codes[0],
                np.full(section.n_cells, -1, dtype=np.intp),
            ),
        ),
        presentations=(
            Presentation("reference", shared, np.ones(total, dtype=bool)),
            Presentation("section", shared, shared, hides_output=True),
        ),
        hidden_features=np.pad(hidden_genes, ((0, 1), (0, total - n))),
        classes=classes,
        covariates=covariates,
        decode_as="reference",
    )


def reference_components(reference: Reference, panel: Panel, components: int) -> NDArray[np.float32]:
    """(cells, components) principal components of the reference over its most variable genes, z-scored, each scaled to unit variance."""
    values = val.lognormalise(
        reference.matrix[:, panel.reference_columns], reference.values.kind, val.library_size(reference.matrix)
    )
    mean, sd = val.column_mean_and_sd(values)
    chosen = np.sort(np.argsort(-sd, kind="stable")[:N_VARIABLE_GENES])
    z = np.clip((values[:, chosen].toarray() - mean[chosen]) / np.maximum(sd[chosen], 1e-6), -4, 4)
    scores = PCA.fit(z, min(components, min(z.shape) - 1)).transform(z)
    out: NDArray[np.float32] = ((scores - scores.mean(0)) / np.maximum(scores.std(0), 1e-12)).astype(np.float32)
    return out


def assign_folds(n_shared: int, members: int, seed: int) -> Mask:
    """(members, shared genes) bool: the shared genes dealt out to the members in a seeded random order."""
    hidden = np.zeros((members, n_shared), dtype=bool)
    order = np.random.default_rng(seed).permutation(n_shared)
    for m in range(members):
        hidden[m, order[m::members]] = True
    return hidden


def _gene_block(data: Reference, columns: NDArray[np.intp], library_matrix: sp.csr_matrix | None) -> MeasuredBlock:
    """Some columns of a data set; log-normalised values are taken back to the linear scale and not normalised again."""
    linear = data.matrix[:, columns]
    size = None if library_matrix is None else val.library_size(library_matrix)
    if data.values.kind == "lognorm":
        linear.data, size = np.expm1(linear.data), np.ones(data.n_cells)
    return MeasuredBlock("genes", linear, np.arange(len(columns)), size)


def find_batch_columns(section: Section, reference: Reference, batch: str) -> list[int]:
    """Which of the section (0) and the reference (1) have a column of batches.

    Raises
    ------
    DataError
        Neither.
    """
    sides: tuple[Reference, Reference] = (section, reference)
    having = [i for i, side in enumerate(sides) if batch in side.adata.obs]
    if not having:
        have = "; ".join(f"{s.name} has {describe_columns(s.adata.obs)}" for s in sides)
        raise DataError(
            f"neither {section.name} nor {reference.name} has a column {batch!r} of batches in obs ({have}). Name one of these."
        )
    return having


def _platform_and_batch_covariates(
    section: Section, reference: Reference, batch: str | None
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], tuple[str, ...]]:
    """Platform, then batches of either side where the column exists: multi-hot rows for section and reference."""
    sides: tuple[Reference, Reference] = (section, reference)
    names = ["platform: section", "platform: reference"]
    levels: list[tuple[int, str]] = []
    if batch is not None:
        levels = [
            (i, v)
            for i in find_batch_columns(section, reference, batch)
            for v in sorted(set(obs_column(sides[i], batch)))
        ]
        names += [f"{batch}: {v} ({('section', 'reference')[i]})" for i, v in levels]
    codes = []
    for i, side in enumerate(sides):
        hot = np.zeros((side.n_cells, len(names)), dtype=np.float32)
        hot[:, i] = 1
        for c, (j, v) in enumerate(levels):
            if j == i:
                hot[obs_column(side, str(batch)) == v, 2 + c] = 1
        codes.append(hot)
    return (codes[0], codes[1]), tuple(names)
