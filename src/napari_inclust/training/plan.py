"""A task is a mask plan: which rows are presented with which input and which output features.

Model, training and inference know nothing else of a task. Masks are drawn from blocks (genes, proteins, peaks). An
arrow presents one data set: the blocks that the encoder sees (of each, the features that every set with the block
measures) and the blocks on which the decoder is scored (of each, all that this set measures).

=============  =========================================================================================================
task           arrows
=============  =========================================================================================================
impute         reference: shared -> shared + its own; section: shared -> shared, each member's fold hidden
integrate      every set: all its blocks -> the same; with genes of its own this is imputation both ways
transfer       as integrate; labels of the references only
pair           every set: a -> b for all its blocks a and b
generate       every set: the block that all share -> that block, and each other that the set has
bridge         as generate, and each other block -> itself: three modalities through the shared one
separate       every set: each block -> itself; nothing is shared, the latents are aligned by transport and labels
=============  =========================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DataError
from .losses import LIKELIHOODS
from .table import Mask, Table

MIN_CELLS = 20
BlockNames = tuple[str, ...]


def check_cell_count(name: str, n_cells: int) -> None:
    """Refuse a data set that is too small to train on. Raises DataError."""
    if n_cells < MIN_CELLS:
        raise DataError(
            f"{name} has {n_cells} cell{'' if n_cells == 1 else 's'}; at least {MIN_CELLS} are needed to train."
        )


class Arrow(NamedTuple):
    """One presentation, by names; `hides_output` as of `Presentation`."""

    dataset: str
    inputs: BlockNames
    outputs: BlockNames
    hides_output: bool = False


DatasetBlocks = Mapping[str, BlockNames]  # the blocks of each data set


def _shared_block(dataset_blocks: DatasetBlocks) -> str:
    """Return the block that all sets have; the first where there are several.

    Raises
    ------
    ConfigError
        No such block.
    """
    common = [b for b in next(iter(dataset_blocks.values())) if all(b in blocks for blocks in dataset_blocks.values())]
    if not common:
        have = "; ".join(f"{name} has {', '.join(blocks)}" for name, blocks in dataset_blocks.items())
        raise ConfigError(
            f"no modality is measured by every data set ({have}), so nothing connects them. "
            "Without one, only `separate` aligns them."
        )
    return common[0]


def imputation_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """Shared block -> all blocks of a set; a set without others (the section) is not scored on hidden features."""
    shared = _shared_block(dataset_blocks)
    return [Arrow(name, (shared,), blocks, blocks == (shared,)) for name, blocks in dataset_blocks.items()]


def integration_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """All blocks -> the same."""
    return [Arrow(name, blocks, blocks) for name, blocks in dataset_blocks.items()]


def pairing_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """Every block -> every block of the same set."""
    return [Arrow(name, (a,), (b,)) for name, blocks in dataset_blocks.items() for a in blocks for b in blocks]


def generation_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """Shared block -> every block."""
    shared = _shared_block(dataset_blocks)
    return [Arrow(name, (shared,), (b,)) for name, blocks in dataset_blocks.items() for b in blocks]


def bridging_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """Shared block -> every block, and every other block -> itself."""
    shared = _shared_block(dataset_blocks)
    return generation_arrows(dataset_blocks) + [
        Arrow(name, (b,), (b,)) for name, blocks in dataset_blocks.items() for b in blocks if b != shared
    ]


def separation_arrows(dataset_blocks: DatasetBlocks) -> list[Arrow]:
    """Every block -> itself."""
    return [Arrow(name, (b,), (b,)) for name, blocks in dataset_blocks.items() for b in blocks]


TASKS: dict[str, Callable[[DatasetBlocks], list[Arrow]]] = {
    "impute": imputation_arrows,
    "integrate": integration_arrows,
    "transfer": integration_arrows,
    "pair": pairing_arrows,
    "generate": generation_arrows,
    "bridge": bridging_arrows,
    "separate": separation_arrows,
}


@dataclass(frozen=True)
class Block:
    """Features of one kind: `start` to `stop` of the plan's features, scored by one of `losses.LIKELIHOODS`."""

    name: str
    start: int
    stop: int
    likelihood: str = "squared"

    def __post_init__(self) -> None:
        """Check the likelihood."""
        if self.likelihood not in LIKELIHOODS:
            raise ConfigError(
                f"the likelihood of {self.name} is {self.likelihood!r}; expected one of {', '.join(LIKELIHOODS)}."
            )


