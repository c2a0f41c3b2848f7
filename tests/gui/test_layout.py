"""Every dock explains itself and fits: tooltips, units, large fonts, the wheel."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QTextDocument, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

from napari_inclust.gui.widgets.common import WrappedLabel
from napari_inclust.gui.widgets.flow import Collapsible, FlowLayout
from napari_inclust.gui.widgets.form_layout import FormLayout
from napari_inclust.spatial.regions import Region

from .fakes import FakeRun, fake_find, small_reference, small_section

CONTROLS = (
    QAbstractButton,
    QComboBox,
    QAbstractSpinBox,
    QLineEdit,
    QTextEdit,
    QAbstractSlider,
    QAbstractItemView,
    QProgressBar,
)
# numbers that have no unit: a correlation by its prefix, settings by their names
PURE = {
    "score ≥ ",
    "seed",
    "learning_rate",
    "weight_decay",
    "label_weight",
    "entropy_weight",
    "align_weight",
    "reconstruction_weight",
    "masking",
}


@pytest.fixture
def full(opened: Any, qtbot: Any) -> Any:
    """All docks with something to show: a run, domains, regions, a pinned cell, everything unfolded."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    bench.domain_controller.search = fake_find()
    bench.domain_controller.start(None)
    bench.region_controller.add(
        [Region("upper left of the tissue", np.array([[-12.0, -12], [152, -12], [152, 30], [-12, 30]]))]
    )
    bench.region_controller.set_genes(["Gene5", "Gene30"])
    bench.cell_selection.pin(3)
    bench.session.select_gene("Gene5")
    bench.session.set_view("swipe")
    for fold in dock.findChildren(Collapsible):
        fold.expand()
    qtbot.waitUntil(
        lambda: bench.domain_controller.domains is not None and bench.region_controller.statistics is not None,
        timeout=20_000,
    )
    return viewer, bench, dock


def controls(dock: QWidget) -> list[Any]:
    """What a user can work with, without the parts that Qt makes inside it."""
    own = [c for kind in CONTROLS for c in dock.findChildren(kind) if not c.objectName().startswith("qt_")]
    inner = (QScrollBar, QHeaderView)
    return [
        c
        for c in own
        if not isinstance(c, inner)
        and not isinstance(
            c.parent(), (QAbstractSpinBox, QComboBox, QAbstractItemView, QHeaderView, QLineEdit, QTabBar)
        )
        and not in_popup(c)
    ]


def in_popup(widget: Any) -> bool:
    while widget is not None and not isinstance(widget, QComboBox):
        if widget.metaObject().className() in ("QComboBoxPrivateContainer", "QTipLabel"):
            return True
        widget = widget.parent()
    return False


def test_every_control_has_a_tooltip_and_every_number_a_unit(opened: Any) -> None:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.select_gene("Gene5")
    found = controls(dock)
    assert len(found) > 100
    silent = [c for c in found if not c.toolTip()]
    assert "; ".join(f"{describe(c)} in {type(c.parent()).__name__}" for c in silent) == ""
    pure = {control for name, control in dock.train.config_form.controls.items() if name in PURE}
    bare = [
        c
        for c in dock.findChildren(QAbstractSpinBox)
        if c not in pure and not c.suffix().strip() and c.prefix() not in PURE
    ]
    assert [c.toolTip() for c in bare] == []


def test_nothing_is_cut_or_overlaps_with_twice_the_font(full: Any, qtbot: Any) -> None:
    viewer, _, dock = full
    appearance = get_settings().appearance
    before = appearance.font_size
    try:
        appearance.font_size = 20
        viewer.window.resize(1600, 900)
        qtbot.wait(50)
        for i, title in enumerate(dock.titles):
            dock.tabs.setCurrentIndex(i)
            page = dock.tabs.currentWidget()
            qtbot.waitUntil(lambda: page.horizontalScrollBar().maximum() == 0, timeout=3000)  # noqa: B023
            qtbot.wait(30)
            seen = [w for w in page.widget().findChildren(QWidget) if w.isVisible() and w.width() and w.height()]
            cut = [w for w in seen if isinstance(w, (QPushButton, QCheckBox)) and w.width() < w.sizeHint().width()]
            cut += [w for w in seen if type(w) is QLabel and w.width() < w.minimumSizeHint().width()]
            assert [(title, w.text()) for w in cut] == []
            for parent in {w.parent() for w in seen if w.parent().layout() is not None}:
                for one, other in combinations([w for w in seen if w.parent() is parent], 2):
                    both = one.geometry().intersected(other.geometry())
                    assert both.isEmpty(), (title, describe(one), describe(other), both.getRect())
    finally:
        appearance.font_size = before


