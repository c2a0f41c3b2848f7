"""Small widgets and helpers that the docks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakMethod

from qtpy.QtCore import QObject, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from .flow import FlowLayout

_T = TypeVar("_T")
_MAX_WORD_LETTERS = 20  # letters of a word that may make a dock wider
_MESSAGE_STYLE = "color: #e0533d; font-weight: bold;"  # of an error
CELL_FILE_FILTER = "Cells (*.h5ad *.h5mu *.loom *.h5 *.csv *.tsv *.csv.gz);;All files (*)"


class SignalConnections:
    """Connections of a widget to objects that outlive it, disconnected when it is destroyed.

    It is no QObject: those of a widget are deleted before its `destroyed` signal could call them.

    Parameters
    ----------
    widget
        Keeps this object alive.
    """

    def __init__(self, widget: QObject) -> None:
        self._connections: list[tuple[Any, Callable[..., None]]] = []
        widget.destroyed.connect(self.disconnect_all)
        vars(widget).setdefault("_signal_connections", []).append(self)  # Qt holds no reference to the object of a slot

    def connect(self, signal: Any, slot: Callable[..., None]) -> None:
        """Connect a signal until the widget is destroyed."""
        signal.connect(slot)
        self._connections.append((signal, slot))

    def disconnect_all(self) -> None:
        """Disconnect everything."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()


class WrappedLabel(QLabel):
    """Text with as many lines as its width needs; Qt's layouts ask a wrapped label only once and cut its last lines."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def setText(self, text: str | None) -> None:  # noqa: N802
        """Show a text."""
        super().setText(text)
        self._fit_height()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Fit the height to another width."""
        super().resizeEvent(event)
        self._fit_height()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the size that the longest word needs, up to 20 letters."""
        out = super().minimumSizeHint()
        return QSize(min(out.width(), _MAX_WORD_LETTERS * self.fontMetrics().averageCharWidth()), out.height())

    def _fit_height(self) -> None:
        before = self.minimumHeight()
        self.setMinimumHeight(0)  # `heightForWidth` never returns less than it
        height = max(0, self.heightForWidth(self.width()))
        self.setMinimumHeight(height)
        if height == before:
            return
        parent = self.parentWidget()
        while parent is not None and (layout := parent.layout()) is not None:
            layout.activate()  # a layout that is just being computed drops the request of the new minimum
            parent = parent.parentWidget()


class MessageLabel(WrappedLabel):
    """A sentence below the controls, red for an error and hidden while it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_message("")

    def show_message(self, text: str, *, is_error: bool = False) -> None:
        """Show a sentence, or hide the label if it is empty."""
        self.setText(text)
        style = _MESSAGE_STYLE if is_error else ""
        if style != self.styleSheet():  # setting it restyles, which is slow at every epoch
            self.setStyleSheet(style)
        self.setVisible(bool(text))


class PathField(QWidget):
    """The path of a file or folder: typed, browsed or dropped.

    Parameters
    ----------
    title
        What is opened, for tooltips and dialogs.
    tip
        Tooltip of the text field.

    Attributes
    ----------
    path_chosen
        Signal with the path.
    """

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
        self.line_edit.setAcceptDrops(False)  # this widget handles the drop and reads the file at once
        self.line_edit.returnPressed.connect(self._emit_typed_path)
        self.file_button.clicked.connect(self._browse_file)
        self.folder_button.clicked.connect(self._browse_folder)

    def path(self) -> str:
        """Return the text of the field."""
        return self.line_edit.text().strip()

    def show_path(self, path: str) -> None:
        """Show the path of a file that was opened elsewhere."""
        self.line_edit.setText(path)

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        """Choose the dropped file."""
        path = event.mimeData().urls()[0].toLocalFile()
        self.line_edit.setText(path)
        event.acceptProposedAction()
        self.path_chosen.emit(path)

    def _emit_typed_path(self) -> None:
        if self.path():
            self.path_chosen.emit(self.path())

    def _browse_file(self) -> None:
        title = f"Open {self._title.lower()}"
        self._set_path(QFileDialog.getOpenFileName(self, title, self.path(), CELL_FILE_FILTER)[0])

    def _browse_folder(self) -> None:
        self._set_path(QFileDialog.getExistingDirectory(self, f"Open {self._title.lower()}", self.path()))

    def _set_path(self, path: str) -> None:
        if path:
            self.line_edit.setText(path)
            self.path_chosen.emit(path)


def create_combo_box(tip: str, items: list[tuple[str, Any]]) -> QComboBox:
    """Create a combo box of (text, value) items with a tooltip; it never makes its dock wider."""
    box = QComboBox()
    box.setToolTip(tip)
    style_combo_box(box)
    set_items(box, items)
    return box


def style_combo_box(box: QComboBox) -> None:
    """Let a combo box grow with its dock without ever making the dock wider."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def set_items(box: QComboBox, items: list[tuple[str, Any]], value: Any = None) -> None:
    """Set the (text, value) items without emitting signals, and choose a value, or the first without it."""
    with QSignalBlocker(box):
        box.clear()
        for text, item in items:
            box.addItem(text, item)
        box.setCurrentIndex(next((i for i, (_, item) in enumerate(items) if item == value), 0))


def show_value(control: Any, value: Any) -> None:
    """Show the state of a check box, or the value of a number or slider, without emitting signals."""
    with QSignalBlocker(control):
        (control.setChecked if isinstance(control, QAbstractButton) else control.setValue)(value)


def existing(part: _T | None) -> _T:
    """Return a part of a Qt widget that its stubs declare optional and that always exists."""
    assert part is not None
    return part


def weak_method(method: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls a bound method while its object lives, and does nothing afterwards."""
    ref = WeakMethod(method)

    def call(*args: Any) -> None:
        if (bound := ref()) is not None:
            bound(*args)

    return call


def create_button(text: str, tip: str) -> QPushButton:
    """Create a button with a tooltip that `enable_unless` can replace and restore."""
    out = QPushButton(text)
    out.setToolTip(tip)
    out.setProperty("tip", tip)
    return out


def enable_unless(control: Any, reason: str) -> None:
    """Disable a control with the reason as its tooltip, or enable it if the reason is empty."""
    if control.property("tip") is None:
        control.setProperty("tip", control.toolTip())
    control.setEnabled(not reason)
    control.setToolTip(reason or control.property("tip"))
