"""Small widgets that the docks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QSize, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from .flow import Flow
from .form_layout import Form

_LONGEST = 20  # letters of a word that may make a dock wider
FILES = "Cells (*.h5ad *.h5mu *.loom *.h5 *.csv *.tsv *.csv.gz);;All files (*)"


class Links:
    """Connections of a dock, cut when its widget is destroyed. A plain object: Qt still calls it then."""

    def __init__(self, widget: QObject) -> None:
        self._made: list[tuple[Any, Callable[..., None]]] = []
        widget.destroyed.connect(self.cut)
        vars(widget).setdefault("_cut_at_the_end", []).append(self)  # Qt does not keep who owns a slot

    def to(self, signal: Any, slot: Callable[..., None]) -> None:
        """Connect, until the widget dies."""
        signal.connect(slot)
        self._made.append((signal, slot))

    def cut(self) -> None:
        """Disconnect everything."""
        for signal, slot in self._made:
            signal.disconnect(slot, missing_ok=True)
        self._made.clear()


class Wrapped(QLabel):
    """Text that is as tall as it needs to be at its width: Qt's layouts ask a wrapped label only once, and cut its last lines."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def setText(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        out = super().minimumSizeHint()
        return QSize(min(out.width(), _LONGEST * self.fontMetrics().averageCharWidth()), out.height())

    def _fit(self) -> None:
        before = self.minimumHeight()
        self.setMinimumHeight(0)  # Qt never answers less than that
        height = max(0, self.heightForWidth(self.width()))
        self.setMinimumHeight(height)
        if height == before:
            return
        around = self.parentWidget()
        while around is not None and around.layout() is not None:  # a layout that was just at work forgets the wish
            around.layout().activate()
            around = around.parentWidget()


class Message(Wrapped):
    """A sentence below the controls, in red when something is wrong; takes no place when it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.say("")

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Show a sentence."""
        self.setText(text)
        style = "color: #e0533d; font-weight: bold;" if wrong else ""
        if style != self.styleSheet():  # setting it again would cost a restyling at every epoch
            self.setStyleSheet(style)
        self.setVisible(bool(text))


class PathField(QWidget):
    """A file: typed, browsed or dropped."""

    chosen = Signal(str)

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setPlaceholderText("type or drop a path")
        self.line.setToolTip(tip)
        self.line.setAccessibleName(title)
        self.browse, self.folder = QPushButton("File…"), QPushButton("Folder…")
        self.browse.setToolTip(f"Choose the file of the {title.lower()}")
        self.folder.setToolTip(f"Choose the folder of the {title.lower()}: .zarr, or the output folder of an instrument")
        self._title = title
        self.setLayout(Flow(self.line, self.browse, self.folder))
        self.setAcceptDrops(True)
        self.line.setAcceptDrops(False)  # the field takes the drop, and with it the file at once
        self.line.returnPressed.connect(self._typed)
        self.browse.clicked.connect(self._browse)
        self.folder.clicked.connect(self._browse_folder)

    def path(self) -> str:
        """What stands in the field."""
        return self.line.text().strip()

    def show_path(self, path: str) -> None:
        """Show a file that was opened elsewhere."""
        self.line.setText(path)

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        path = event.mimeData().urls()[0].toLocalFile()
        self.line.setText(path)
        event.acceptProposedAction()
        self.chosen.emit(path)

    def _typed(self) -> None:
        if self.path():
            self.chosen.emit(self.path())

    def _browse(self) -> None:
        self._take(QFileDialog.getOpenFileName(self, f"Open {self._title.lower()}", self.path(), FILES)[0])

    def _browse_folder(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self, f"Open {self._title.lower()}", self.path()))

    def _take(self, path: str) -> None:
        if path:
            self.line.setText(path)
            self.chosen.emit(path)


def form(parent: QWidget | None = None) -> Form:
    """Rows of a name and a field."""
    return Form(parent)


def choice(tip: str, items: list[tuple[str, Any]]) -> QComboBox:
    """A combo box of (text, value) with a tooltip, that never makes its dock wider."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    fill(box, items)
    return box


def fill(box: QComboBox, items: list[tuple[str, Any]], value: Any = None) -> None:
    """Other items, silently; the value is chosen when it is among them."""
    box.blockSignals(True)
    box.clear()
    for text, item in items:
        box.addItem(text, item)
    box.setCurrentIndex(max(0, next((i for i, (_, item) in enumerate(items) if item == value), 0)))
    box.blockSignals(False)


def button(text: str, tip: str) -> QPushButton:
    """A button with a tooltip that `allow` can replace and bring back."""
    out = QPushButton(text)
    out.setToolTip(tip)
    out.setProperty("tip", tip)
    return out


def allow(control: Any, why: str) -> None:
    """Grey with the reason as tooltip, or not."""
    if control.property("tip") is None:
        control.setProperty("tip", control.toolTip())
    control.setEnabled(not why)
    control.setToolTip(why or control.property("tip"))
