"""Figures of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .html import TEXT_COLOUR_PLACEHOLDER

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ...imputation.run import Run

BLUE, AMBER, GREEN, RED, GREY = "#3b82c4", "#d97706", "#3a9d5d", "#c0504d", "#8a8a8a"
LINE_COLOURS = (BLUE, AMBER, GREEN, "#a855a0", RED, "#4a9aa5")


def draw_masks(run: Run) -> Figure:
    """Draw what each data set shows to the networks, is asked for, and what each network never sees."""
    from matplotlib.colors import to_rgba

    plan, n = run.plan, run.panel.n_shared
    order = np.r_[np.argsort(fold_of_gene(run), kind="stable"), np.arange(n, len(plan.features))]
    rows = [
        (f"{p.table}: {what}", mask, colour)
        for p in plan.presentations
        for what, mask, colour in (("shown", p.input_mask, BLUE), ("asked", p.output_mask, GREEN))
    ]
    rows += [(f"network {m + 1}: hidden", hidden, AMBER) for m, hidden in enumerate(plan.hidden_features)]
    image = np.zeros((len(rows), len(order), 4))
    for line, (_, mask, colour) in zip(image, rows, strict=True):
        line[mask[order]] = to_rgba(colour)
    figure = _new_figure(9, 0.6 + 0.24 * len(rows))
    axes = figure.subplots()
    axes.imshow(image, aspect="auto", interpolation="nearest", extent=(0, len(order), len(rows), 0))
    axes.set_yticks(np.arange(len(rows)) + 0.5, [name for name, _, _ in rows])
    axes.hlines(np.arange(1, len(rows)), 0, len(order), color=GREY, linewidth=0.3)
    axes.axvline(n, color=TEXT_COLOUR_PLACEHOLDER, linewidth=0.8)
    axes.text(0, -0.25, f"{n} shared genes, by fold", ha="left", va="bottom")
    if n < len(order):
        axes.axvline(len(order), color=TEXT_COLOUR_PLACEHOLDER, linewidth=0.8)
        axes.text(len(order), -0.25, f"{len(order) - n} reference components", ha="right", va="bottom")
    axes.set_xticks([])
    return figure


def draw_losses(epochs: list[Any]) -> Figure:
    """Draw the loss, its terms and the validation loss by epoch."""
    figure = _new_figure(9, 3)
    axes = figure.subplots()
    numbers = [e.number for e in epochs]
    ink: dict[str, Any] = {"color": TEXT_COLOUR_PLACEHOLDER, "linewidth": 1.8}
    terms = sorted(epochs[0].terms, key=lambda name: name != "loss")
    for name, colour in zip(terms, LINE_COLOURS * 3, strict=False):
        style = ink if name == "loss" else {"color": colour, "linewidth": 1}
        axes.plot(numbers, [e.terms[name] for e in epochs], label=name, **style)
    axes.plot(numbers, [e.validation for e in epochs], "--", label="validation", **ink)
    scale = "symlog" if min(min(e.terms.values()) for e in epochs) <= 0 else "log"
    axes.set(xlabel="epoch", ylabel="loss", yscale=scale)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda value, position: "")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_coverage(coverage: pd.DataFrame, nominal: float) -> Figure:
    """Draw the coverage of the intervals by stratum of genes and cells."""
    strata = coverage.iloc[1:]
    figure = _new_figure(7, 2.8)
    axes = figure.subplots()
    axes.axhspan(nominal - 0.05, nominal + 0.05, color=GREY, alpha=0.18, linewidth=0)
    axes.axhline(nominal, color=TEXT_COLOUR_PLACEHOLDER, linewidth=0.8)
    genes = list(dict.fromkeys(strata["genes"]))
    for k, (cells, part) in enumerate(strata.groupby("cells", sort=False)):
        x = [genes.index(g) + 0.1 * (k - 1) for g in part["genes"]]
        axes.plot(x, part["coverage"], "o", color=LINE_COLOURS[k], label=str(cells))
    axes.set_xticks(range(len(genes)), genes)
    axes.set(ylabel="share inside the interval", ylim=(min(0.8, coverage["coverage"].min() - 0.02), 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_agreement(x: NDArray[Any], y: NDArray[Any], x_label: str, y_label: str) -> Figure:
    """Draw one value of each gene against another, with equal limits and the diagonal."""
    figure = _new_figure(4.4, 3.8)
    axes = figure.subplots()
    limits = [min(x.min(), y.min()) - 0.03, max(x.max(), y.max()) + 0.03]
    axes.plot(limits, limits, color=GREY, linewidth=0.8)
    axes.plot(x, y, "o", color=BLUE, alpha=0.7, markersize=4, markeredgewidth=0)
    axes.set(xlabel=x_label, ylabel=y_label, aspect="equal", xlim=limits, ylim=limits)
    return figure


def draw_maps(run: Run, maps: dict[str, Any], upper_limits: list[float], colormap: str) -> Figure:
    """Draw values of the cells on the tissue, y downward as in napari, with a scale bar and limits from 0."""
    xy = run.section.xy
    low, size = xy.min(0), np.ptp(xy, axis=0)
    extent = np.maximum(size, 0.05 * size.max() + 1e-9)  # the cells may lie in a line
    width = 9 / len(maps) if len(maps) > 1 else 6.0
    height = float(np.clip((width - 0.5) * extent[1] / extent[0], 1.5, 6))
    figure = _new_figure(width * len(maps), height + 0.5)
    inches = min((width - 0.9) / extent[0], height / extent[1])
    dot_size = float(np.clip(0.7 * np.prod(extent * inches * 72) / len(xy), 0.2, 60))
    bar, unit = _scale_bar_length(extent[0] / 4), "pixels" if "in pixels" in run.section.unit_note else "µm"
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (name, values), limit in zip(panels, maps.items(), upper_limits, strict=True):
        colours = np.clip(values, 0, limit)
        dots = axes.scatter(
            *xy.T, c=colours, s=dot_size, cmap=colormap, vmin=0, vmax=limit, linewidths=0, rasterized=True
        )
        axes.set(aspect="equal", title=name)
        axes.invert_yaxis()
        axes.set_axis_off()
        ends, y = [low[0], low[0] + bar], low[1] + 1.06 * extent[1]
        axes.plot(ends, [y, y], color=TEXT_COLOUR_PLACEHOLDER, linewidth=2, solid_capstyle="butt")
        axes.annotate(f"{bar:g} {unit}", (ends[1], y), xytext=(5, 0), textcoords="offset points", va="center")
        figure.colorbar(dots, ax=axes, shrink=0.6, aspect=30)
    return figure


def fold_of_gene(run: Run) -> NDArray[np.intp]:
    """Return the network that each shared gene was hidden from, (shared genes,)."""
    return np.asarray(run.plan.hidden_features[:, : run.panel.n_shared].argmax(0))


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _scale_bar_length(max_length: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above the maximum."""
    power = 10.0 ** np.floor(np.log10(max_length))
    return float(max(k * power for k in (1, 2, 5) if k * power <= max_length * (1 + 1e-9)))
