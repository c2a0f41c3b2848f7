"""Figures for print: cells as a raster, all else (text, colour bars, scale bar, legends) as vectors. matplotlib alone, no window."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InclustError
from ...io.writers.atomic import as_output_error, replacing
from ..colours import CHANNELS, DIVERGING
from ..raster.cell_raster import CellRaster
from ..values import CellTypes, CellValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = NDArray[np.float64]
SUFFIXES = (".png", ".svg", ".pdf")
MOST_NAMED = 30  # categories in a legend
_SIDE, _FOOT, _LINE, _LETTER, _GAP = 0.72, 0.3, 0.13, 0.066, 0.06  # inches: colour bar, scale bar, line of text, letter, between panes
_GREY = (0.5, 0.5, 0.5, 0.35)  # cells below a threshold, or without a value
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "inclust", "pdf.fonttype": 42, "text.parse_math": False, "font.size": 8, "legend.frameon": False,
    "image.composite_image": False,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pane:
    """One picture of the cells in a figure.

    Attributes
    ----------
    title
        Two lines at most; an imputed gene is called so in it.
    colours : (cells, 4)
        RGBA, 0 to 1.
    bar
        Colormap, lowest and highest value, and what is measured with its unit; None: no colour bar.
    keys
        Names and colours of a legend.
    """

    title: str
    colours: NDArray[np.float32]
    bar: tuple[str, float, float, str] | None = None
    keys: tuple[tuple[str, Any], ...] = ()


def gene_pane(shown: CellValues, limits: tuple[float, float], colormap: str, least: float | None = None) -> Pane:
    """A gene (or another number) in a colormap; cells below `least` are grey."""
    from matplotlib import colormaps

    colormap = DIVERGING if shown.centred else colormap
    low, high = limits
    scaled = np.clip((shown.values - low) / (high - low), 0, 1)
    colours = colormaps[colormap](np.nan_to_num(scaled)).astype(np.float32)
    colours[~np.isfinite(shown.values) | (shown.values < (-np.inf if least is None else least))] = _GREY
    return Pane(f"{shown.name}\n{shown.mark}", colours, (colormap, low, high, shown.unit))


def blend_pane(genes: Mapping[str, CellValues], limits: Mapping[str, tuple[float, float]]) -> Pane:
    """Up to three genes as red, green and blue.

    Parameters
    ----------
    genes, limits
        By channel.
    """
    if not genes:
        raise InclustError("the blend is empty. Put at least one gene into it.")
    n = len(next(iter(genes.values())).values)
    colours = np.zeros((n, 4), dtype=np.float32)
    colours[:, 3] = 1
    for i, channel in enumerate(CHANNELS):
        if channel in genes:
            low, high = limits[channel]
            colours[:, i] = np.clip(np.nan_to_num((genes[channel].values - low) / (high - low)), 0, 1)
    pure = dict(zip(CHANNELS, np.eye(3), strict=True))
    keys = tuple((f"{genes[c].title}: {limits[c][0]:.2g} to {limits[c][1]:.2g} {genes[c].unit}", pure[c]) for c in CHANNELS if c in genes)
    return Pane(" · ".join(genes[c].name + ("*" if genes[c].is_imputed else "") for c in CHANNELS if c in genes), colours, keys=keys)


def type_pane(types: CellTypes) -> Pane:
    """Categories with their legend; the largest are named when there are very many."""
    table = np.vstack([types.colours, _GREY]).astype(np.float32)
    size = np.bincount(types.codes[types.codes >= 0], minlength=len(types.categories))
    named = np.sort(np.argsort(-size, kind="stable")[:MOST_NAMED])
    keys = [(types.categories[i], types.colours[i]) for i in named if size[i]]
    rest = int((size > 0).sum()) - len(keys)
    return Pane(types.name, table[types.codes], keys=(*keys, *([(f"and {rest} more", _GREY)] if rest > 0 else [])))


def draw(
    raster: CellRaster, panes: Sequence[Pane], *, unit: str = "µm", columns: int | None = None, width: float = 7.0, dpi: int = 300, dark: bool = False
) -> Figure:
    """Panes beside and below each other, each with its colour bar or legend and a scale bar.

    Parameters
    ----------
    unit
        Of the coordinates.
    columns
        Panes in a row; default: as square as can be.
    width
        Inches.
    dpi
        Pixels an inch of the cells; the rest is drawn by vectors where the file allows.
    dark
        White on black.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not panes:
        raise InclustError("there is nothing to draw. Choose at least one gene.")
    columns = min(len(panes), columns or int(np.ceil(np.sqrt(len(panes)))))
    rows = [panes[i : i + columns] for i in range(0, len(panes), columns)]
    low, high = _ends(raster)
    each = width / columns
    wide = each - _SIDE - _GAP
    tall = min(wide * (high[1] - low[1]) / (high[0] - low[0]), 2.5 * wide)
    titles = [_LINE * max(_title(p, each).count("\n") + 1 for p in row) + _GAP for row in rows]
    legends = [_LINE * max(_legend_lines(p, each) for p in row) for row in rows]
    height = sum(titles) + sum(legends) + len(rows) * (tall + _FOOT + _GAP)
    ink, paper = ("white", "black") if dark else ("black", "white")
    inks = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
    with mpl.rc_context(_STYLE | inks):
        figure = Figure(figsize=(width, height), dpi=dpi, facecolor=paper)
        top = height
        for row, title, legend in zip(rows, titles, legends, strict=True):
            bottom = top - title - tall
            for j, pane in enumerate(row):
                left = j * each + _GAP
                ax = figure.add_axes((left / width, bottom / height, wide / width, tall / height))
                _paint(ax, raster, pane, (low, high), pixels=wide * dpi, ink=ink, unit=unit)
                figure.text(left / width, (bottom + tall + _GAP / 2) / height, _title(pane, each), va="bottom", linespacing=1.1)
                if pane.bar is not None:
                    place = ((left + wide + _GAP) / width, (bottom + 0.2 * tall) / height, 0.08 / width, 0.6 * tall / height)
                    _bar(figure.add_axes(place), pane.bar)
                if pane.keys:
                    _legend(figure, pane, each, (left / width, (bottom - _FOOT) / height))
            top = bottom - _FOOT - legend - _GAP
    return figure


