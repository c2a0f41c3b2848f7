"""What was drawn in colours of napari's theme follows when it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from napari.settings import get_settings
from qtpy.QtCore import Qt

from napari_inclust.gui.theme import theme_colours
from napari_inclust.gui.viewer_context import get_viewer_context
from napari_inclust.paint.layers import canvas
from napari_inclust.spatial.regions import Region

from ..conftest import pixel_of
from ..fakes import FakeRun, small_reference, small_section

TOP = np.array([[-12.0, -12], [152, -12], [152, 30], [-12, 30]])


def rgb(colour: Any) -> np.ndarray:
    return np.round(255 * np.array(to_rgb(colour if isinstance(colour, str) else np.ravel(colour)[:3]))).astype(int)


def test_veil_lines_ring_and_names_follow_the_theme(viewer: Any, qtbot: Any) -> None:
    bench = get_viewer_context(viewer)
    s, cells = bench.session, small_section()
    s.open_section(cells)
    s.open_reference(small_reference())
    s.add_run(FakeRun(cells, s.reference))
    s.select_gene("Gene5")
    s.set_view("swipe")
    bench.region_controller.add([Region("top", TOP)])
    bench.cell_selection.show_outlines(True)
    bench.cell_selection.pin(4)
    bench.selected_cells.select(np.arange(60) < 8, "first")
    qtbot.waitUntil(lambda: bench.canvas_controller.painter.overlays.swipe_line is not None, timeout=20_000)
    appearance = get_settings().appearance
    before = appearance.theme
    x, y = cells.xy[59]
    try:
        for theme in ("light", "dark"):
            appearance.theme = theme
            background, ink = rgb(canvas.background_colour()), rgb(theme_colours()[1])
            qtbot.waitUntil(lambda: bench.canvas_controller.painter.overlays.swipe_line is not None, timeout=20_000)
            painter, layer = bench.canvas_controller.painter, bench.region_controller.layer.layer
            assert (
                np.abs(pixel_of(viewer, y, x, qtbot) - background).max() < 0.45 * np.abs(background - ink).max()
            )  # veiled
            for drawn in (
                layer.edge_color[0],
                painter.overlays.swipe_line.edge_color[0],
                painter.cell_marks.pin.border_color[0],
                layer.text.color.constant,
            ):
                assert np.abs(rgb(drawn) - ink).max() <= 1
            assert painter.cell_marks.outlines is not None
            assert [r.name for r in bench.region_controller.regions] == ["top"]
    finally:
        appearance.theme = before


def test_empty_boxes_of_a_list_are_seen_in_both_themes(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    dock.tabs.setCurrentIndex(dock.titles.index("Cells"))
    legend, appearance = dock.cells.legend, get_settings().appearance
    before = appearance.theme

    def boxes() -> np.ndarray:
        """Pixels of the first box."""
        place = legend.visualItemRect(legend.item(0))
        shot = legend.viewport().grab(place).toImage()
        return np.array(
            [[shot.pixelColor(x, y).getRgb()[:3] for x in range(4, 12)] for y in range(2, place.height() - 2)],
            dtype=int,
        )

    try:
        for theme in ("light", "dark"):
            appearance.theme = theme
            qtbot.wait(50)
            ticked = boxes()
            legend.item(0).setCheckState(Qt.CheckState.Unchecked)
            qtbot.wait(30)
            empty = boxes()
            assert np.abs(ticked - empty).max() > 60
            around = legend.viewport().grab().toImage().pixelColor(legend.viewport().width() - 5, 5).getRgb()[:3]
            assert np.abs(np.median(empty.reshape(-1, 3), 0) - around).max() > 20
            legend.item(0).setCheckState(Qt.CheckState.Checked)
    finally:
        appearance.theme = before