def describe(widget: Any) -> str:
    return (
        f"{type(widget).__name__} {'' if isinstance(widget, QAbstractItemView) else getattr(widget, 'text', str)()!r}"
    )


def test_the_wheel_scrolls_and_changes_nothing(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    box = dock.genes.look.colormap
    qtbot.waitUntil(box.isVisible)
    dock.genes.search.setFocus()
    assert not turn(box)  # Qt hands it on, in the end to what scrolls
    assert box.currentData() == bench.session.look.colormap == "viridis"
    dock.window().activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    assert turn(box)  # it was clicked: the wheel is for it
    assert box.currentIndex() > 0


def turn(widget: QWidget) -> bool:
    """One step of the wheel over the middle of a widget; whether it took it."""
    place = QPointF(widget.rect().center())
    event = QWheelEvent(place, QPointF(widget.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(widget, event)
    return bool(event.isAccepted())


def test_a_row_breaks_where_it_has_to(qtbot: Any) -> None:
    widget, parts = QWidget(), [QPushButton(name) for name in ("one", "two", "three")]
    qtbot.addWidget(widget)
    row = FlowLayout(*parts)
    widget.setLayout(row)
    wide = sum(p.sizeHint().width() for p in parts) + 40
    assert row.heightForWidth(wide) < row.heightForWidth(wide * 3 // 4) < row.heightForWidth(1)
    assert row.minimumSize().width() == max(p.minimumSizeHint().width() for p in parts)
    parts[1].hide()
    widget.resize(wide, 100)
    widget.show()
    qtbot.waitUntil(lambda: parts[2].geometry().right() == widget.width() - 1)
    assert parts[0].y() == parts[2].y()
    assert parts[2].x() > parts[0].geometry().right()


def test_a_field_goes_below_its_name_where_there_is_no_room(qtbot: Any) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    rows, first, second = FormLayout(widget), QPushButton("a button with a long text"), QLineEdit()
    rows.addRow("Name", first)
    rows.addRow("Long name", second)
    name = rows.labelForField(first)
    widget.show()
    for width, beside in ((600, True), (rows.minimumSize().width(), False)):
        widget.resize(width, 300)
        qtbot.waitUntil(lambda: (first.x() > 0) == beside)  # noqa: B023
        assert first.width() >= first.minimumSizeHint().width()
        assert (first.y() > name.y() + name.height() // 2) != beside
    rows.setRowVisible(first, False)
    assert not name.isVisible()
    assert rows.heightForWidth(600) == max(second.sizeHint().height(), rows.labelForField(second).sizeHint().height())


def test_a_wrapped_text_gives_its_room_back(qtbot: Any) -> None:
    label = WrappedLabel()
    qtbot.addWidget(label)
    label.resize(200, 20)
    label.show()
    label.setText("a word " * 60)
    tall = label.minimumHeight()
    label.setText("one line")
    assert label.minimumHeight() < tall / 5


def test_a_number_is_read_with_its_unit_and_a_long_name_breaks_with_a_large_font(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    appearance = get_settings().appearance
    before = appearance.font_size
    try:
        appearance.font_size = 16
        viewer.window.resize(1280, 800)
        bench.session.open_section(small_section(name="a_section_with_a_very_long_name_of_one_word"))
        bench.session.select_gene("Gene5")
        for title in ("Genes", "Figure"):
            dock.tabs.setCurrentIndex(dock.titles.index(title))
            qtbot.wait(50)
            boxes = [b for b in dock.tabs.currentWidget().widget().findChildren(QAbstractSpinBox) if b.isVisible()]
            assert len(boxes) > 2
            for box in boxes:
                line = box.lineEdit()
                box.stepUp()
                assert line.fontMetrics().horizontalAdvance(line.text()) <= line.width(), box.text()
        dock.tabs.setCurrentIndex(dock.titles.index("Data"))
        qtbot.wait(50)
        text = QTextDocument()
        text.setDefaultFont(dock.data.summary.font())
        text.setHtml(dock.data.summary.text())
        text.setTextWidth(dock.data.summary.width())
        assert text.idealWidth() <= dock.data.summary.width()
    finally:
        appearance.font_size = before
