"""Settings, and training with the true core while the window stays alive."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_inclust.errors import ConfigError
from napari_inclust.gui.controllers.training import train_and_impute
from napari_inclust.gui.state.status import DONE, STOPPED
from napari_inclust.gui.views.config_form import ConfigForm
from napari_inclust.io.demo import demo_reference, demo_section
from napari_inclust.training.config import PRESETS, Config
from napari_inclust.utils.progress import progress_stage

from ..conftest import expected_colour, pixel_of
from ..fakes import FakeEpoch, small_reference, small_section


def test_the_form_has_every_setting_with_help_and_unit(qtbot: Any) -> None:
    form = ConfigForm(Config())
    qtbot.addWidget(form)
    for f in dataclasses.fields(Config):
        if f.name != "name":
            assert form.controls[f.name].toolTip() == f.metadata["help"]
            if f.metadata["unit"] and not isinstance(getattr(Config(), f.name), tuple):
                assert form.controls[f.name].suffix().strip() == f.metadata["unit"]


def test_settings_stand_below_headings(qtbot: Any) -> None:
    form = ConfigForm(Config())
    qtbot.addWidget(form)
    headings = [label.text() for label in form.findChildren(QLabel) if label.text().startswith("<b>")]
    assert headings == [f"<b>{name}</b>" for name in ("Training", "Network", "Loss", "Masks and noise", "Reading out")]


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_survives_the_form(qtbot: Any, name: str) -> None:
    form = ConfigForm(Config())
    qtbot.addWidget(form)
    form.show_config(Config.preset(name))
    assert form.config() == Config.preset(name)


def test_changes_reach_the_config_and_mistakes_say_what_is_expected(qtbot: Any) -> None:
    form = ConfigForm(Config())
    qtbot.addWidget(form)
    form.controls["epochs"].setValue(7)
    form.controls["hidden"].setText("64, 32")
    form.controls["layer_norm"].setChecked(False)
    assert form.config() == Config(epochs=7, hidden=(64, 32), layer_norm=False)
    form.controls["hidden"].setText("many")
    with pytest.raises(ConfigError, match="expected values like"):
        form.config()


def test_true_core_end_to_end_and_the_window_never_freezes(real_core: None, opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    bench.training_controller.train = train_and_impute
    s = bench.session
    s.open_section(demo_section())
    s.open_reference(demo_reference(), "cell_type")
    dock.tabs.setCurrentIndex(1)
    for setting, value in (("epochs", 6), ("steps", 8), ("members", 2), ("threads", 1)):
        dock.train.config_form.controls[setting].setValue(value)
    beats: list[float] = []
    timer = QTimer()
    timer.setInterval(10)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start()
    dock.train.start.click()
    qtbot.waitUntil(lambda: len(bench.training_controller.history) >= 1, timeout=300_000)
    first = len(beats)
    qtbot.waitUntil(
        lambda: (
            bench.training_controller.state == DONE
            or bool(bench.training_controller.message and "failed" in bench.training_controller.message)
        ),
        timeout=300_000,
    )
    last = len(beats)
    timer.stop()
    assert bench.training_controller.state == DONE, bench.training_controller.message
    gaps = np.diff(beats[first : last - 1]) * 1000
    assert (
        np.median(gaps) < 50
    )  # how short they are is measured in benchmarks/window.py: a timed test would fail on a busy machine
    assert gaps.max() < 1000
    qtbot.waitUntil(lambda: bench.canvas_controller.painter.gene_layer() is not None, timeout=300_000)
    assert (
        bench.canvas_controller.painter.gene_layer().name == f"{s.panel.reference_only[0]} · imputed (no score)"
    )  # a finished run paints at once
    gene = s.panel.shared[3]
    s.select_gene(gene)
    s.set_view("imputed")
    layer = bench.canvas_controller.painter.gene_layer()
    qtbot.waitUntil(lambda: layer.name.startswith(f"{gene} · imputed"), timeout=300_000)
    values = s.run.impute(gene).values
    for row in np.argsort(values)[[5, len(values) // 2, -5]]:
        x, y = s.section.xy[row]
        assert np.abs(pixel_of(viewer, y, x, qtbot) - expected_colour(layer, values[row])).max() <= 3
    assert "held out" in layer.name
    assert dock.genes.model.rowCount() == len(s.run.genes)


def test_the_true_core_stops_on_cancel_and_goes_on(real_core: None, opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    cancelled = threading.Event()

    def waiting(*args: Any, **kwargs: Any) -> Any:
        """The true steps; the second epoch waits for the click."""
        steps = train_and_impute(*args, **kwargs)
        yield next(steps)
        cancelled.wait(300)
        return (yield from steps)

    bench.training_controller.train = waiting
    bench.session.open_section(demo_section())
    bench.session.open_reference(demo_reference(), "cell_type")
    bench.training_controller.start(Config(epochs=4, steps=3, members=2, threads=1))
    qtbot.waitUntil(lambda: len(bench.training_controller.history) >= 1, timeout=300_000)
    dock.train.cancel.click()
    cancelled.set()
    qtbot.waitUntil(lambda: bench.training_controller.state in (STOPPED, DONE), timeout=300_000)
    assert bench.training_controller.state == STOPPED
    assert bench.session.run is None
    assert dock.train.resume.isEnabled()
    seen = len(bench.training_controller.history)
    dock.train.resume.click()
    qtbot.waitUntil(lambda: bench.training_controller.state == DONE, timeout=300_000)
    assert [e.number for e in bench.training_controller.history if e.stage == "training"] == [1, 2, 3, 4]
    assert seen < len(bench.training_controller.history)


def test_what_follows_the_last_epoch_says_how_far_it_is_and_can_be_cancelled(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    steps: list[int] = []

    def staged(*args: Any, **kwargs: Any) -> Any:
        yield FakeEpoch(1, 1, stage="scoring")
        for group in progress_stage("preparing the cells", range(200)):
            steps.append(group)
            time.sleep(0.05)

    bench.training_controller.train = staged
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference(), "cell_type")
    bench.training_controller.start(Config(epochs=1))
    qtbot.waitUntil(lambda: dock.train.status.text().startswith("Preparing the cells, "), timeout=10_000)
    dock.train.cancel.click()
    qtbot.waitUntil(lambda: bench.training_controller.state == STOPPED, timeout=5000)
    assert len(steps) < 200
    assert "Cancelled after 0 epochs. No result was made." in dock.train.message.text() + dock.train.status.text()
    assert bench.session.run is None
