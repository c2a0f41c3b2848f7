"""Small widgets that the docks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QSize, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from .flow import FlowLayout
from .form_layout import FormLayout

_MAX_WORD_LETTERS = 20  # letters of a word that may make a dock wider
CELL_FILE_FILTER = "Cells (*.h5ad *.h5mu *.loom *.h5 *.csv *.tsv *.csv.gz);;All files (*)"


class SignalConnections:
    """Connections of a dock, cut when its widget is destroyed. A plain object: Qt still calls it then."""

    def __init__(self, widget: QObject) -> None:
        self._connections: list[tuple[Any, Callable[..., None]]] = []
        widget.destroyed.connect(self.disconnect_all)
        vars(widget).setdefault("_cut_at_the_end", []).append(self)  # Qt does not keep who owns a slot

    def connect(self, signal: Any, slot: Callable[..., None]) -> None:
        """Connect, until the widget dies."""
        signal.connect(slot)
        self._connections.append((signal, slot))

    def disconnect_all(self) -> None:
        """Disconnect everything."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()


class WrappedLabel(QLabel):
    """Text that is as tall as it needs to be at its width: Qt's layouts ask a wrapped label only once, and cut its last lines."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def setText(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        super().setText(text)
        self._fit_height()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit_height()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        out = super().minimumSizeHint()
        return QSize(min(out.width(), _MAX_WORD_LETTERS * self.fontMetrics().averageCharWidth()), out.height())

    def _fit_height(self) -> None:
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


class MessageLabel(WrappedLabel):
    """A sentence below the controls, in red when something is wrong; takes no place when it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_message("")

    def show_message(self, text: str, *, is_error: bool = False) -> None:
        """Show a sentence."""
        self.setText(text)
        style = "color: #e0533d; font-weight: bold;" if is_error else ""
        if style != self.styleSheet():  # setting it again would cost a restyling at every epoch
            self.setStyleSheet(style)
        self.setVisible(bool(text))


class PathField(QWidget):
    """A file: typed, browsed or dropped."""

    path_chosen = Signal(str)

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self.line_edit = QLineEdit()
        self.line_edit.setPlaceholderText("type or drop a path")
        self.line_edit.setToolTip(tip)
        self.line_edit.setAccessibleName(title)
        self.file_button, self.folder_button = QPushButton("File…"), QPushButton("Folder…")
        self.file_button.setToolTip(f"Choose the file of the {title.lower()}")
        self.folder_button.setToolTip(
            f"Choose the folder of the {title.lower()}: .zarr, or the output folder of an instrument"
        )
        self._title = title
        self.setLayout(FlowLayout(self.line_edit, self.file_button, self.folder_button))
        self.setAcceptDrops(True)
        self.line_edit.setAcceptDrops(False)  # the field takes the drop, and with it the file at once
        self.line_edit.returnPressed.connect(self._emit_typed_path)
        self.file_button.clicked.connect(self._browse_file)
        self.folder_button.clicked.connect(self._browse_folder)

    def path(self) -> str:
        """What stands in the field."""
        return self.line_edit.text().strip()

    def show_path(self, path: str) -> None:
        """Show a file that was opened elsewhere."""
        self.line_edit.setText(path)

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        path = event.mimeData().urls()[0].toLocalFile()
        self.line_edit.setText(path)
        event.acceptProposedAction()
        self.path_chosen.emit(path)

    def _emit_typed_path(self) -> None:
        if self.path():
            self.path_chosen.emit(self.path())

    def _browse_file(self) -> None:
        self._set_path(
            QFileDialog.getOpenFileName(self, f"Open {self._title.lower()}", self.path(), CELL_FILE_FILTER)[0]
        )

    def _browse_folder(self) -> None:
        self._set_path(QFileDialog.getExistingDirectory(self, f"Open {self._title.lower()}", self.path()))

    def _set_path(self, path: str) -> None:
        if path:
            self.line_edit.setText(path)
            self.path_chosen.emit(path)


def create_form(parent: QWidget | None = None) -> FormLayout:
    """Rows of a name and a field."""
    return FormLayout(parent)


def create_combo_box(tip: str, items: list[tuple[str, Any]]) -> QComboBox:
    """A combo box of (text, value) with a tooltip, that never makes its dock wider."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    set_items(box, items)
    return box


def set_items(box: QComboBox, items: list[tuple[str, Any]], value: Any = None) -> None:
    """Other items, silently; the value is chosen when it is among them."""
    box.blockSignals(True)
    box.clear()
    for text, item in items:
        box.addItem(text, item)
    box.setCurrentIndex(max(0, next((i for i, (_, item) in enumerate(items) if item == value), 0)))
    box.blockSignals(False)


def create_button(text: str, tip: str) -> QPushButton:
    """A button with a tooltip that `allow` can replace and bring back."""
    out = QPushButton(text)
    out.setToolTip(tip)
    out.setProperty("tip", tip)
    return out


def enable_unless(control: Any, reason: str) -> None:
    """Grey with the reason as tooltip, or not."""
    if control.property("tip") is None:
        control.setProperty("tip", control.toolTip())
    control.setEnabled(not reason)
    control.setToolTip(reason or control.property("tip"))
