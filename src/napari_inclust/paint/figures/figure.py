"""Figures for print: cells as a raster; text, colour bars, scale bars and legends as vectors. Needs no window."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InclustError
from ...io.writers.atomic import as_output_error, atomic_output
from ..limits import DIVERGING, RGB_CHANNELS
from ..raster.cell_raster import CellRaster
from ..values import CellCategories, CellValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PointArray = NDArray[np.float64]
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
MAX_LEGEND_ENTRIES = 30  # categories in a legend
_COLOUR_BAR_WIDTH, _SCALE_BAR_HEIGHT = 0.72, 0.3  # inches
_LINE_HEIGHT, _LETTER_WIDTH, _GAP = 0.13, 0.066, 0.06  # inches: line of text, letter, between panes
_GREY_COLOUR = (0.5, 0.5, 0.5, 0.35)  # cells below a threshold, or without a value
_MPL_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "inclust",  # equal figures give equal files
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "font.size": 8,
    "legend.frameon": False,
    "image.composite_image": False,
}
_TEXT_COLOURS = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


@dataclass(frozen=True, eq=False)
class FigurePane:
    """One picture of the cells in a figure.

    Attributes
    ----------
    title
        Two lines at most, with the kind of the values (measured or imputed).
    colours : (cells, 4)
        RGBA, 0 to 1.
    colour_bar
        Colormap, lowest and highest value, and label with the unit; None: no colour bar.
    legend
        Names and colours of the legend.
    """

    title: str
    colours: NDArray[np.float32]
    colour_bar: tuple[str, float, float, str] | None = None
    legend: tuple[tuple[str, Any], ...] = ()


def gene_pane(
    cell_values: CellValues, limits: tuple[float, float], colormap: str, threshold: float | None = None
) -> FigurePane:
    """Colour a gene, or another number, by a colormap; cells below the threshold are grey."""
    from matplotlib import colormaps

    colormap = DIVERGING if cell_values.centred else colormap
    low, high = limits
    scaled = np.clip((cell_values.values - low) / (high - low), 0, 1)
    colours = colormaps[colormap](np.nan_to_num(scaled)).astype(np.float32)
    lowest = -np.inf if threshold is None else threshold
    colours[~np.isfinite(cell_values.values) | (cell_values.values < lowest)] = _GREY_COLOUR
    return FigurePane(f"{cell_values.name}\n{cell_values.kind_label}", colours, (colormap, low, high, cell_values.unit))


def blend_pane(genes: Mapping[str, CellValues], limits: Mapping[str, tuple[float, float]]) -> FigurePane:
    """Colour cells by up to three genes as red, green and blue.

    Parameters
    ----------
    genes, limits
        Values and colour limits by channel ("red", "green", "blue").

    Raises
    ------
    InclustError
        There is no gene.
    """
    if not genes:
        raise InclustError("the blend is empty. Put at least one gene into it.")
    n = len(next(iter(genes.values())).values)
    colours = np.zeros((n, 4), dtype=np.float32)
    colours[:, 3] = 1
    for i, channel in enumerate(RGB_CHANNELS):
        if channel in genes:
            low, high = limits[channel]
            colours[:, i] = np.clip(np.nan_to_num((genes[channel].values - low) / (high - low)), 0, 1)
    pure = dict(zip(RGB_CHANNELS, np.eye(3), strict=True))
    legend = tuple(
        (f"{genes[c].title}: {limits[c][0]:.2g} to {limits[c][1]:.2g} {genes[c].unit}", pure[c])
        for c in RGB_CHANNELS
        if c in genes
    )
    names = (genes[c].name + ("*" if genes[c].is_imputed else "") for c in RGB_CHANNELS if c in genes)
    return FigurePane(" · ".join(names), colours, legend=legend)


def category_pane(cell_categories: CellCategories) -> FigurePane:
    """Colour cells by category; the legend names at most the 30 largest categories."""
    table = np.vstack([cell_categories.colours, _GREY_COLOUR]).astype(np.float32)
    sizes = np.bincount(cell_categories.codes[cell_categories.codes >= 0], minlength=len(cell_categories.categories))
    named = np.sort(np.argsort(-sizes, kind="stable")[:MAX_LEGEND_ENTRIES])
    legend: list[tuple[str, Any]] = [
        (cell_categories.categories[i], cell_categories.colours[i]) for i in named if sizes[i]
    ]
    n_more = int((sizes > 0).sum()) - len(legend)
    if n_more > 0:
        legend.append((f"and {n_more} more", _GREY_COLOUR))
    return FigurePane(cell_categories.name, table[cell_categories.codes], legend=tuple(legend))


def draw_figure(
    raster: CellRaster,
    panes: Sequence[FigurePane],
    *,
    unit: str = "µm",
    columns: int | None = None,
    width: float = 7.0,
    dpi: int = 300,
    dark: bool = False,
) -> Figure:
    """Draw panes in rows and columns, each with its colour bar or legend and a scale bar.

    Parameters
    ----------
    raster
        Labels of the cells.
    panes
        What is drawn.
    unit
        Unit of the coordinates.
    columns
        Panes in a row; default: as square as possible.
    width
        Of the figure, in inches.
    dpi
        Pixels per inch of the cells; the rest is drawn as vectors where the file format allows.
    dark
        White on black.

    Raises
    ------
    InclustError
        There is no pane.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not panes:
        raise InclustError("there is nothing to draw. Choose at least one gene.")
    columns = min(len(panes), columns or int(np.ceil(np.sqrt(len(panes)))))
    rows = [panes[i : i + columns] for i in range(0, len(panes), columns)]
    low, high = _raster_bounds(raster)
    # all lengths in inches
    pane_width = width / columns
    image_width = pane_width - _COLOUR_BAR_WIDTH - _GAP
    image_height = min(image_width * (high[1] - low[1]) / (high[0] - low[0]), 2.5 * image_width)
    titles = [_LINE_HEIGHT * max(_wrapped_title(p, pane_width).count("\n") + 1 for p in row) + _GAP for row in rows]
    legends = [_LINE_HEIGHT * max(_legend_lines(p, pane_width) for p in row) for row in rows]
    height = sum(titles) + sum(legends) + len(rows) * (image_height + _SCALE_BAR_HEIGHT + _GAP)
    foreground, background = ("white", "black") if dark else ("black", "white")
    with mpl.rc_context(_MPL_STYLE | dict.fromkeys(_TEXT_COLOURS, foreground)):
        figure = Figure(figsize=(width, height), dpi=dpi, facecolor=background)

        def box(left: float, bottom: float, box_width: float, box_height: float) -> tuple[float, float, float, float]:
            """Convert a rectangle to shares of the figure."""
            return left / width, bottom / height, box_width / width, box_height / height

        top = height
        for row, title, legend in zip(rows, titles, legends, strict=True):
            bottom = top - title - image_height
            for j, pane in enumerate(row):
                left = j * pane_width + _GAP
                ax = figure.add_axes(box(left, bottom, image_width, image_height))
                _draw_cells(ax, raster, pane, (low, high), pixels=image_width * dpi, colour=foreground, unit=unit)
                x, y, *_ = box(left, bottom + image_height + _GAP / 2, 0, 0)
                figure.text(x, y, _wrapped_title(pane, pane_width), va="bottom", linespacing=1.1)
                if pane.colour_bar is not None:
                    bar = box(left + image_width + _GAP, bottom + 0.2 * image_height, 0.08, 0.6 * image_height)
                    _draw_colour_bar(figure.add_axes(bar), pane.colour_bar)
                if pane.legend:
                    x, y, *_ = box(left, bottom - _SCALE_BAR_HEIGHT, 0, 0)
                    _draw_legend(figure, pane, pane_width, (x, y))
            top = bottom - _SCALE_BAR_HEIGHT - legend - _GAP
    return figure


