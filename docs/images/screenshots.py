"""Draws a picture of every dock with the real plugin on the demo: `python docs/images/screenshots.py [FOLDER] [--light] [--font N]` (needs a display, or
xvfb-run). Without arguments the pictures of the documentation are drawn anew."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ["NAPARI_CONFIG"] = tempfile.mkdtemp() + "/settings.yaml"  # the user's own settings are not touched

import napari
import numpy as np
from napari.settings import get_settings
from qtpy.QtTest import QTest

import napari_inclust
from napari_inclust.gui.viewer_context import get_viewer_context
from napari_inclust.io import demo
from napari_inclust.spatial.regions import Region

HERE = Path(__file__).parent


def wait(done, seconds=600):
    start = time.time()
    while not done():
        QTest.qWait(30)
        if time.time() - start > seconds:
            raise TimeoutError


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=HERE)
    options.add_argument("--light", action="store_true")
    options.add_argument("--font", type=int, default=0, help="size of napari's font in points")
    given = options.parse_args()
    if given.light:
        get_settings().appearance.theme = "light"
    if given.font:
        get_settings().appearance.font_size = given.font
    get_settings().application.gui_notification_level = "error"  # nothing lies over the pictures
    viewer = napari.Viewer()
    viewer.window.resize(1280, 860)
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    bench, dock = get_viewer_context(viewer), plugin.dock
    session, section, reference = bench.session, demo.demo_section(), demo.demo_reference()
    QTest.qWait(300)

    def shot(tab, reset=True, name=""):
        dock.tabs.setCurrentIndex(dock.titles.index(tab))
        QTest.qWait(100)
        if reset:
            viewer.reset_view()
        QTest.qWait(400)
        viewer.screenshot(str(given.folder / f"{name or tab.lower()}.png"), canvas_only=False, flash=False)

    def show(gene, view):
        session.set_view(view)
        session.select_gene(gene)
        wait(lambda: bench.reliability_controller.gene_interval is not None and bench.reliability_controller.gene_interval.imputed.name == gene and not session.needs_imputation)

    session.open_section(section)
    session.open_reference(reference, demo.LABEL_COLUMN)
    shot("Data")
    dock.tabs.setCurrentIndex(dock.titles.index("Domains"))
    dock.domains.start.click()
    wait(lambda: bench.domain_controller.domains is not None)
    bench.domain_controller.select_solution(7)
    bench.domain_controller.show_outlines(True)
    wait(lambda: bench.domain_controller.outline_segments is not None)
    shot("Domains")
    bench.domain_controller.show_outlines(False)
    bench.training_controller.start(napari_inclust.Config.preset("fast"))
    wait(lambda: session.run is not None)
    bench.training_controller.start(napari_inclust.Config.preset("balanced"))
    wait(lambda: len(session.runs) == 2)
    wait(lambda: bench.reliability_controller.cell_reliability is not None)
    dock.train.task_view.masks_box.toggleButton().click()
    wait(lambda: dock.train.task_view.mask_picture.masks is not None)
    dock.train.runs_view.toggleButton().click()
    dock.tabs.setCurrentIndex(dock.titles.index("Train"))  # where the check is made
    wait(lambda: "Reference check" in dock.train.reference_check.text())
    shot("Train")
    gene = str(session.run.scores["pcc"].idxmax())
    dock.genes.histogram.toggleButton().click()
    show(gene, "swipe")
    shot("Genes")
    session.look.set_separate_limits(True)
    show("Gad1", "side by side")  # the picture of README.md
    shot("Genes", name="window")
    session.look.set_separate_limits(False)
    show(gene, "imputed")
    dock.quality.calibration_box.toggleButton().click()
    shot("Quality")
    bench.cell_selection.pin(200)
    shot("Cells")
    low, high = section.xy.min(0), section.xy.max(0)
    corners = [np.array([(0.1, 0.1), (0.45, 0.15), (0.4, 0.5), (0.1, 0.45)]), np.array([(0.55, 0.5), (0.9, 0.55), (0.85, 0.9), (0.5, 0.85)])]
    bench.region_controller.add([Region(name, low + c * (high - low)) for name, c in zip(("dorsal left", "ventral right"), corners, strict=True)])
    QTest.qWait(500)
    shot("Regions")
    dock.tabs.setCurrentIndex(dock.titles.index("Figure"))
    QTest.qWait(200)
    dock.figure.content.setCurrentIndex(1)
    dock.figure.content.activated.emit(1)
    dock.figure.genes.setText(gene)
    dock.figure.preview.click()
    wait(lambda: not bench.figure_controller.busy)
    shot("Figure")
    shot("Export")
    viewer.close()


if __name__ == "__main__":
    main()
