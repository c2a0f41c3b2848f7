"""The window of `inclust demo`, run as `python -m napari_inclust.gui.demo draw|show FOLDER [GENE ...]`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..io import demo
from ..io.readers.dispatch import read_adata
from ..paint.layers import canvas
from ..paint.layers.painter import Painter
from ..paint.limits import PercentileLimits, limits_from_zero, union_limits
from ..paint.values import CellValues

if TYPE_CHECKING:
    import napari
    from numpy.typing import NDArray

PANEL_SIZE = (680, 520)  # pixels


def draw_tissue_figure(folder: Path, genes: list[str]) -> Path:
    """Measured beside imputed, one row a gene, each drawn by a napari canvas: FOLDER/tissue.png.

    Parameters
    ----------
    folder
        Has imputed.h5ad and scores.csv.
    genes
        Hidden genes to draw.
    """
    import napari
    import pandas as pd
    from matplotlib.figure import Figure

    imputed, truth = read_adata(folder / "imputed.h5ad"), demo.hidden_truth()
    scores = pd.read_csv(folder / "scores.csv", index_col="gene")["pcc"]
    viewer = napari.Viewer()
    try:
        painter = Painter(viewer, demo.demo_section())
        figure = Figure(
            figsize=(2 * PANEL_SIZE[0] / 100, len(genes) * PANEL_SIZE[1] / 100), dpi=100, layout="constrained"
        )
        axes: Any = figure.subplots(len(genes), 2, squeeze=False)
        for row, gene in zip(axes, genes, strict=True):
            values = np.asarray(imputed[:, gene].X, dtype=np.float32).ravel()
            pair = (CellValues(gene, truth[gene].to_numpy(dtype=np.float32)), CellValues(gene, values, "imputed"))
            limits = union_limits(
                *(limits_from_zero(PercentileLimits(), p.values) for p in pair)
            )  # equal colours are equal values; negative predictions are drawn as zero
            for axis, shown, title in zip(
                row, pair, (f"{gene} measured", f"{gene} imputed: Pearson {scores[gene]:.2f}"), strict=True
            ):
                painter.show_genes([shown], [limits])
                axis.imshow(canvas_screenshot(viewer))
                axis.set_title(title)
                axis.set_axis_off()
        figure.savefig(folder / "tissue.png")
    finally:
        viewer.close()
    return folder / "tissue.png"


def canvas_screenshot(viewer: napari.Viewer) -> NDArray[np.uint8]:
    """Return the picture of the canvas, (rows, columns, RGBA)."""
    from qtpy.QtWidgets import QApplication

    viewer.reset_view()
    canvas.camera(viewer).zoom = 0.95 * min(
        size / extent for size, extent in zip(PANEL_SIZE[::-1], np.ptp(viewer.layers.extent.world, axis=0), strict=True)
    )
    QApplication.processEvents()
    return np.asarray(viewer.screenshot(size=PANEL_SIZE[::-1], canvas_only=True, flash=False))


def open_demo_docks(viewer: napari.Viewer, folder: Path) -> None:
    """Open the docks with the demo's data and the run of a folder.

    Parameters
    ----------
    folder
        Has run.inclust.
    """
    from ..io.runs.load import load_run
    from .viewer_context import get_viewer_context

    viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    session, section, reference = get_viewer_context(viewer).session, demo.demo_section(), demo.demo_reference()
    session.open_section(section)
    session.open_reference(reference, demo.LABEL_COLUMN)
    session.add_run(load_run(folder / "run.inclust", section, reference))
    session.select_gene(demo.hidden_genes()[0])


def main(argv: list[str]) -> None:
    """Run `draw` or `show` in a folder, as `inclust demo` asks for."""
    task, folder, genes = argv[0], Path(argv[1]), argv[2:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # napari's and Qt's notes are of no use to who runs the demo
        if task == "draw":
            draw_tissue_figure(folder, genes)
        else:
            import napari

            open_demo_docks(napari.Viewer(title="napari-inclust demo"), folder)
            napari.run()


if __name__ == "__main__":
    main(sys.argv[1:])
