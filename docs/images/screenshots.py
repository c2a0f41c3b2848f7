"""Draws quality.png and domains.png with the real plugin on the demo: `python docs/images/screenshots.py` (needs a display, or xvfb-run)."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

os.environ["NAPARI_CONFIG"] = tempfile.mkdtemp() + "/settings.yaml"  # the user's own settings are not touched

import napari
from qtpy.QtTest import QTest

import napari_inclust
from napari_inclust.gui.bench import bench_of
from napari_inclust.io import demo

HERE = Path(__file__).parent


def wait(done, seconds=600):
    start = time.time()
    while not done():
        QTest.qWait(30)
        if time.time() - start > seconds:
            raise TimeoutError


def main():
    viewer = napari.Viewer()
    viewer.window.resize(1280, 860)
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    bench, dock = bench_of(viewer), plugin.dock
    section, reference = demo.demo_section(), demo.demo_reference()
    QTest.qWait(300)

    def shot(name):
        viewer.reset_view()
        QTest.qWait(300)
        viewer.screenshot(str(HERE / name), canvas_only=False, flash=False)

    bench.session.open_section(section)
    bench.session.open_reference(reference, demo.LABELS)
    dock.tabs.setCurrentIndex(dock.titles.index("Domains"))
    dock.domains.start.click()
    wait(lambda: bench.finding.found is not None)
    bench.finding.choose(7)
    bench.finding.outline(True)
    wait(lambda: bench.finding.lines is not None)
    shot("domains.png")
    bench.finding.outline(False)
    bench.session.set_run(napari_inclust.fit(section, reference, napari_inclust.Config.preset("balanced"), labels=demo.LABELS))
    wait(lambda: bench.judging.cells is not None)
    gene = str(bench.session.run.scores["pcc"].idxmax())
    bench.session.set_view("imputed")
    bench.session.choose(gene)
    wait(lambda: bench.judging.about is not None and bench.judging.about.imputed.name == gene)
    dock.tabs.setCurrentIndex(dock.titles.index("Quality"))
    shot("quality.png")
    viewer.close()


if __name__ == "__main__":
    main()
