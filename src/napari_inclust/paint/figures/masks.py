"""The masks of a plan as a picture, for the window and the documentation.

For each data set: the features that are given to the encoder, and those on which the decoder is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...training.plan import MaskSegment, Plan

ENCODER, DECODER = "the encoder sees", "the decoder is judged on"
MASK_SIDES = (ENCODER, DECODER)
BLOCK_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")  # Okabe and Ito
_MIN_RELATIVE_WIDTH = 0.45  # of a range of features, relative to the average
_NAMES_WIDTH, _GAP_WIDTH = 0.16, 0.04  # shares of the width: names of the data sets, gap between the two sides


@dataclass(frozen=True)
class MaskTile:
    """One range of features in one presentation, on one side.

    Attributes
    ----------
    row
        Index of the presentation.
    side
        `ENCODER` or `DECODER`.
    feature_range
        Index of the range of features.
    left, width
        Shares of the width of the picture.
    active
        Whether the features are given to the encoder, or the decoder is scored on them.
    hidden
        Share of the features that is hidden from each network of the ensemble: its fold.
    """

    row: int
    side: str
    feature_range: int
    left: float
    width: float
    active: bool
    hidden: float


@dataclass(frozen=True)
class MaskDiagram:
    """The masks of a plan.

    Attributes
    ----------
    data_sets
        Data set of each presentation.
    feature_ranges
        Neighbouring features with the same masks in every presentation.
    hides_fold
        For each presentation, whether the decoder is not scored on the fold of its network either.
    n_folds
        Networks that have a hidden fold; 0: none.
    in_folds
        For each range, whether its features are divided into folds.
    """

    data_sets: tuple[str, ...]
    feature_ranges: tuple[MaskSegment, ...]
    hides_fold: tuple[bool, ...]
    n_folds: int
    in_folds: tuple[bool, ...]

    @classmethod
    def from_plan(cls, plan: Plan) -> MaskDiagram:
        """Take the masks of a plan."""
        from ...training.plan import mask_segments

        feature_ranges = mask_segments(plan)
        has_fold: NDArray[np.bool_] = np.asarray(plan.hidden_features.any(axis=0))
        folded_blocks = {b.name for b in plan.blocks if has_fold[b.start : b.stop].any()}
        return cls(
            tuple(p.table for p in plan.presentations),
            tuple(feature_ranges),
            tuple(p.hides_output for p in plan.presentations),
            plan.n_folds,
            tuple(s.block in folded_blocks for s in feature_ranges),
        )

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks, in order."""
        return list(dict.fromkeys(s.block for s in self.feature_ranges))

    def colour(self, feature_range: int) -> str:
        """Return the colour of a range of features: that of its block."""
        return BLOCK_COLOURS[self.blocks.index(self.feature_ranges[feature_range].block) % len(BLOCK_COLOURS)]

    def tiles(self) -> list[MaskTile]:
        """Return a tile for each range of features of each presentation, on both sides.

        Widths grow with the logarithm of the number of features, so that small blocks are visible.
        """
        logs = np.log10([s.n_features + 1 for s in self.feature_ranges])
        widths = np.maximum(logs, _MIN_RELATIVE_WIDTH * logs.mean())
        widths = widths / widths.sum() * (1 - _NAMES_WIDTH - _GAP_WIDTH) / 2
        lefts = np.cumsum(widths) - widths
        starts = (_NAMES_WIDTH, _NAMES_WIDTH + (1 - _NAMES_WIDTH + _GAP_WIDTH) / 2)
        out = []
        for side, start in zip(MASK_SIDES, starts, strict=True):
            for row, hides in enumerate(self.hides_fold):
                for i, s in enumerate(self.feature_ranges):
                    active = (s.inputs if side == ENCODER else s.outputs)[row]
                    has_fold = active and self.n_folds and self.in_folds[i] and (side == ENCODER or hides)
                    hidden = 1 / self.n_folds if has_fold else 0.0
                    out.append(MaskTile(row, side, i, start + float(lefts[i]), float(widths[i]), active, hidden))
        return out

    def range_name(self, feature_range: int) -> str:
        """Name a range of features: its block, and its data sets when the block has several ranges."""
        s = self.feature_ranges[feature_range]
        if sum(p.block == s.block for p in self.feature_ranges) == 1:
            return s.block
        owners = list(dict.fromkeys(name for name, on in zip(self.data_sets, s.outputs, strict=True) if on))
        return f"{s.block}, {'shared' if len(owners) == len(set(self.data_sets)) else ' + '.join(owners)}"

    def describe_tile(self, tile: MaskTile) -> str:
        """Describe a tile."""
        s = self.feature_ranges[tile.feature_range]
        what = f"{s.n_features:,} features of {s.block}, {self.data_sets[tile.row]}: "
        if tile.side == ENCODER:
            what += "the encoder sees them" if tile.active else "masked, the encoder does not see them"
        else:
            what += "the decoder is judged on them" if tile.active else "masked, the decoder is not judged on them"
        return what + (
            f"; each of {self.n_folds} members but for its own fold (hatched: one fold)" if tile.hidden else ""
        )

    @property
    def hatching_note(self) -> str:
        """Explanation of the hatching; empty when no features are hidden."""
        return (
            f"Hatched: a fold. Each of {self.n_folds} members never sees its own, which scores those genes."
            if self.n_folds
            else ""
        )


