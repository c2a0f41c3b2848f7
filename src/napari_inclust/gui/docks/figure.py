"""Figure: genes, a blend or the cell types for print, with legends, colour bars and a scale bar."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from ...data.gene_sets import match_genes, parse_genes
from ...paint.values import MEASURED
from ..controllers.figures import BLEND, CELL_CATEGORIES, DISPLAYED, FigureOptions
from ..state.session import IMPUTED, MEASURED_AND_IMPUTED
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_button, create_combo_box, enable_unless
from ..widgets.form import add_rows, build_fields
from ..widgets.form_layout import FormLayout

_GENE_LIST, _STARRED = "list", "stars"
_VIEW_TITLES = {MEASURED_AND_IMPUTED: "measured and imputed", IMPUTED: "imputed", MEASURED: "measured"}
_FIELD_TITLES = {"view": "Values", "columns": "Columns", "width": "Width", "dpi": "Resolution", "dark": "Background"}
_FILE_FILTER = "PDF (*.pdf);;SVG (*.svg);;PNG (*.png)"


class FigureDock(QWidget):
    """The choice of what is drawn, a preview, and the button that saves it.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._scene, self._figures = (
            context.session,
            context.canvas_controller,
            context.figure_controller,
        )
        self.content = create_combo_box(
            "What is drawn; limits, colours, scale and thresholds are those of the Genes dock",
            [
                ("what is shown", DISPLAYED),
                ("a list of genes", _GENE_LIST),
                ("starred genes", _STARRED),
                ("the blend", BLEND),
                ("the cell types", CELL_CATEGORIES),
            ],
        )
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("Sox2, Gad1 …")
        self.genes.setToolTip("Genes to draw in one figure, separated by commas")
        self._fields = build_fields(
            FigureOptions,
            ("view", "columns", "width", "dpi", "dark"),
            view={"titles": _VIEW_TITLES},
            columns={"empty": "automatic"},
            width={"decimals": 2, "step": 1},
            dark={"text": "white on black"},
        )
        self.value_choice, self.columns, self.width_field, self.dpi, self.dark = (
            field.native for field in self._fields.values()
        )
        self.preview, self.save = (
            create_button("Preview", "Draw the figure here"),
            create_button("Save figure…", "PDF and SVG (tissue as picture, all else as vectors) or PNG"),
        )
        self.preview_image = QLabel()
        self.preview_image.setToolTip("Preview of the figure")
        self.preview_image.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.message = MessageLabel()
        rows = FormLayout()
        rows.addRow("Draw", self.content)
        rows.addRow("Genes", self.genes)
        add_rows(rows, self._fields, _FIELD_TITLES)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview)
        buttons.addWidget(self.save)
        box = QVBoxLayout(self)
        box.addLayout(rows)
        box.addLayout(buttons)
        box.addWidget(self.message)
        box.addWidget(self.preview_image, 1)

        links, s = SignalConnections(self), context.session
        for signal in (
            s.section_changed,
            s.gene_selected,
            s.blend_changed,
            s.cell_categories_changed,
            s.starred_genes_changed,
        ):
            links.connect(signal, self._refresh)
        links.connect(context.figure_controller.status_changed, self._on_figures_changed)
        links.connect(context.figure_controller.preview_ready, self._show_preview)
        self.content.activated.connect(self._refresh)
        self.genes.textChanged.connect(self._refresh)
        self.preview.clicked.connect(self._draw_preview)
        self.save.clicked.connect(self._save)
        self._refresh()

    def figure_options(self) -> FigureOptions:
        """Return the options that the controls show."""
        what, s = self.content.currentData(), self._session
        names = (
            parse_genes(self.genes.text())
            if what == _GENE_LIST
            else tuple(sorted(s.starred_genes))
            if what == _STARRED
            else (what,)
        )
        if what in (_GENE_LIST, _STARRED):
            known = match_genes(names, s.gene_table().names.tolist())
            names = (*known.matched, *known.missing)
        return FigureOptions(names, **{name: field.value for name, field in self._fields.items()})

    def blocking_reason(self) -> str:
        """Return why nothing can be drawn, or an empty text."""
        what, s = self.content.currentData(), self._session
        if s.section is None:
            return "Open a section first (Data)."
        return {
            DISPLAYED: ""
            if s.gene is not None or s.gene_set_score is not None
            else "No gene is shown: choose one (Genes).",
            _GENE_LIST: "" if parse_genes(self.genes.text()) else "Type the names of some genes.",
            _STARRED: "" if s.starred_genes else "No gene has a star: click the stars of some (Genes).",
            BLEND: "" if s.blend else "The blend is empty: put genes into it (Genes).",
            CELL_CATEGORIES: ""
            if s.cell_categories is not None
            else "The cells are not coloured by any column: choose one (Data).",
        }[what]

    def _raster_and_unit(self) -> tuple[Any, str]:
        painter = self._scene.painter
        assert painter is not None  # the buttons are disabled without a section
        return painter.raster, "pixels" if painter.unit == "pixel" else "µm"

    def _draw_preview(self) -> None:
        self._figures.preview(self.figure_options(), *self._raster_and_unit(), max(200, self.preview_width()))

    def preview_width(self) -> int:
        """Return the width of the preview in pixels."""
        return self.size().width() - 24

    def _save(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the figure", "figure.pdf", _FILE_FILTER)
        if path:
            suffix = kind[-5:-1] if "." not in path.rsplit("/", 1)[-1] else ""
            self._figures.save(self.figure_options(), *self._raster_and_unit(), path + suffix)

    def _show_preview(self, image: Any) -> None:
        height, width = image.shape[:2]
        self.preview_image.setPixmap(
            QPixmap.fromImage(QImage(image.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888))
        )

    def _on_figures_changed(self) -> None:
        f = self._figures
        self.message.show_message(f.busy + " …" if f.busy else f.message, is_error=f.is_error)
        if f.message and not f.is_error and not f.busy:
            show_info(f.message)
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        what, reason = self.content.currentData(), self.blocking_reason()
        enable_unless(self.genes, "" if what == _GENE_LIST else "Only for a list of genes.")
        enable_unless(
            self.value_choice, "" if what in (_GENE_LIST, _STARRED) else "Only for a list of genes, and starred ones."
        )
        for b in (self.preview, self.save):
            enable_unless(b, reason or ("A figure is being drawn." if self._figures.busy else ""))