def write_figure(figure: Figure, path: str | Path) -> Path:
    """PNG, SVG or PDF by the suffix, complete or not at all.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    import matplotlib as mpl

    path = Path(path)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context(_STYLE), replacing(path) as part, as_output_error(path):
        figure.savefig(part, format=path.suffix[1:], metadata=dates.get(path.suffix), facecolor=figure.get_facecolor())
    return path


def _title(pane: Pane, width: float) -> str:
    """The title, broken to a width in inches."""
    return "\n".join(textwrap.fill(line, max(10, int((width - 2 * _GAP) / _LETTER))) for line in pane.title.splitlines())


def _legend_columns(pane: Pane) -> int:
    return 1 if len(pane.keys) <= len(CHANNELS) else 2


def _names(pane: Pane, width: float) -> list[str]:
    """Names of the legend, broken to a width in inches."""
    letters = int((width / _legend_columns(pane) - 0.3) / (0.82 * _LETTER))
    return [textwrap.fill(name, max(8, letters)) for name, _ in pane.keys]


def _legend_lines(pane: Pane, width: float) -> int:
    """Lines of the higher column of the legend."""
    lines, columns = [name.count("\n") + 1 for name in _names(pane, width)], _legend_columns(pane)
    half = -(-len(lines) // columns)
    return max((sum(lines[i : i + half]) for i in range(0, len(lines), max(half, 1))), default=0)


def _paint(ax: Axes, raster: CellRaster, pane: Pane, ends: tuple[Point, Point], *, pixels: float, ink: str, unit: str) -> None:
    """The cells and the scale bar."""
    from matplotlib.transforms import Affine2D

    level = max((i for i, shape in enumerate(raster.shapes) if max(shape) >= pixels), default=0)
    labels = raster.labels(level, slice(0, raster.shapes[level][0]), slice(0, raster.shapes[level][1]))
    table = np.vstack([np.zeros((1, 4), dtype=np.float32), pane.colours])
    image = (table * 255 + 0.5).astype(np.uint8)[labels]
    ratio = np.array(raster.shapes[0]) / raster.shapes[level]
    finest = np.array([[ratio[0], 0, ratio[0] / 2 - 0.5], [0, ratio[1], ratio[1] / 2 - 0.5], [0, 0, 1.0]])  # (row, column) of this level to the finest
    swap = np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 1.0]])
    drawn = ax.imshow(image, interpolation="nearest", extent=(-0.5, labels.shape[1] - 0.5, labels.shape[0] - 0.5, -0.5))
    drawn.set_transform(Affine2D(swap @ raster.affine @ finest @ swap) + ax.transData)  # (column, row) to (x, y)
    low, high = ends
    ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", anchor="NW")
    ax.set_axis_off()
    length, y = _round_length((high[0] - low[0]) / 4), high[1]
    bar = ax.plot([low[0], low[0] + length], [y, y], color=ink, linewidth=1.5, solid_capstyle="butt", clip_on=False)[0]
    bar.set_transform(ax.transData + Affine2D().translate(0, -0.06 * ax.figure.dpi))
    ax.annotate(f"{length:g} {unit}", (low[0], y), xytext=(0, -7), textcoords="offset points", va="top")


def _bar(ax: Axes, bar: tuple[str, float, float, str]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colormap, low, high, what = bar
    ax.figure.colorbar(ScalarMappable(Normalize(low, high), colormap), cax=ax, label=what)
    ax.tick_params(labelsize=6, length=2)
    ax.yaxis.label.set_size(7)


def _legend(figure: Figure, pane: Pane, width: float, corner: tuple[float, float]) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(facecolor=colour, label=name) for name, (_, colour) in zip(_names(pane, width), pane.keys, strict=True)], ncols=_legend_columns(pane), loc="upper left", bbox_to_anchor=corner,
        fontsize=6.5, handlelength=1, handleheight=1, borderaxespad=0, borderpad=0, labelspacing=0.35, columnspacing=1.0, handletextpad=0.5,
    )  # fmt: skip


def _ends(raster: CellRaster) -> tuple[Point, Point]:
    """Lowest and highest x and y of the raster."""
    height, width = raster.shapes[0]
    corners = np.array([(r, c, 1.0) for r in (-0.5, height - 0.5) for c in (-0.5, width - 0.5)])
    places = (corners @ raster.affine.T)[:, [1, 0]]
    return places.min(0), places.max(0)


def _round_length(most: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(k * power for k in (1, 2, 5) if k * power <= most * (1 + 1e-9)))
