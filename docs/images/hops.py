"""Draw the five hops of docs/architecture.md; every step is looked up in the code, so that the picture cannot be out of date.

Run: `python docs/images/hops.py [FOLDER]`
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

HOPS = [  # title, module, object, what it does
    ("settings", "training.config", "Config", "frozen settings"),
    ("training", "imputation.fit", "fit_epochs", "generator of epochs,\nin a worker"),
    ("result", "imputation.run", "Run", "networks, scores,\nprovenance"),
    ("one gene", "imputation.run", "Run.impute", "values and spread\nof each cell"),
    ("layer", "paint.layers.cell_layers", "GeneLayer", "lookup table over\nthe cell raster"),
]


def look_up(module: str, name: str) -> Any:
    """The object of a step. Raises AttributeError or ModuleNotFoundError when it has moved."""
    found = import_module(f"napari_inclust.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


def draw() -> Any:
    """Boxes from left to right, with the file of each step."""
    figure, axes = plt.subplots(figsize=(12, 1.9), dpi=150)
    for i, (title, module, name, text) in enumerate(HOPS):
        assert inspect.getdoc(look_up(module, name))
        path = f"{module.replace('.', '/')}.py"
        axes.text(i, 0.78, f"{i + 1}  {title}", ha="center", fontsize=9, color="#555555")
        axes.text(
            i, 0.45, f"{name}\n{text}", ha="center", va="center", fontsize=8,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": "#e8f1fa", "edgecolor": "#3b78b5"},
        )  # fmt: skip
        axes.text(i, 0.02, path, ha="center", fontsize=6.5, family="monospace", color="#555555")
        if i:
            axes.annotate(
                "", (i - 0.42, 0.45), (i - 0.58, 0.45), arrowprops={"arrowstyle": "->", "color": "#3b78b5", "lw": 1.6}
            )
    axes.set(xlim=(-0.55, len(HOPS) - 0.45), ylim=(-0.08, 0.95))
    axes.axis("off")
    return figure


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    draw().savefig(folder / "hops.png", bbox_inches="tight")
