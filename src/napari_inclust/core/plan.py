"""A task is a mask plan: which rows are presented with which input features and which output features. Nothing else differs between tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from . import values as val

if TYPE_CHECKING:
    from .panel import Panel
    from .section import Reference, Section

Mask = NDArray[np.bool_]
MIN_CELLS = 20
VARIABLE_GENES = 2000  # of the reference, for its components
NO_LABEL = {"", "nan", "none", "na", "n/a", "unknown", "unassigned", "ambiguous", "unstable"}


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one data set over the features that it measures.

    Attributes
    ----------
    linear : (cells, columns) CSR float32
        Values before the logarithm; library sizes are divided out by `size`.
    size : (cells,) or None
        Library size of each cell over everything that the data set measures. None: over the features shown, so that a hidden feature leaves no trace
        in the scale of the others.
    features : (columns,) int
        Position of each column among the plan's features.
    covariates : (cells, covariates) float32
        One-hot or multi-hot.
    labels : (cells,) int
        Class of each row, -1 where there is none.
    extra : (cells, extra features) float32
        Values that are scaled already (components); they are the plan's last features.
    """

    name: str
    linear: sp.csr_matrix
    size: NDArray[np.float64] | None
    features: NDArray[np.intp]
    covariates: NDArray[np.float32]
    labels: NDArray[np.intp]
    extra: NDArray[np.float32]

    @property
    def n_cells(self) -> int:
        return int(self.linear.shape[0])

    def factors(self, hidden: Mask) -> NDArray[np.float32]:
        """(n, cells) by which `linear` is multiplied before log1p, for n sets of hidden features (n, features): median library size / library size."""
        if self.size is not None:
            return np.repeat(_factor(self.size)[None], len(hidden), 0)
        shown = ~hidden[:, self.features]
        return np.stack([_factor(np.asarray(self.linear @ s.astype(np.float32), dtype=np.float64)) for s in shown])

    def lognormalised(self) -> sp.csr_matrix:
        """(cells, columns) log1p of everything shown, as the user sees it."""
        out = self.linear.copy()
        factor = self.factors(np.zeros((1, self.features.max() + 1), dtype=bool))[0]
        out.data = np.log1p(out.data * np.repeat(factor, np.diff(out.indptr)))
        return out