@dataclass(frozen=True, eq=False)
class Presentation:
    """Rows of one table, shown with an input mask and scored with an output mask: a view, never a copy.

    Attributes
    ----------
    input_mask, output_mask : (features,) bool
    hides_output : bool
        Whether a feature hidden from a member is dropped from this presentation's output too (it is dropped from every
        input).
    """

    table: str
    input_mask: Mask
    output_mask: Mask
    hides_output: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that training and inference know of a task.

    Attributes
    ----------
    hidden_features : (members, features) bool
        Features that a member never sees as input, nor as output where the presentation says `hides_output`: its fold.
    classes
        Names of the outputs of the classifier; empty when nothing is labelled.
    spare
        Further outputs of the classifier, for kinds that no label names.
    decode_as
        The table with whose covariate latents are decoded: it measures the features to predict.
    shared_encoder
        Covariates are feature vectors that go through the encoder themselves.
    spec
        The arguments of `build_plan`, when it made the plan.
    notes
        What a user should know: features matched by another name.

    Raises
    ------
    ConfigError
        A presentation of what its table does not measure, a feature that no presentation trains, blocks that do not
        cover the features.
    """

    task: str
    blocks: tuple[Block, ...]
    features: tuple[str, ...]
    tables: tuple[Table, ...]
    presentations: tuple[Presentation, ...]
    hidden_features: Mask
    classes: tuple[str, ...]
    covariates: tuple[str, ...]
    decode_as: str
    spare: int = 0
    shared_encoder: bool = False
    spec: PlanSpec | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check masks and blocks against the tables."""
        edges = [0, *(b.stop for b in self.blocks)]
        if [b.start for b in self.blocks] != edges[:-1] or edges[-1] != len(self.features):
            raise ConfigError(
                f"the blocks end at {edges[-1]} and have gaps or overlaps; "
                f"they must cover the plan's {len(self.features)} features in order."
            )
        for p in self.presentations:
            measured = self.table(p.table).measured_mask(len(self.features))
            if (p.output_mask & ~measured).any():
                raise ConfigError(
                    f"{p.table} does not measure {self.describe_features(p.output_mask & ~measured)}, "
                    "but the plan asks for it as output."
                )
            if not (p.input_mask & measured).any():
                raise ConfigError(
                    f"the plan shows nothing of {p.table} to the encoder: "
                    "its input mask and what it measures have no feature in common."
                )
        untrained = ~np.any([p.output_mask for p in self.presentations], axis=0)
        if untrained.any():
            raise ConfigError(
                f"no presentation trains {self.describe_features(untrained)}: every output mask leaves it out. "
                "Drop it from the plan, or ask for it."
            )
        for t in self.tables:
            if not any(p.table == t.name for p in self.presentations):
                raise ConfigError(f"no presentation shows {t.name}. Leave the data set out, or add an arrow for it.")

    def describe_features(self, mask: Mask) -> str:
        """Name a feature and the number of others, for a message."""
        names = [self.features[i] for i in np.flatnonzero(mask)[:1]]
        more = int(mask.sum()) - 1
        return f"{names[0]} and {more} more" if more else names[0]

    def table(self, name: str) -> Table:
        """Return a table by its name."""
        return next(t for t in self.tables if t.name == name)

    def block(self, name: str) -> Block:
        """Return a block by its name.

        Raises
        ------
        ConfigError
            No such block, with those that there are.
        """
        for b in self.blocks:
            if b.name == name:
                return b
        raise ConfigError(
            f"no data set of this run measures {name!r}; it has {', '.join(b.name for b in self.blocks)}."
        )

    @property
    def n_members(self) -> int:
        """Networks trained side by side for each KL weight."""
        return int(self.hidden_features.shape[0])

    @property
    def n_folds(self) -> int:
        """Members that have a fold hidden from them."""
        return int(self.hidden_features.any(1).sum())

    @property
    def n_classes(self) -> int:
        """Outputs of the classifier that labels ask for; 0 when nothing is labelled."""
        return len(self.classes) + self.spare

    @property
    def input_mask(self) -> Mask:
        """(features,) bool: shown to the encoder in any presentation."""
        shown: Mask = np.any([p.input_mask for p in self.presentations], axis=0)
        return shown


