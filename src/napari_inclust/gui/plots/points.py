"""A scatter plot of any number of cells, drawn as a lookup table over a raster of points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...paint.raster.scatter_raster import ScatterRaster
from ..theme import theme_colours

_VIEW_MARGIN = 0.03
_UNSELECTED_OPACITY = 0.18  # opacity of points that are not selected while others are
_LASSO_COLOUR = "#E69F00"


class PointPlot(QWidget):
    """Coloured points, and a lasso that is drawn with the left button.

    Attributes
    ----------
    lasso_drawn
        Signal with the corners of a lasso, (n, 2).
    """

    lasso_drawn = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.view_box = _LassoViewBox(self)
        self.plot = pg.PlotWidget(viewBox=self.view_box)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.hideAxis("bottom")
        self.plot.hideAxis("left")
        self.plot.setToolTip(
            "One point for each cell. Left button: draw a lasso to select; wheel: zoom; right button: move; "
            "double-click: see all"
        )
        self.plot.setMinimumSize(160, 240)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.lasso_line = pg.PlotCurveItem(pen=pg.mkPen(_LASSO_COLOUR, width=2))
        self.plot.addItem(self.image)
        self.plot.addItem(self.lasso_line)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.plot)
        self.cloud: ScatterRaster | None = None
        self._colours: NDArray[np.uint8] | None = None
        self._selected: NDArray[np.bool_] | None = None
        self._pixel_labels: NDArray[np.int32] | None = None
        self._background = ""
        self.view_box.sigResized.connect(self._rasterise)
        self.view_box.sigRangeChanged.connect(self._rasterise)
        self.restyle()

    def show_points(self, xy: NDArray[np.floating[Any]]) -> None:
        """Show other points and zoom to all.

        Parameters
        ----------
        xy : (points, 2)
        """
        self.cloud = ScatterRaster(xy)
        self._colours = self._selected = None
        self.zoom_to_all()

    def zoom_to_all(self) -> None:
        """Zoom to all points."""
        if self.cloud is not None:
            left, bottom, right, top = self.cloud.bounds
            self.view_box.setRange(xRange=(left, right), yRange=(bottom, top), padding=_VIEW_MARGIN)
            self._rasterise()

    def set_colours(self, colours: NDArray[np.uint8], selected: NDArray[np.bool_] | None) -> None:
        """Set the colours.

        Parameters
        ----------
        colours : (points, 4) uint8
            RGBA.
        selected : (points,) bool, optional
            Points that are drawn on top, the others faint; None: all are drawn alike.
        """
        moved = selected is not self._selected
        self._colours, self._selected = colours, selected
        if moved or self._pixel_labels is None:
            self._rasterise()
        else:
            self._draw_pixels()

    def colour_at(self, x: float, y: float) -> tuple[int, ...]:
        """Return the RGBA colour of the pixel at a position of the plot."""
        (left, right), (bottom, top) = self.view_box.viewRange()
        shown = self.image.image
        row = int((y - bottom) / (top - bottom) * shown.shape[0])
        return tuple(int(v) for v in shown[row, int((x - left) / (right - left) * shown.shape[1])])

    def restyle(self) -> None:
        """Apply the background of the theme."""
        if (now := theme_colours()[0]) != self._background:
            self._background = now
            self.plot.setBackground(now)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_background"):
            self.restyle()

    def _rasterise(self, *_: Any) -> None:
        """Find the point of each pixel of the current view."""
        if self.cloud is None:
            return
        (left, right), (bottom, top) = self.view_box.viewRange()
        size = self.view_box.size() * self.plot.devicePixelRatioF()
        shape = max(2, int(size.height())), max(2, int(size.width()))
        self._pixel_labels = self.cloud.labels((left, bottom, right, top), shape, self._selected)
        self._draw_pixels()

    def _draw_pixels(self) -> None:
        if self._pixel_labels is None or self._colours is None:
            return
        table = np.zeros((len(self._colours) + 1, 4), dtype=np.uint8)
        table[1:] = self._colours
        if self._selected is not None:
            table[1:, 3] = np.where(self._selected, table[1:, 3], (_UNSELECTED_OPACITY * table[1:, 3]).astype(np.uint8))
        (left, right), (bottom, top) = self.view_box.viewRange()
        self.image.setImage(table[self._pixel_labels], autoLevels=False, levels=None)
        self.image.setRect(left, bottom, right - left, top - bottom)


class _LassoViewBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Mouse actions: the left button draws, the right one moves, the wheel zooms, a double click shows all."""

    def __init__(self, plot: PointPlot) -> None:
        super().__init__(enableMenu=False)
        self.setAspectLocked(False)
        self._plot = plot
        self._lasso_path: list[tuple[float, float]] = []

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:  # noqa: N802 - pyqtgraph's name
        if event.button() != Qt.MouseButton.LeftButton:
            self._pan(event)
            return
        event.accept()
        if event.isStart():
            start = self.mapToView(event.buttonDownPos())
            self._lasso_path = [(start.x(), start.y())]
        position = self.mapToView(event.pos())
        self._lasso_path.append((position.x(), position.y()))
        closed = np.array([*self._lasso_path, self._lasso_path[0]])
        self._plot.lasso_line.setData(closed[:, 0], closed[:, 1])
        if event.isFinish():
            corners, self._lasso_path = np.array(self._lasso_path), []
            self._plot.lasso_line.setData([], [])
            if len(np.unique(corners, axis=0)) > 2:
                self._plot.lasso_drawn.emit(corners)

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        event.accept()
        self._plot.zoom_to_all()

    def _pan(self, event: Any) -> None:
        event.accept()
        moved = self.mapToView(event.lastPos()) - self.mapToView(event.pos())
        self.translateBy(x=moved.x(), y=moved.y())