def _factor(size: NDArray[np.float64]) -> NDArray[np.float32]:
    positive = size > 0
    median = np.median(size[positive]) if positive.any() else 1.0
    return np.where(positive, median / np.where(positive, size, 1), 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Presentation:
    """Rows of one table, shown with an input mask and judged with an output mask.

    Attributes
    ----------
    inputs, outputs : (features,) bool
    hides : bool
        Whether a feature hidden from a member is dropped from this presentation's output too (it is dropped from every input).
    share : float
        Rows drawn in a step, as a multiple of the batch size.
    """

    table: str
    inputs: Mask
    outputs: Mask
    hides: bool = False
    share: float = 1.0


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that training and inference know of a task.

    Attributes
    ----------
    hidden : (members, features) bool
        Features that a member never sees as input, nor as output where the presentation `hides`: its fold. The last member sees everything.
    classes
        Names of the outputs of the classifier; empty when nothing is labelled.
    decode_as : (covariates,) float32
        The covariate with which unmeasured features are decoded: that of the data set that measures them.
    """

    task: str
    features: tuple[str, ...]
    tables: tuple[Table, ...]
    presentations: tuple[Presentation, ...]
    hidden: Mask
    classes: tuple[str, ...]
    covariates: tuple[str, ...]
    decode_as: NDArray[np.float32]

    def __post_init__(self) -> None:
        for p in self.presentations:
            measured = np.zeros(len(self.features), dtype=bool)
            measured[self.table(p.table).features] = True
            measured[len(measured) - self.table(p.table).extra.shape[1] :] = True
            if (p.outputs & ~measured).any():
                raise ConfigError(f"{p.table} does not measure {self._first(p.outputs & ~measured)}, but the plan asks for it as output.")
            if not (p.inputs & measured).any():
                raise ConfigError(f"the plan shows nothing of {p.table} to the encoder: its input mask and what it measures have no feature in common.")
        blind = ~self.inputs & ~np.any([p.outputs for p in self.presentations], axis=0)
        if blind.any():
            raise ConfigError(f"no presentation shows or trains {self._first(blind)}: drop it from the plan.")

    def _first(self, mask: Mask) -> str:
        names = [self.features[i] for i in np.flatnonzero(mask)]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

    def table(self, name: str) -> Table:
        return next(t for t in self.tables if t.name == name)

    @property
    def members(self) -> int:
        """With the one that sees everything."""
        return int(self.hidden.shape[0])

    @property
    def folds(self) -> int:
        """Members that have a fold hidden from them."""
        return self.members - 1

    @property
    def inputs(self) -> Mask:
        """(features,) bool: shown to the encoder in any presentation."""
        shown: Mask = np.any([p.inputs for p in self.presentations], axis=0)
        return shown


def imputation(
    section: Section,
    reference: Reference,
    panel: Panel,
    *,
    members: int,
    seed: int,
    components: int = 30,
    labels: str | None = None,
    batch: str | None = None,
) -> Plan:
    """The plan of the main job: reference: shared -> shared + components; section: shared -> shared; each member hides one fold of the shared genes.

    The reference-only genes stand in the plan as their principal components: the network learns what they vary by at a cost that does not grow with their
    number, and any one of them is then read out of the decoder's hidden units in closed form (`readout.Decoder`).

    Parameters
    ----------
    labels, batch
        Columns of the reference's obs (cell types), and of either obs (batches, an added covariate).
    members
        Folds; at most half the number of shared genes.
    components
        Principal components of the whole reference that the network learns beside the shared genes.

    Raises
    ------
    DataError
        Unknown columns; fewer than two classes.
    """
    n = panel.n_shared
    for data in (section, reference):
        if data.n_cells < MIN_CELLS:
            raise DataError(f"{data.name} has {data.n_cells} cells; at least {MIN_CELLS} are needed to train.")
    if members > n // 2:
        raise ConfigError(f"{members} folds of {n} shared genes leave fewer than 2 genes a fold; use at most {n // 2} members.")
    codes, covariates = _covariates(section, reference, batch)
    classes: tuple[str, ...] = ()
    coded = None
    if labels is not None:
        classes, coded = label_codes(reference, labels)
    extra = reference_components(reference, panel, components) if panel.n_reference_only else np.zeros((reference.n_cells, 0), dtype=np.float32)
    n_extra = extra.shape[1]
    shared = np.arange(n + n_extra) < n
    tables = (
        _table("reference", reference, panel.reference_columns[:n], reference.matrix, codes[1], coded, extra),
        _table("section", section, panel.target_columns[:n], None, codes[0], None, np.zeros((section.n_cells, 0), dtype=np.float32)),
    )
    return Plan(
        task="impute",
        features=panel.shared + tuple(f"reference component {i + 1}" for i in range(n_extra)),
        tables=tables,
        presentations=(Presentation("reference", shared, np.ones(n + n_extra, dtype=bool)), Presentation("section", shared, shared, hides=True)),
        hidden=np.vstack([folds(n, n + n_extra, members, seed), np.zeros((1, n + n_extra), dtype=bool)]),
        classes=classes,
        covariates=covariates,
        decode_as=codes[1].mean(0, dtype=np.float32),
    )


def reference_components(reference: Reference, panel: Panel, components: int) -> NDArray[np.float32]:
    """(cells, components) principal components of the reference over its most variable genes, z-scored, each scaled to unit variance."""
    from sklearn.utils.extmath import randomized_svd

    values = val.lognormalise(reference.matrix[:, panel.reference_columns], reference.values.kind, val.library_size(reference.matrix))
    mean = np.asarray(values.mean(0)).ravel()
    variance = np.asarray(values.multiply(values).mean(0)).ravel() - mean**2
    chosen = np.sort(np.argsort(-variance, kind="stable")[:VARIABLE_GENES])
    z = (values[:, chosen].toarray() - mean[chosen]) / np.sqrt(np.maximum(variance[chosen], 1e-12))
    z = np.clip(z, -4, 4) - np.clip(z, -4, 4).mean(0)
    k = min(components, min(z.shape) - 1)
    u, s, _ = randomized_svd(z, k, random_state=0)
    scores = u * s
    out: NDArray[np.float32] = ((scores - scores.mean(0)) / np.maximum(scores.std(0), 1e-12)).astype(np.float32)
    return out


def folds(n_shared: int, n_features: int, members: int, seed: int) -> Mask:
    """(members, features) bool: the shared genes dealt out to the members in a seeded random order."""
    hidden = np.zeros((members, n_features), dtype=bool)
    order = np.random.default_rng(seed).permutation(n_shared)
    for m in range(members):
        hidden[m, order[m::members]] = True
    return hidden


def _table(
    name: str,
    data: Reference,
    columns: NDArray[np.intp],
    total: sp.csr_matrix | None,
    covariates: NDArray[np.float32],
    labels: NDArray[np.intp] | None,
    extra: NDArray[np.float32],
) -> Table:
    """A table over some columns of a data set; log-normalised values are taken back to the linear scale and not normalised again."""
    linear = data.matrix[:, columns]
    size = None if total is None else val.library_size(total)
    if data.values.kind == "lognorm":
        linear.data, size = np.expm1(linear.data), np.ones(data.n_cells)
    labels = np.full(data.n_cells, -1, dtype=np.intp) if labels is None else labels
    return Table(name, linear, size, np.arange(len(columns)), covariates, labels, extra)


def label_codes(data: Reference, key: str) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Classes and the code of each cell (-1 without a label: missing, "unknown", "unassigned", "Ambiguous").

    Raises
    ------
    DataError
        No such column, or fewer than two classes.
    """
    column = _column(data, key)
    present = np.array([v.strip().lower() not in NO_LABEL for v in column])
    classes = tuple(sorted(set(column[present])))
    if len(classes) < 2:
        raise DataError(
            f"obs[{key!r}] of {data.name} has {len(classes)} class{'' if len(classes) == 1 else 'es'}; labels need at least two. Choose another column, or none."
        )
    position = {c: i for i, c in enumerate(classes)}
    return classes, np.array([position[v] if ok else -1 for v, ok in zip(column, present, strict=True)], dtype=np.intp)


def _column(data: Reference, key: str) -> NDArray[np.str_]:
    if key not in data.adata.obs:
        have = ", ".join(map(str, data.adata.obs.columns[:12])) or "nothing"
        raise DataError(f"{data.name} has no column {key!r} in obs (it has {have}). Name one of these.")
    return np.asarray(data.adata.obs[key].astype(str))


def _covariates(section: Section, reference: Reference, batch: str | None) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], tuple[str, ...]]:
    """Platform, then batches of either side where the column exists: multi-hot rows for section and reference."""
    sides: tuple[Reference, Reference] = (section, reference)
    names = ["platform: section", "platform: reference"]
    levels: list[tuple[int, str]] = []
    if batch is not None:
        having = [i for i, s in enumerate(sides) if batch in s.adata.obs]
        if not having:
            _column(reference, batch)
        levels = [(i, v) for i in having for v in sorted(set(_column(sides[i], batch)))]
        names += [f"{batch}: {v} ({('section', 'reference')[i]})" for i, v in levels]
    codes = []
    for i, side in enumerate(sides):
        hot = np.zeros((side.n_cells, len(names)), dtype=np.float32)
        hot[:, i] = 1
        for c, (j, v) in enumerate(levels):
            if j == i:
                hot[_column(side, str(batch)) == v, 2 + c] = 1
        codes.append(hot)
    return (codes[0], codes[1]), tuple(names)
