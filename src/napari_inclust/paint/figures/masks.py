"""The masks of a plan as a picture: which blocks the encoder sees of each data set, and on which the decoder is judged. Shared by the window and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...training.plan import Plan, Stretch

ENCODER, DECODER = "the encoder sees", "the decoder is judged on"
SIDES = (ENCODER, DECODER)
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")  # of blocks, by Okabe and Ito
_NARROWEST = 0.45  # width of a stretch relative to an average one
_NAMES, _GAP = 0.16, 0.04  # shares of the width: names of the data sets, between the two sides


@dataclass(frozen=True)
class Tile:
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
    piece: int
    left: float
    width: float
    on: bool
    hidden: float


@dataclass(frozen=True)
class Masks:
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

    rows: tuple[str, ...]
    pieces: tuple[Stretch, ...]
    hides: tuple[bool, ...]
    folds: int
    folded: tuple[bool, ...]

    @classmethod
    def of(cls, plan: Plan) -> Masks:
        """Those of a plan."""
        from ...training.plan import stretches

        pieces, dealt, folded = stretches(plan), plan.hidden.any(0), []
        for block in plan.blocks:
            mine = [s for s in pieces if s.block == block.name]
            folded += [bool(dealt[block.start : block.stop].any())] * len(mine)
        return cls(tuple(p.table for p in plan.presentations), tuple(pieces), tuple(p.hides for p in plan.presentations), plan.folds, tuple(folded))

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks, in order."""
        return list(dict.fromkeys(s.block for s in self.pieces))

    def colour(self, piece: int) -> str:
        """Of a piece: its block's."""
        return COLOURS[self.blocks.index(self.pieces[piece].block) % len(COLOURS)]

    def tiles(self) -> list[Tile]:
        """Where each piece of each presentation lies. Widths grow with the logarithm of the number of features, so that small blocks can be seen."""
        logs = np.log10([s.features + 1 for s in self.pieces])
        widths = np.maximum(logs, _NARROWEST * logs.mean())
        widths = widths / widths.sum() * (1 - _NAMES - _GAP) / 2
        lefts = np.cumsum(widths) - widths
        out = []
        for side, start in zip(SIDES, (_NAMES, _NAMES + (1 - _NAMES + _GAP) / 2), strict=True):
            for row, hides in enumerate(self.hides):
                for i, s in enumerate(self.pieces):
                    on = (s.inputs if side == ENCODER else s.outputs)[row]
                    hidden = 1 / self.folds if on and self.folds and self.folded[i] and (side == ENCODER or hides) else 0.0
                    out.append(Tile(row, side, i, start + float(lefts[i]), float(widths[i]), on, hidden))
        return out

    def name(self, piece: int) -> str:
        """Of a piece: its block, and whose features these are when the block is in several pieces."""
        s = self.pieces[piece]
        if sum(p.block == s.block for p in self.pieces) == 1:
            return s.block
        whose = list(dict.fromkeys(row for row, on in zip(self.rows, s.outputs, strict=True) if on))
        return f"{s.block}, {'shared' if len(whose) == len(set(self.rows)) else ' + '.join(whose)}"

    def text(self, tile: Tile) -> str:
        """A tile in words."""
        s = self.pieces[tile.piece]
        what = f"{s.features:,} features of {s.block}, {self.rows[tile.row]}: "
        if tile.side == ENCODER:
            what += "the encoder sees them" if tile.on else "masked, the encoder does not see them"
        else:
            what += "the decoder is judged on them" if tile.on else "masked, the decoder is not judged on them"
        return what + (f"; each of {self.folds} members but for its own fold (hatched: one fold)" if tile.hidden else "")

    @property
    def said(self) -> str:
        """What the hatching means; empty when nothing is hidden."""
        return f"Hatched: a fold. Each of {self.folds} members never sees its own, which scores those genes." if self.folds else ""


def draw(masks: Masks, *, width: float = 7.0, title: str = "", dark: bool = False) -> Figure:
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
    n = len(masks.rows)
    top = 1.9 if title else 1.3
    with mpl.rc_context({"font.size": 8, "hatch.linewidth": 0.8}):
        figure = Figure(figsize=(width, 0.34 * (n + top + 0.9)), facecolor="#262930" if dark else "white")
        axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        axes.set(xlim=(0, 1), ylim=(n + 0.9, -top))
        axes.axis("off")
        if title:
            axes.text(0, -top + 0.35, title, color=ink, weight="bold", va="center")
        for tile in masks.tiles():
            colour = masks.colour(tile.piece)
            place = (tile.left + 0.003, tile.row + 0.12)
            axes.add_patch(
                Rectangle(place, tile.width - 0.006, 0.76, facecolor=colour if tile.on else "none", edgecolor=colour if tile.on else "#909090", lw=0.8)
            )
            if tile.hidden:
                axes.add_patch(Rectangle(place, (tile.width - 0.006) * tile.hidden, 0.76, facecolor="none", edgecolor="white", hatch="//////", lw=0))
            if tile.row == 0:
                axes.text(
                    tile.left + tile.width / 2,
                    -0.1,
                    f"{masks.name(tile.piece)}\n{masks.pieces[tile.piece].features:,}",
                    color=ink,
                    ha="center",
                    va="bottom",
                    size=6.5,
                )
        for row, name in enumerate(masks.rows):
            axes.text(0, row + 0.5, name, color=ink, va="center")
        for side, (left, right) in sides(masks).items():
            axes.text((left + right) / 2, n + 0.1, side, color=ink, ha="center", va="top")
        if masks.said:
            axes.text(0, n + 0.85, masks.said, color=ink, size=6.5, va="bottom")
    return figure


def sides(masks: Masks) -> dict[str, tuple[float, float]]:
    """Left and right end of each side, as shares of the width."""
    tiles = masks.tiles()
    return {side: (min(t.left for t in tiles if t.side == side), max(t.left + t.width for t in tiles if t.side == side)) for side in SIDES}