def draw_masks(diagram: MaskDiagram, *, width: float = 7.0, title: str = "", dark: bool = False) -> Figure:
    """Draw the masks as a figure.

    Parameters
    ----------
    diagram
        Masks of a plan.
    width
        Of the figure, in inches.
    title
        Above the masks.
    dark
        Light text on a dark background.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    ink = "#f0f0f0" if dark else "#202020"
    n = len(diagram.data_sets)
    top = 1.9 if title else 1.3
    with mpl.rc_context({"font.size": 8, "hatch.linewidth": 0.8}):
        figure = Figure(figsize=(width, 0.34 * (n + top + 0.9)), facecolor="#262930" if dark else "white")
        axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        axes.set(xlim=(0, 1), ylim=(n + 0.9, -top))
        axes.axis("off")
        if title:
            axes.text(0, -top + 0.35, title, color=ink, weight="bold", va="center")
        for tile in diagram.tiles():
            colour = diagram.colour(tile.feature_range)
            corner, tile_width, tile_height = (tile.left + 0.003, tile.row + 0.12), tile.width - 0.006, 0.76
            face, edge = (colour, colour) if tile.active else ("none", "#909090")
            axes.add_patch(Rectangle(corner, tile_width, tile_height, facecolor=face, edgecolor=edge, lw=0.8))
            if tile.hidden:
                fold = Rectangle(
                    corner, tile_width * tile.hidden, tile_height, facecolor="none", edgecolor="white", lw=0
                )
                fold.set_hatch("//////")
                axes.add_patch(fold)
            if tile.row == 0:
                n_features = diagram.feature_ranges[tile.feature_range].n_features
                label = f"{diagram.range_name(tile.feature_range)}\n{n_features:,}"
                axes.text(tile.left + tile.width / 2, -0.1, label, color=ink, ha="center", va="bottom", size=6.5)
        for row, name in enumerate(diagram.data_sets):
            axes.text(0, row + 0.5, name, color=ink, va="center")
        for side, (left, right) in side_bounds(diagram).items():
            axes.text((left + right) / 2, n + 0.1, side, color=ink, ha="center", va="top")
        if diagram.hatching_note:
            axes.text(0, n + 0.85, diagram.hatching_note, color=ink, size=6.5, va="bottom")
    return figure


def side_bounds(diagram: MaskDiagram) -> dict[str, tuple[float, float]]:
    """Return the left and right end of each side, as shares of the width."""
    bounds = {}
    for side in MASK_SIDES:
        tiles = [t for t in diagram.tiles() if t.side == side]
        bounds[side] = min(t.left for t in tiles), max(t.left + t.width for t in tiles)
    return bounds