def write_figure(figure: Figure, path: str | Path) -> Path:
    """Write a PNG, SVG or PDF file, by the suffix; the file is complete or not written at all.

    Raises
    ------
    OutputError
        The disk is full or the path cannot be written.
    """
    import matplotlib as mpl

    path = Path(path)
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context(_MPL_STYLE), atomic_output(path) as part, as_output_error(path):
        figure.savefig(part, format=path.suffix[1:], metadata=dates.get(path.suffix), facecolor=figure.get_facecolor())
    return path


def _wrapped_title(pane: FigurePane, width: float) -> str:
    """Wrap the title to a width in inches."""
    letters = max(10, int((width - 2 * _GAP) / _LETTER_WIDTH))
    return "\n".join(textwrap.fill(line, letters) for line in pane.title.splitlines())


def _legend_columns(pane: FigurePane) -> int:
    return 1 if len(pane.legend) <= len(RGB_CHANNELS) else 2


def _legend_names(pane: FigurePane, width: float) -> list[str]:
    """Wrap the names of the legend to a width in inches."""
    letters = int((width / _legend_columns(pane) - 0.3) / (0.82 * _LETTER_WIDTH))
    return [textwrap.fill(name, max(8, letters)) for name, _ in pane.legend]


def _legend_lines(pane: FigurePane, width: float) -> int:
    """Count the lines of the longer column of the legend."""
    lines, columns = [name.count("\n") + 1 for name in _legend_names(pane, width)], _legend_columns(pane)
    half = -(-len(lines) // columns)
    return max((sum(lines[i : i + half]) for i in range(0, len(lines), max(half, 1))), default=0)


def _draw_cells(
    ax: Axes,
    raster: CellRaster,
    pane: FigurePane,
    bounds: tuple[PointArray, PointArray],
    *,
    pixels: float,
    colour: str,
    unit: str,
) -> None:
    """Draw the cells and the scale bar."""
    from matplotlib.transforms import Affine2D

    level = max((i for i, shape in enumerate(raster.shapes) if max(shape) >= pixels), default=0)
    labels = raster.labels(level, slice(0, raster.shapes[level][0]), slice(0, raster.shapes[level][1]))
    table = np.vstack([np.zeros((1, 4), dtype=np.float32), pane.colours])
    image = (table * 255 + 0.5).astype(np.uint8)[labels]
    ratio = np.array(raster.shapes[0]) / raster.shapes[level]
    # (row, column) of this level to the finest
    to_finest = np.array([[ratio[0], 0, ratio[0] / 2 - 0.5], [0, ratio[1], ratio[1] / 2 - 0.5], [0, 0, 1.0]])
    swap = np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 1.0]])
    drawn = ax.imshow(image, interpolation="nearest", extent=(-0.5, labels.shape[1] - 0.5, labels.shape[0] - 0.5, -0.5))
    drawn.set_transform(Affine2D(swap @ raster.affine @ to_finest @ swap) + ax.transData)  # (column, row) to (x, y)
    low, high = bounds
    ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", anchor="NW")
    ax.set_axis_off()
    length, y = _scale_bar_length((high[0] - low[0]) / 4), high[1]
    bar = ax.plot([low[0], low[0] + length], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt", clip_on=False)[
        0
    ]
    bar.set_transform(ax.transData + Affine2D().translate(0, -0.06 * ax.figure.dpi))
    ax.annotate(f"{length:g} {unit}", (low[0], y), xytext=(0, -7), textcoords="offset points", va="top")


