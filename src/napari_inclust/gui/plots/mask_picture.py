"""A diagram of the masks of a plan."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...paint.figures.masks import MaskDiagram, MaskTile, side_bounds
from ..theme import theme_colours

_SMALL_FONT_SCALE = 0.85  # of the names of blocks
_TILE_INSET = 2  # pixels between tiles
_MAX_NAME_SHARE = 0.35  # of the width, at most, for the names of the data sets


class MaskPicture(QWidget):
    """Rows are data sets; filled blocks are input of the encoder (left) or scored outputs of the decoder (right)."""

    def __init__(self) -> None:
        super().__init__()
        self._masks: MaskDiagram | None = None
        self._tiles: list[MaskTile] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Masks of the plan")
        self.hide()

    @property
    def masks(self) -> MaskDiagram | None:
        """The masks that are shown."""
        return self._masks

    def show_masks(self, masks: MaskDiagram | None) -> None:
        """Draw other masks, or nothing."""
        self._masks, self._tiles = masks, [] if masks is None else masks.tiles()
        self.setVisible(masks is not None)
        self.updateGeometry()
        self.update()

    def tile_rect(self, tile: MaskTile) -> QRectF:
        """Return the rectangle of a tile in pixels."""
        left, right = self._to_pixels(tile.left), self._to_pixels(tile.left + tile.width)
        return QRectF(
            left + _TILE_INSET / 2,
            self._header_height + tile.row * self._row_height + _TILE_INSET,
            right - left - _TILE_INSET,
            self._row_height - 2 * _TILE_INSET,
        )

    def _to_pixels(self, share: float) -> float:
        """Convert a share of the width to pixels, after the names of the data sets."""
        names = (
            []
            if self._masks is None
            else [self.fontMetrics().horizontalAdvance(name) for name in self._masks.data_sets]
        )
        room = min(max(names, default=0) + 2 * _TILE_INSET, _MAX_NAME_SHARE * self.width())
        first = min((t.left for t in self._tiles), default=0.0)
        return room + (share - first) / (1 - first) * (self.width() - room)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size with two lines below the rows."""
        rows = 0 if self._masks is None else len(self._masks.data_sets)
        return QSize(280, round(self._header_height + (rows + 2) * self._row_height))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the smallest size."""
        return QSize(160, self.sizeHint().height())

    @property
    def _row_height(self) -> float:
        return 1.35 * self.fontMetrics().height()

    @property
    def _header_height(self) -> float:
        return 2.1 * QFontMetricsF(self._small_font()).height()

    def _small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(_SMALL_FONT_SCALE * font.pointSizeF()) if font.pointSizeF() > 0 else font.setPixelSize(
            round(_SMALL_FONT_SCALE * font.pixelSize())
        )
        return font

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the tiles and the names of rows, columns and sides."""
        if self._masks is None:
            return
        ink, line, masks = QColor(theme_colours()[1]), self._row_height, self._masks
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for tile in self._tiles:
            self._draw_tile(painter, tile)
        painter.setPen(ink)
        first = self._to_pixels(min(t.left for t in self._tiles))
        metrics = QFontMetricsF(painter.font())
        for row, name in enumerate(masks.data_sets):
            box = QRectF(0, self._header_height + row * line, first - _TILE_INSET, line)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, box.width())
            )
        under = self._header_height + len(masks.data_sets) * line
        for side, (left, right) in side_bounds(masks).items():
            box = QRectF(self._to_pixels(left), under, self._to_pixels(right) - self._to_pixels(left), 2 * line)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, side)
        painter.setFont(self._small_font())
        metrics = QFontMetricsF(painter.font())
        for tile in (t for t in self._tiles if t.row == 0):
            box = QRectF(self.tile_rect(tile).left(), 0, self.tile_rect(tile).width(), self._header_height)
            lines = (masks.range_name(tile.feature_range), f"{masks.feature_ranges[tile.feature_range].n_features:,}")
            painter.drawText(
                box,
                Qt.AlignmentFlag.AlignCenter,
                "\n".join(metrics.elidedText(t, Qt.TextElideMode.ElideRight, box.width()) for t in lines),
            )
        painter.end()

    def _draw_tile(self, painter: QPainter, tile: MaskTile) -> None:
        assert self._masks is not None
        colour, rect = QColor(self._masks.colour(tile.feature_range)), self.tile_rect(tile)
        painter.setPen(QPen(colour if tile.active else QColor("#909090"), 1))
        painter.setBrush(QBrush(colour) if tile.active else Qt.BrushStyle.NoBrush)
        painter.drawRect(rect)
        if tile.hidden:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(QColor("white"), Qt.BrushStyle.BDiagPattern))
            painter.drawRect(QRectF(rect.topLeft(), QPointF(rect.left() + rect.width() * tile.hidden, rect.bottom())))

    def event(self, event: Any) -> bool:
        """Show the tooltip of a tile."""
        if event.type() == QEvent.Type.ToolTip and self._masks is not None:
            tile = next((t for t in self._tiles if self.tile_rect(t).contains(QPointF(event.pos()))), None)
            QToolTip.showText(event.globalPos(), "" if tile is None else self._masks.describe_tile(tile), self)
            return True
        return bool(super().event(event))
