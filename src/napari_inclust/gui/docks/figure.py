"""Figure: one or several genes as a picture for print, with legends, colour bars and a scale bar."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from ...data.gene_sets import match, parse_genes
from ..controllers.figures import BLEND, SHOWN, TYPES, Wish
from ..state.session import BOTH, IMPUTED, MEASURED
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, button, choice, form

_LIST, _STARS = "list", "stars"
_KINDS = "PDF (*.pdf);;SVG (*.svg);;PNG (*.png)"


class FigureDock(QWidget):
    """Choose what is drawn, look at it, save it.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._scene, self._figures = bench.session, bench.scene, bench.figures
        self.what = choice(
            "What is drawn; limits, colours, scale and thresholds are those of the Genes dock",
            [("what is shown", SHOWN), ("a list of genes", _LIST), ("starred genes", _STARS), ("the blend", BLEND), ("the cell types", TYPES)],
        )
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("Sox2, Gad1 …")
        self.genes.setToolTip("Genes to draw in one figure, separated by commas")
        self.view = choice(
            "Which values of each gene are drawn, where it has them", [("measured and imputed", BOTH), ("imputed", IMPUTED), ("measured", MEASURED)]
        )
        self.columns = QSpinBox()
        self.columns.setRange(0, 12)
        self.columns.setSpecialValueText("automatic")
        self.columns.setSuffix(" in a row")
        self.columns.setToolTip("Pictures in a row")
        self.width = QDoubleSpinBox()
        self.width.setRange(2, 40)
        self.width.setValue(7)
        self.width.setSuffix(" inch")
        self.width.setToolTip("Width of the figure in inches")
        self.dpi = QSpinBox()
        self.dpi.setRange(50, 1200)
        self.dpi.setValue(300)
        self.dpi.setSuffix(" pixels/inch")
        self.dpi.setToolTip("Resolution of the tissue; text and bars are vectors in PDF and SVG")
        self.dark = QCheckBox("white on black")
        self.dark.setToolTip("Background of the figure")
        self.look, self.save = button("Preview", "Draw the figure here"), button("Save figure…", "PDF and SVG (tissue as picture, all else as vectors) or PNG")
        self.picture = QLabel()
        self.picture.setToolTip("Preview of the figure")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.message = Message()
        rows = form()
        for name, field in (("Draw", self.what), ("Genes", self.genes), ("Values", self.view), ("Columns", self.columns), ("Width", self.width),
                            ("Resolution", self.dpi), ("Background", self.dark)):  # fmt: skip
            rows.addRow(name, field)
        buttons = QHBoxLayout()
        buttons.addWidget(self.look)
        buttons.addWidget(self.save)
        box = QVBoxLayout(self)
        box.addLayout(rows)
        box.addLayout(buttons)
        box.addWidget(self.message)
        box.addWidget(self.picture, 1)

        links, s = Links(self), bench.session
        for signal in (s.data_changed, s.gene_changed, s.blend_changed, s.types_changed, s.stars_changed):
            links.to(signal, self._show)
        links.to(bench.figures.changed, self._drawn)
        links.to(bench.figures.previewed, self._preview)
        self.what.activated.connect(self._show)
        self.genes.textChanged.connect(self._show)
        self.look.clicked.connect(self._look)
        self.save.clicked.connect(self._save)
        self._show()

    def wish(self) -> Wish:
        """What the controls say."""
        what, s = self.what.currentData(), self._session
        names = parse_genes(self.genes.text()) if what == _LIST else tuple(sorted(s.stars)) if what == _STARS else (what,)
        if what in (_LIST, _STARS):
            known = match(names, s.genes().names.tolist())
            names = (*known.found, *known.missing)
        return Wish(names, self.view.currentData(), self.columns.value(), self.width.value(), self.dpi.value(), self.dark.isChecked())

    def obstacle(self) -> str:
        """Why nothing can be drawn; empty when it can."""
        what, s = self.what.currentData(), self._session
        if s.section is None:
            return "Open a section first (Data)."
        return {
            SHOWN: "" if s.gene is not None or s.score is not None else "No gene is shown: choose one (Genes).",
            _LIST: "" if parse_genes(self.genes.text()) else "Type the names of some genes.",
            _STARS: "" if s.stars else "No gene has a star: click the stars of some (Genes).",
            BLEND: "" if s.blend else "The blend is empty: put genes into it (Genes).",
            TYPES: "" if s.types is not None else "The cells are not coloured by any column: choose one (Data).",
        }[what]

    def _place(self) -> tuple[Any, str]:
        painter = self._scene.painter
        return painter.raster, "pixels" if painter.unit == "pixel" else "µm"

    def _look(self) -> None:
        self._figures.preview(self.wish(), *self._place(), max(200, self.width_of_preview()))

    def width_of_preview(self) -> int:
        """Pixels."""
        return self.size().width() - 24

    def _save(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the figure", "figure.pdf", _KINDS)
        if path:
            suffix = kind[-5:-1] if "." not in path.rsplit("/", 1)[-1] else ""
            self._figures.save(self.wish(), *self._place(), path + suffix)

    def _preview(self, image: Any) -> None:
        height, width = image.shape[:2]
        self.picture.setPixmap(QPixmap.fromImage(QImage(image.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)))

    def _drawn(self) -> None:
        f = self._figures
        self.message.say(f.busy + " …" if f.busy else f.message, wrong=f.wrong)
        if f.message and not f.wrong and not f.busy:
            show_info(f.message)
        self._show()

    def _show(self, *_: Any) -> None:
        what, why = self.what.currentData(), self.obstacle()
        allow(self.genes, "" if what == _LIST else "Only for a list of genes.")
        allow(self.view, "" if what in (_LIST, _STARS) else "Only for a list of genes, and starred ones.")
        for b in (self.look, self.save):
            allow(b, why or ("A figure is being drawn." if self._figures.busy else ""))