class MaskSegment(NamedTuple):
    """Neighbouring features that every presentation treats alike."""

    block: str
    n_features: int
    inputs: tuple[bool, ...]  # by presentation
    outputs: tuple[bool, ...]


def mask_segments(plan: Plan) -> list[MaskSegment]:
    """Group the features of each block by the masks that apply to them: the columns of a table or picture of a plan."""
    out: list[MaskSegment] = []
    for block in plan.blocks:
        features = slice(block.start, block.stop)
        pattern = np.stack([m[features] for p in plan.presentations for m in (p.input_mask, p.output_mask)], 1)
        kinds, kind_of_feature = np.unique(pattern, axis=0, return_inverse=True)
        order: Sequence[int] = sorted(range(len(kinds)), key=lambda k: -int(kinds[k][::2].sum()))
        out += [
            MaskSegment(
                block.name,
                int((kind_of_feature.ravel() == k).sum()),
                tuple(map(bool, kinds[k][::2])),
                tuple(map(bool, kinds[k][1::2])),
            )
            for k in order
        ]
    return out


@dataclass(frozen=True)
class PlanSpec:
    """The arguments of `build_plan.build_plan` other than the data."""

    task: str
    arrows: tuple[Arrow, ...] | None = None
    covariates: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    spare: int = 0
    likelihoods: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    members: int = 1
    decode_as: str | None = None

    @property
    def compose_options(self) -> dict[str, Any]:
        """Keyword arguments of `build_plan`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "task"}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and TOML, without what is not set."""
        out: dict[str, Any] = {"task": self.task}
        for name, value in self.compose_options.items():
            if name == "arrows" and value is not None:
                out[name] = [{"data": a.dataset, "inputs": list(a.inputs), "outputs": list(a.outputs)} for a in value]
            elif value or name == "members":
                out[name] = (
                    dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
                )
        return out

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], source: str = "the plan") -> PlanSpec:
        """Check plain values, as `to_dict` gives them.

        Raises
        ------
        ConfigError
            An entry that is missing, unknown or of the wrong kind.
        """
        known = [f.name for f in fields(cls)]
        for name in entries:
            if name not in known:
                raise ConfigError(f"{source} has an entry {name!r}; expected {', '.join(known)}.")
        if not isinstance(entries.get("task"), str):
            raise ConfigError(f'{source} names no task; expected a line like task = "integrate".')
        checked = {name: _checked(name, value, source) for name, value in entries.items()}
        return cls(**checked)


def _checked(name: str, value: Any, source: str) -> Any:
    """Check one entry of a specification and convert it. Raises ConfigError."""
    if name in ("task", "decode_as"):
        ok, form, out = isinstance(value, str), "a text", value
    elif name in ("spare", "members"):
        ok, form, out = (
            isinstance(value, int) and not isinstance(value, bool) and value >= (name == "members"),
            "a whole number",
            value,
        )
    elif name in ("covariates", "keep"):
        ok, form = _is_string_list(value), "a list of texts"
        out = tuple(value) if ok else ()
    elif name in ("labels", "likelihoods"):
        ok, form = isinstance(value, dict) and _is_string_list(list(value.values())), "a table of texts"
        out = value
    else:
        ok, form = (
            isinstance(value, list) and all(_is_arrow(a) for a in value),
            'tables like data = "pbmc", inputs = ["rna"], outputs = ["rna", "protein"]',
        )
        out = tuple(Arrow(a["data"], tuple(a["inputs"]), tuple(a["outputs"])) for a in value) if ok else ()
    if not ok:
        raise ConfigError(f"{name} of {source} is {value!r}; expected {form}.")
    return out


def _is_arrow(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"data", "inputs", "outputs"}
        and isinstance(value["data"], str)
        and all(map(_is_string_list, (value["inputs"], value["outputs"])))
    )


def _is_string_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
