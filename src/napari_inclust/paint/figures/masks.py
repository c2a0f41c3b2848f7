"""The masks of a plan as a picture: which blocks the encoder sees of each data set, and on which the decoder is judged. Shared by the window and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...training.plan import MaskSegment, Plan

ENCODER, DECODER = "the encoder sees", "the decoder is judged on"
MASK_SIDES = (ENCODER, DECODER)
BLOCK_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")  # of blocks, by Okabe and Ito
_MIN_RELATIVE_WIDTH = 0.45  # width of a stretch relative to an average one
_NAMES_WIDTH, _GAP_WIDTH = 0.16, 0.04  # shares of the width: names of the data sets, between the two sides


@dataclass(frozen=True)
class MaskTile:
    """One stretch of features in one presentation, on one side.

    Attributes
    ----------
    row
        Of the presentation.
    left, width
        Shares of the width of the picture.
    on
        Whether it is shown, or judged.
    hidden
        Share of it that each member never sees: its fold.
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
    rows
        Data set of each presentation.
    pieces
        Neighbouring features that every presentation treats alike.
    hides
        For each presentation, whether a member's fold is left out of what it is judged on, too.
    folds
        Members that have a fold hidden from them; 0: none.
    folded
        For each piece, whether it is dealt out to folds.
    """

    data_sets: tuple[str, ...]
    feature_ranges: tuple[MaskSegment, ...]
    hides_fold: tuple[bool, ...]
    n_folds: int
    in_folds: tuple[bool, ...]

    @classmethod
    def from_plan(cls, plan: Plan) -> MaskDiagram:
        """Those of a plan."""
        from ...training.plan import mask_segments

        pieces, dealt, folded = mask_segments(plan), plan.hidden_features.any(0), []
        for block in plan.blocks:
            mine = [s for s in pieces if s.block == block.name]
            folded += [bool(dealt[block.start : block.stop].any())] * len(mine)
        return cls(
            tuple(p.table for p in plan.presentations),
            tuple(pieces),
            tuple(p.hides_output for p in plan.presentations),
            plan.n_folds,
            tuple(folded),
        )

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks, in order."""
        return list(dict.fromkeys(s.block for s in self.feature_ranges))

    def colour(self, feature_range: int) -> str:
        """Of a piece: its block's."""
        return BLOCK_COLOURS[self.blocks.index(self.feature_ranges[feature_range].block) % len(BLOCK_COLOURS)]

    def tiles(self) -> list[MaskTile]:
        """Where each piece of each presentation lies. Widths grow with the logarithm of the number of features, so that small blocks can be seen."""
        logs = np.log10([s.n_features + 1 for s in self.feature_ranges])
        widths = np.maximum(logs, _MIN_RELATIVE_WIDTH * logs.mean())
        widths = widths / widths.sum() * (1 - _NAMES_WIDTH - _GAP_WIDTH) / 2
        lefts = np.cumsum(widths) - widths
        out = []
        for side, start in zip(
            MASK_SIDES, (_NAMES_WIDTH, _NAMES_WIDTH + (1 - _NAMES_WIDTH + _GAP_WIDTH) / 2), strict=True
        ):
            for row, hides in enumerate(self.hides_fold):
                for i, s in enumerate(self.feature_ranges):
                    on = (s.inputs if side == ENCODER else s.outputs)[row]
                    hidden = (
                        1 / self.n_folds
                        if on and self.n_folds and self.in_folds[i] and (side == ENCODER or hides)
                        else 0.0
                    )
                    out.append(MaskTile(row, side, i, start + float(lefts[i]), float(widths[i]), on, hidden))
        return out

    def range_name(self, feature_range: int) -> str:
        """Of a piece: its block, and whose features these are when the block is in several pieces."""
        s = self.feature_ranges[feature_range]
        if sum(p.block == s.block for p in self.feature_ranges) == 1:
            return s.block
        whose = list(dict.fromkeys(row for row, on in zip(self.data_sets, s.outputs, strict=True) if on))
        return f"{s.block}, {'shared' if len(whose) == len(set(self.data_sets)) else ' + '.join(whose)}"

    def describe_tile(self, tile: MaskTile) -> str:
        """A tile in words."""
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
        """What the hatching means; empty when nothing is hidden."""
        return (
            f"Hatched: a fold. Each of {self.n_folds} members never sees its own, which scores those genes."
            if self.n_folds
            else ""
        )


def draw_masks(diagram: MaskDiagram, *, width: float = 7.0, title: str = "", dark: bool = False) -> Figure:
    """A figure of the masks.

    Parameters
    ----------
    width
        Inches.
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
            place = (tile.left + 0.003, tile.row + 0.12)
            axes.add_patch(
                Rectangle(
                    place,
                    tile.width - 0.006,
                    0.76,
                    facecolor=colour if tile.active else "none",
                    edgecolor=colour if tile.active else "#909090",
                    lw=0.8,
                )
            )
            if tile.hidden:
                axes.add_patch(
                    Rectangle(
                        place,
                        (tile.width - 0.006) * tile.hidden,
                        0.76,
                        facecolor="none",
                        edgecolor="white",
                        hatch="//////",
                        lw=0,
                    )
                )
            if tile.row == 0:
                axes.text(
                    tile.left + tile.width / 2,
                    -0.1,
                    f"{diagram.range_name(tile.feature_range)}\n{diagram.feature_ranges[tile.feature_range].n_features:,}",
                    color=ink,
                    ha="center",
                    va="bottom",
                    size=6.5,
                )
        for row, name in enumerate(diagram.data_sets):
            axes.text(0, row + 0.5, name, color=ink, va="center")
        for side, (left, right) in side_bounds(diagram).items():
            axes.text((left + right) / 2, n + 0.1, side, color=ink, ha="center", va="top")
        if diagram.hatching_note:
            axes.text(0, n + 0.85, diagram.hatching_note, color=ink, size=6.5, va="bottom")
    return figure


def side_bounds(diagram: MaskDiagram) -> dict[str, tuple[float, float]]:
    """Left and right end of each side, as shares of the width."""
    tiles = diagram.tiles()
    return {
        side: (min(t.left for t in tiles if t.side == side), max(t.left + t.width for t in tiles if t.side == side))
        for side in MASK_SIDES
    }