def _draw_colour_bar(ax: Axes, colour_bar: tuple[str, float, float, str]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colormap, low, high, label = colour_bar
    ax.figure.colorbar(ScalarMappable(Normalize(low, high), colormap), cax=ax, label=label)
    ax.tick_params(labelsize=6, length=2)
    ax.yaxis.label.set_fontsize(7)


def _draw_legend(figure: Figure, pane: FigurePane, width: float, corner: tuple[float, float]) -> None:
    from matplotlib.patches import Patch

    entries = zip(_legend_names(pane, width), pane.legend, strict=True)
    figure.legend(
        handles=[Patch(facecolor=colour, label=name) for name, (_, colour) in entries],
        ncols=_legend_columns(pane),
        loc="upper left",
        bbox_to_anchor=corner,
        fontsize=6.5,
        handlelength=1,
        handleheight=1,
        handletextpad=0.5,
        borderaxespad=0,
        borderpad=0,
        labelspacing=0.35,
        columnspacing=1.0,
    )


def _raster_bounds(raster: CellRaster) -> tuple[PointArray, PointArray]:
    """Return the lowest and the highest x and y of the raster."""
    height, width = raster.shapes[0]
    corners = np.array([(r, c, 1.0) for r in (-0.5, height - 0.5) for c in (-0.5, width - 0.5)])
    xy = (corners @ raster.affine.T)[:, [1, 0]]
    return xy.min(0), xy.max(0)


def _scale_bar_length(max_length: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above a length."""
    power = 10.0 ** np.floor(np.log10(max_length))
    return float(max(k * power for k in (1, 2, 5) if k * power <= max_length * (1 + 1e-9)))
