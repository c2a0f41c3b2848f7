"""The histogram of the Genes dock: unfolded, it follows the gene, and its limits can be dragged."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from ..fakes import small_section


def test_limits_are_dragged_in_the_histogram(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.select_gene("Gene5")
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    histogram = dock.genes.histogram
    assert histogram.plot is None
    qtbot.mouseClick(histogram.toggleButton(), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: histogram.plot is not None and histogram.plot.isVisible())
    layer = bench.canvas_controller.painter.gene_layer()
    assert histogram.plot.limits_region.getRegion() == pytest.approx(tuple(layer.contrast_limits))
    histogram.plot.limits_region.setRegion((0.4, 1.3))
    histogram.plot.limits_region.sigRegionChangeFinished.emit(histogram.plot.limits_region)
    assert tuple(layer.contrast_limits) == pytest.approx((0.4, 1.3))
    assert dock.genes.look.reset.isEnabled()
    bench.session.select_gene("Gene6")
    assert histogram.plot.limits_region.getRegion() == pytest.approx(tuple(layer.contrast_limits))
    bench.session.select_gene("Gene5")
    assert histogram.plot.limits_region.getRegion() == pytest.approx((0.4, 1.3))
    layer.contrast_limits = (0.2, 1.0)  # napari's own slider
    assert histogram.plot.limits_region.getRegion() == pytest.approx((0.2, 1.0))
    viewer.layers.clear()
    bench.session.select_gene("Gene7")
    assert bench.canvas_controller.painter.gene_layer() is not None
