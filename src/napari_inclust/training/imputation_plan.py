"""The plan "impute": a section, a reference with more genes, folds of the shared genes, components of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.dataset import Dataset
from ..data.obs import describe_columns, label_codes, obs_column
from ..data.panel import Panel, align
from ..data.section import Reference, Section
from ..errors import ConfigError, DataError
from ..utils.pca import PCA
from .assemble_plan import BlockData, assemble_plan
from .config import Config
from .plan import TASKS, Plan, check_cell_count
from .table import Mask, MeasuredBlock

N_VARIABLE_GENES = 2000  # of the reference, for its components


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
    """Build the plan "impute": blocks "genes" (shared) and "components", tables "reference" and "section", and folds.

    The reference-only genes enter the plan as their principal components: the network learns what they vary by at a
    cost that does not grow with their number, and any one of them is then computed from the decoder's hidden units in
    closed form.

    Parameters
    ----------
    panel
        How the genes of both are matched.
    members
        Folds of the shared genes, each hidden from one member; at most half their number. One more member sees all.
    seed
        Of the folds.
    components
        Principal components of the whole reference that the network learns beside the shared genes; 0 for none.
    labels, batch
        Columns of the reference's obs (cell types), and of either obs (batches, an added covariate).
    hidden_genes : (members, shared genes) bool, optional
        Which genes each member does not see; default dealt out at random by the seed.

    Raises
    ------
    ConfigError
        More folds than half the number of shared genes.
    DataError
        Unknown columns; fewer than two classes; too few cells.
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
    covariates, covariate_names = _platform_and_batch_covariates(section, reference, batch)
    classes: tuple[str, ...] = ()
    codes = np.full(reference.n_cells, -1, dtype=np.intp)
    if labels is not None:
        classes, codes = label_codes(reference, labels)
    genes = {
        "reference": _gene_block(reference, panel.reference_columns[:n], over_all_genes=True),
        "section": _gene_block(section, panel.target_columns[:n], over_all_genes=False),
    }
    blocks = [BlockData("genes", panel.shared, np.ones(n, dtype=bool), genes)]
    if panel.n_reference_only and components:
        values = reference_components(reference, panel, components)
        k = values.shape[1]
        part = MeasuredBlock("components", values, np.arange(k), prescaled=True)
        names = tuple(f"reference component {i + 1}" for i in range(k))
        blocks.append(BlockData("components", names, np.zeros(k, dtype=bool), {"reference": part}))
    n_features = sum(len(b.features) for b in blocks)
    sides = {side: tuple(b.name for b in blocks if side in b.measured) for side in ("reference", "section")}
    return assemble_plan(
        "impute",
        blocks,
        TASKS["impute"](sides),
        {
            "reference": (covariates[1], codes),
            "section": (covariates[0], np.full(section.n_cells, -1, dtype=np.intp)),
        },
        hidden_features=np.pad(hidden_genes, ((0, 1), (0, n_features - n))),
        classes=classes,
        covariates=covariate_names,
        decode_as="reference",
    )


def reference_components(reference: Reference, panel: Panel, components: int) -> NDArray[np.float32]:
    """Principal components (cells, components) of the reference's z-scored most variable genes, with unit variance."""
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
    """Deal the shared genes out to the members in a seeded random order: (members, shared genes) bool."""
    hidden = np.zeros((members, n_shared), dtype=bool)
    order = np.random.default_rng(seed).permutation(n_shared)
    for m in range(members):
        hidden[m, order[m::members]] = True
    return hidden


def _gene_block(data: Reference, columns: NDArray[np.intp], *, over_all_genes: bool) -> MeasuredBlock:
    """Shared genes of a data set, on the linear scale.

    The library size is the total over all genes, or over the genes shown to each member; log-normalised values are
    exponentiated and not normalised again.
    """
    genes = data.modalities[0]
    shared = replace(genes, matrix=genes.matrix[:, columns]).linear_values
    size = genes.size_factors if over_all_genes or genes.normalisation == "none" else None
    return MeasuredBlock("genes", shared, np.arange(len(columns)), size)


def find_batch_columns(section: Section, reference: Reference, batch: str) -> list[int]:
    """Find which of the section (0) and the reference (1) have a column of batches.

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
            f"neither {section.name} nor {reference.name} has a column {batch!r} of batches in obs ({have}). "
            "Name one of these."
        )
    return having


def _platform_and_batch_covariates(
    section: Section, reference: Reference, batch: str | None
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], tuple[str, ...]]:
    """Multi-hot rows of section and reference, and their names: platform, then batches of either side."""
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


def build_default_imputation_plan(
    datasets: Sequence[Dataset], covariates: Sequence[str], labels: Mapping[str, str], members: int
) -> Plan:
    """Build the plan "impute" of a section and a reference, with the default settings where members is 1."""
    section, reference = datasets if len(datasets) == 2 else (None, None)
    if not isinstance(section, Section) or not isinstance(reference, Reference):
        raise ConfigError(
            f"the task impute takes a section and a reference, in this order; {len(datasets)} data sets without these "
            "roles were given. Use `inclust impute`."
        )
    panel, config = align(section, reference), Config()
    return build_imputation_plan(
        section,
        reference,
        panel,
        members=min(members if members > 1 else config.members, panel.n_shared // 2),
        seed=config.seed,
        components=config.components,
        labels=labels.get(reference.name),
        batch=covariates[0] if covariates else None,
    )
