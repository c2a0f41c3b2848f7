"""The masks of a plan as a picture in a dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...paint.figures.masks import Masks, Tile, sides
from ..theme import theme_colours

_SMALL = 0.85  # size of the names of blocks, of the font
_INSET = 2  # pixels between tiles
_NAMES = 0.35  # of the width, at most, for the names of the data sets


class MaskPicture(QWidget):
    """Rows are data sets as they are presented; filled blocks are seen (left) or judged on (right)."""

    def __init__(self) -> None:
        super().__init__()
        self._masks: Masks | None = None
        self._tiles: list[Tile] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Masks of the plan")
        self.hide()

    @property
    def masks(self) -> Masks | None:
        """What is shown."""
        return self._masks

    def show_masks(self, masks: Masks | None) -> None:
        """Draw other masks, or nothing."""
        self._masks, self._tiles = masks, [] if masks is None else masks.tiles()
        self.setVisible(masks is not None)
        self.updateGeometry()
        self.update()

    def rect_of(self, tile: Tile) -> QRectF:
        """Where a tile lies, in pixels."""
        left, right = self._x(tile.left), self._x(tile.left + tile.width)
        return QRectF(left + _INSET / 2, self._top + tile.row * self._line + _INSET, right - left - _INSET, self._line - 2 * _INSET)

    def _x(self, share: float) -> float:
        """A share of the width of the picture, in pixels: the names of the data sets have as much room as they need."""
        names = [] if self._masks is None else [self.fontMetrics().horizontalAdvance(name) for name in self._masks.rows]
        room = min(max(names, default=0) + 2 * _INSET, _NAMES * self.width())
        first = min((t.left for t in self._tiles), default=0.0)
        return room + (share - first) / (1 - first) * (self.width() - room)

    def sizeHint(self) -> QSize:  # noqa: N802
        rows = 0 if self._masks is None else len(self._masks.rows)
        return QSize(280, round(self._top + (rows + 2) * self._line))  # what a side is may take two lines

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, self.sizeHint().height())

    @property
    def _line(self) -> float:
        return 1.35 * self.fontMetrics().height()

    @property
    def _top(self) -> float:
        return 2.1 * QFontMetricsF(self._small()).height()

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(_SMALL * font.pointSizeF()) if font.pointSizeF() > 0 else font.setPixelSize(round(_SMALL * font.pixelSize()))
        return font

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        if self._masks is None:
            return
        ink, line, masks = QColor(theme_colours()[1]), self._line, self._masks
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for tile in self._tiles:
            self._draw(painter, tile)
        painter.setPen(ink)
        first = self._x(min(t.left for t in self._tiles))
        metrics = QFontMetricsF(painter.font())
        for row, name in enumerate(masks.rows):
            box = QRectF(0, self._top + row * line, first - _INSET, line)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, box.width()))
        under = self._top + len(masks.rows) * line
        for side, (left, right) in sides(masks).items():
            box = QRectF(self._x(left), under, self._x(right) - self._x(left), 2 * line)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, side)
        painter.setFont(self._small())
        metrics = QFontMetricsF(painter.font())
        for tile in (t for t in self._tiles if t.row == 0):
            box = QRectF(self.rect_of(tile).left(), 0, self.rect_of(tile).width(), self._top)
            lines = (masks.name(tile.piece), f"{masks.pieces[tile.piece].features:,}")
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "\n".join(metrics.elidedText(t, Qt.TextElideMode.ElideRight, box.width()) for t in lines))
        painter.end()

    def _draw(self, painter: QPainter, tile: Tile) -> None:
        assert self._masks is not None
        colour, rect = QColor(self._masks.colour(tile.piece)), self.rect_of(tile)
        painter.setPen(QPen(colour if tile.on else QColor("#909090"), 1))
        painter.setBrush(QBrush(colour) if tile.on else Qt.BrushStyle.NoBrush)
        painter.drawRect(rect)
        if tile.hidden:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(QColor("white"), Qt.BrushStyle.BDiagPattern))
            painter.drawRect(QRectF(rect.topLeft(), QPointF(rect.left() + rect.width() * tile.hidden, rect.bottom())))

    def event(self, event: Any) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._masks is not None:
            tile = next((t for t in self._tiles if self.rect_of(t).contains(QPointF(event.pos()))), None)
            QToolTip.showText(event.globalPos(), "" if tile is None else self._masks.text(tile), self)
            return True
        return bool(super().event(event))
