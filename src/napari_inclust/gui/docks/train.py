"""Train: settings, start and cancel, progress and loss."""

from __future__ import annotations

import dataclasses
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ...errors import InclustError
from ...training.config import PRESETS, Config
from ...utils.text import duration
from ..controllers.training import CRASHED, DONE, RUNNING, STOPPED, STOPPING
from ..state.gene_source import fits
from ..state.generated import Made
from ..state.tasks import MAP
from ..viewer_context import Workbench
from ..views.check_light import CheckLight
from ..views.config_form import ConfigForm
from ..views.runs_view import RunsView
from ..views.task_view import TaskView
from ..widgets.common import Links, Message, allow, button, choice, fill, form
from ..widgets.flow import Flow, Fold


class TrainDock(QWidget):
    """Training of the open section and reference.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._session, self._training = bench, bench.session, bench.training
        self.task = TaskView(bench)
        self.preset = choice("Named settings to start from", [(n, n) for n in PRESETS])
        self.preset.setCurrentText("balanced")
        self.form = ConfigForm(Config.preset("balanced"))
        self.device = choice("Where to compute; auto takes a GPU when there is one", [(d, d) for d in _devices()])
        self.about = Message()
        self.start, self.resume = button("Train", "Train with these settings"), button("Resume", "Go on where training was cancelled")
        self.cancel = button("Cancel", "Stop at the end of this epoch")
        self.bar = QProgressBar()
        self.bar.setToolTip("Epochs done of those planned; training may stop early when validation no longer improves")
        self.status, self.message = Message(), Message()
        self.history = choice("Finished runs of this session: choose which one is painted", [("no run yet", None)])
        self.history.setPlaceholderText("no run of this section")
        self.runs, self.check = RunsView(bench), CheckLight(bench)
        self.plot: Any = None
        self._lay_out()

        links = Links(self)
        links.to(self._session.data_changed, self._show)
        links.to(self._session.run_changed, self._show)
        links.to(self._training.state_changed, self._show)
        links.to(bench.tasking.changed, self._show)
        links.to(self._training.stepped, self._step)
        links.to(self._training.progressed, self._told)
        self._links = links
        self.preset.activated.connect(self._preset)
        self.device.activated.connect(self._device)
        self.form.controls["device"].currentTextChanged.connect(self.device.setCurrentText)  # type: ignore[attr-defined]
        self.start.clicked.connect(self._start)
        self.resume.clicked.connect(self._resume)
        self.cancel.clicked.connect(self._training.cancel)
        self.history.activated.connect(self._choose_run)
        self._preset()
        self._show()
        if self._training.history:
            self._draw()

    def _lay_out(self) -> None:
        top, self._place = QWidget(), QVBoxLayout()
        rows = form(top)
        rows.addRow("Preset", self.preset)
        rows.addRow("Device", self.device)
        rows.addRow("Runs", self.history)
        self.advanced = Fold("Advanced", "Every setting of the network and its training")
        self.advanced.addWidget(self.form)
        box = QVBoxLayout(self)
        box.addWidget(self.check)
        box.addWidget(self.task)
        box.addWidget(top)
        box.addWidget(self.about)
        box.addWidget(self.advanced)
        box.addLayout(Flow(self.start, self.resume, self.cancel))
        box.addWidget(self.bar)
        box.addWidget(self.status)
        box.addWidget(self.message)
        box.addLayout(self._place, 100)  # the plot, once there is one
        box.addWidget(self.runs)
        box.addStretch(1)

    def _preset(self, *_: Any) -> None:
        name = self.preset.currentData()
        self.form.show_config(Config.preset(name, device=self.device.currentText()))
        self.about.say(PRESETS[name]["help"])
        self.task.set_config(self.form.config())

    def _device(self, *_: Any) -> None:
        self.form.controls["device"].setCurrentText(self.device.currentText())  # type: ignore[attr-defined]

    def _start(self) -> None:
        self._go(resume=False)

    def _resume(self) -> None:
        self._go(resume=True)

    def _go(self, *, resume: bool) -> None:
        try:
            config = self.form.config()
            self._draw()  # pyqtgraph is imported before the thread starts: it may not hold it up
            self.task.set_config(config)
            tasking = self._bench.tasking
            run_file = tasking.run_file if tasking.task.kind == MAP else None
            self._training.start(config, resume=resume, block=tasking.task.block or None, run_file=run_file)
        except InclustError as error:
            self.message.say(str(error), wrong=True)

    def _choose_run(self, index: int) -> None:
        if 0 <= index < len(self._session.runs):
            self._session.choose_run(self._session.runs[index])

    def _step(self, epoch: Any) -> None:
        self.bar.setRange(0, epoch.total)
        self.bar.setValue(epoch.number)
        if epoch.stage == "training":
            best = ", best so far" if epoch.best else ""
            self.status.say(f"Epoch {epoch.number} of {epoch.total}: {duration(epoch.remaining)} left, validation {epoch.validation:.3f}{best}")
        else:
            self.status.say(f"{epoch.stage.capitalize()}: held-out genes are predicted ({duration(epoch.seconds)} so far)")
        self._draw()

    def _told(self, text: str) -> None:
        self.status.say(f"{text[:1].upper()}{text[1:]} …")

    def _draw(self) -> None:
        if self.plot is None:
            from ..plots.loss import LossPlot

            self.plot = LossPlot()
            self._place.addWidget(self.plot)
        self.plot.show_history(self._training.history)

    def _show(self, *_: Any) -> None:
        t, s = self._training, self._session
        running = t.state in (RUNNING, STOPPING)
        for control, why in (
            (self.start, "Training is running." if running else s.obstacle or self._bench.tasking.obstacle),
            (self.resume, "Training is running." if running else "" if t.checkpoint else "Nothing was cancelled: there is nothing to go on from."),
            (self.cancel, "" if t.state == RUNNING else "Nothing is running."),
        ):
            allow(control, why)
        self.bar.setVisible(running)
        if running and t.state == RUNNING and not t.history:
            self.bar.setRange(0, 0)
        self.status.say("" if t.state == DONE else t.message if t.state != CRASHED else "", wrong=False)
        self.message.say(t.message if t.state == CRASHED else "" if running or s.run or t.state == STOPPED else s.obstacle, wrong=t.state == CRASHED)
        now = next((i for i, r in enumerate(s.runs) if r is s.run), None)
        fill(self.history, [(_name(i, r, s.section), i) for i, r in enumerate(s.runs)] or [("no run yet", None)], now)
        if s.runs and now is None:
            self.history.setCurrentIndex(-1)
        allow(self.history, "" if s.runs else "There is no run yet: train first.")
        result = self._bench.tasking.made or s.run
        if result is not None and not running:
            self.status.say(_summary(result))
        if self.plot is not None:
            self.plot.setVisible(t.state != DONE or (t.result is not None and t.result.section is s.section))  # not that of another section
        if t.state == DONE and t.message == "" and t.result is not None:
            t.message = " "  # told once
            show_info(f"Trained. {_summary(t.result).splitlines()[0]}")


def _devices() -> tuple[str, ...]:
    return next(f.metadata["choices"] for f in dataclasses.fields(Config) if f.name == "device")


def _name(i: int, run: Any, section: Any) -> str:
    of = "" if fits(run, section) else f" of {run.section.name}"
    return f"{i + 1}: {run.config.name}, seed {run.config.seed}, r {run.scores['pcc'].median():.3f}{of}"


def _summary(result: Any) -> str:
    """The honest summary: held-out correlation beside those of the baselines; of another modality where it was found."""
    if isinstance(result, Made):
        pcc = result.generated.scores["pcc"]
        of = "on cells of the reference that were not trained on: the section may be predicted worse"
        return f"Median Pearson {pcc.median():.3f} over {len(pcc)} features of {result.block}, {of}."
    scores = result.scores
    beside = {"pcc_knn": "kNN", "pcc_type_mean": "type mean", "pcc_gene_mean": "gene mean"}
    rivals = ", ".join(f"{name} {scores[c].median():.3f}" for c, name in beside.items() if c in scores and scores[c].notna().any())
    return (
        f"Median held-out Pearson {scores['pcc'].median():.3f} over {len(scores)} shared genes"
        + (f" (baselines: {rivals})." if rivals else ".")
        + f"\nDevice: {result.device}"
    )
