"""Train: settings, start and cancel, progress and loss."""

from __future__ import annotations

import dataclasses
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ...errors import InclustError
from ...training.config import PRESETS, Config
from ...utils.text import format_duration
from ..state.gene_source import run_matches_section
from ..state.generated import GeneratedFeatures
from ..state.status import CRASHED, DONE, RUNNING, STOPPED, STOPPING
from ..state.tasks import MAP
from ..viewer_context import ViewerContext
from ..views.check_light import ReferenceCheckLight
from ..views.config_form import ConfigForm
from ..views.runs_view import RunsView
from ..views.task_view import TaskView
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
)
from ..widgets.flow import Collapsible, FlowLayout
from ..widgets.form_layout import FormLayout


class TrainDock(QWidget):
    """Settings, progress and results of training on the open section and reference.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._context, self._session, self._training = context, context.session, context.training_controller
        self.task_view = TaskView(context)
        self.preset = create_combo_box("Named settings to start from", [(n, n) for n in PRESETS])
        self.preset.setCurrentText("balanced")
        self.config_form = ConfigForm(Config.preset("balanced"))
        self.device = create_combo_box(
            "Where to compute; auto takes a GPU when there is one", [(d, d) for d in _device_names()]
        )
        self.preset_message = MessageLabel()
        self.start, self.resume = (
            create_button("Train", "Train with these settings"),
            create_button("Resume", "Continue where training was cancelled"),
        )
        self.cancel = create_button("Cancel", "Stop at the end of this epoch")
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip(
            "Epochs done of those planned; training may stop early when validation no longer improves"
        )
        self.status, self.message = MessageLabel(), MessageLabel()
        self.run_choice = create_combo_box(
            "Finished runs of this session: choose which one is painted", [("no run yet", None)]
        )
        self.run_choice.setPlaceholderText("no run of this section")
        self.runs_view, self.reference_check = RunsView(context), ReferenceCheckLight(context)
        self.loss_plot: Any = None
        self._lay_out()

        links = SignalConnections(self)
        s = self._session
        for signal in (s.section_changed, s.reference_changed, s.runs_changed, s.run_selected, s.generated_changed):
            links.connect(signal, self._refresh)
        links.connect(self._training.state_changed, self._refresh)
        links.connect(context.task_controller.task_changed, self._refresh)
        links.connect(self._training.epoch_finished, self._show_epoch)
        links.connect(self._training.progressed, self._show_stage)
        self._connections = links
        self.preset.activated.connect(self._apply_preset)
        self.device.activated.connect(self._set_device)
        self.config_form.controls["device"].currentTextChanged.connect(self.device.setCurrentText)
        self.start.clicked.connect(self._start)
        self.resume.clicked.connect(self._resume)
        self.cancel.clicked.connect(self._training.cancel)
        self.run_choice.activated.connect(self._choose_run)
        self._apply_preset()
        self._refresh()
        if self._training.history:
            self._draw_losses()

    def _lay_out(self) -> None:
        top, self._plot_layout = QWidget(), QVBoxLayout()
        rows = FormLayout(top)
        rows.addRow("Preset", self.preset)
        rows.addRow("Device", self.device)
        rows.addRow("Runs", self.run_choice)
        self.advanced = Collapsible("Advanced", "Every setting of the network and its training")
        self.advanced.addWidget(self.config_form)
        box = QVBoxLayout(self)
        box.addWidget(self.reference_check)
        box.addWidget(self.task_view)
        box.addWidget(top)
        box.addWidget(self.preset_message)
        box.addWidget(self.advanced)
        box.addLayout(FlowLayout(self.start, self.resume, self.cancel))
        box.addWidget(self.progress_bar)
        box.addWidget(self.status)
        box.addWidget(self.message)
        box.addLayout(self._plot_layout, 100)  # the plot, once there is one
        box.addWidget(self.runs_view)
        box.addStretch(1)

    def _apply_preset(self, *_: Any) -> None:
        name = self.preset.currentData()
        self.config_form.show_config(Config.preset(name, device=self.device.currentText()))
        self.preset_message.show_message(PRESETS[name]["help"])
        self.task_view.set_config(self.config_form.config())

    def _set_device(self, *_: Any) -> None:
        self.config_form.controls["device"].setCurrentText(self.device.currentText())

    def _start(self) -> None:
        self._train(resume=False)

    def _resume(self) -> None:
        self._train(resume=True)

    def _train(self, *, resume: bool) -> None:
        try:
            config = self.config_form.config()
            self._draw_losses()  # pyqtgraph is imported before the thread starts, which the import would delay
            self.task_view.set_config(config)
            tasking = self._context.task_controller
            run_file = tasking.run_file if tasking.selected_task.kind == MAP else None
            self._training.start(
                config, resume=resume, modality=tasking.selected_task.modality or None, run_file=run_file
            )
        except InclustError as error:
            self.message.show_message(str(error), is_error=True)

    def _choose_run(self, index: int) -> None:
        if 0 <= index < len(self._session.runs):
            self._session.select_run(self._session.runs[index])

    def _show_epoch(self, epoch: Any) -> None:
        self.progress_bar.setRange(0, epoch.total)
        self.progress_bar.setValue(epoch.number)
        if epoch.stage == "training":
            best = ", best so far" if epoch.best else ""
            left = f"{format_duration(epoch.remaining)} left"
            self.status.show_message(
                f"Epoch {epoch.number} of {epoch.total}: {left}, validation {epoch.validation:.3f}{best}"
            )
        else:
            self.status.show_message(
                f"{epoch.stage.capitalize()}: held-out genes are predicted ({format_duration(epoch.seconds)} so far)"
            )
        self._draw_losses()

    def _show_stage(self, text: str) -> None:
        self.status.show_message(f"{text[:1].upper()}{text[1:]} …")

    def _draw_losses(self) -> None:
        if self.loss_plot is None:
            from ..plots.loss import LossPlot

            self.loss_plot = LossPlot()
            self._plot_layout.addWidget(self.loss_plot)
        self.loss_plot.show_history(self._training.history)

    def _refresh(self, *_: Any) -> None:
        t, s = self._training, self._session
        running = t.state in (RUNNING, STOPPING)
        for control, reason in (
            (
                self.start,
                "Training is running." if running else s.training_obstacle or self._context.task_controller.obstacle,
            ),
            (
                self.resume,
                "Training is running."
                if running
                else ""
                if t.checkpoint
                else "Nothing was cancelled: there is nothing to continue.",
            ),
            (self.cancel, "" if t.state == RUNNING else "Nothing is running."),
        ):
            enable_unless(control, reason)
        self.progress_bar.setVisible(running)
        if running and t.state == RUNNING and not t.history:
            self.progress_bar.setRange(0, 0)
        self.status.show_message("" if t.state == DONE else t.message if t.state != CRASHED else "", is_error=False)
        self.message.show_message(
            t.message if t.state == CRASHED else "" if running or s.run or t.state == STOPPED else s.training_obstacle,
            is_error=t.state == CRASHED,
        )
        now = next((i for i, r in enumerate(s.runs) if r is s.run), None)
        set_items(
            self.run_choice,
            [(_run_title(i, r, s.section), i) for i, r in enumerate(s.runs)] or [("no run yet", None)],
            now,
        )
        if s.runs and now is None:
            self.run_choice.setCurrentIndex(-1)
        enable_unless(self.run_choice, "" if s.runs else "There is no run yet: train first.")
        result = self._context.task_controller.generated or s.run
        if result is not None and not running:
            self.status.show_message(_result_summary(result))
        if self.loss_plot is not None:
            self.loss_plot.setVisible(
                t.state != DONE or (t.result is not None and t.result.section is s.section)
            )  # not that of another section
        if t.state == DONE and t.message == "" and t.result is not None:
            t.message = " "  # shown only once
            show_info(f"Trained. {_result_summary(t.result).splitlines()[0]}")


def _device_names() -> tuple[str, ...]:
    return next(f.metadata["choices"] for f in dataclasses.fields(Config) if f.name == "device")


def _run_title(index: int, run: Any, section: Any) -> str:
    of = "" if run_matches_section(run, section) else f" of {run.section.name}"
    return f"{index + 1}: {run.config.name}, seed {run.config.seed}, r {run.scores['pcc'].median():.3f}{of}"


def _result_summary(result: Any) -> str:
    """Return the held-out correlation beside those of the baselines; for generated features, where it was measured."""
    if isinstance(result, GeneratedFeatures):
        pcc = result.prediction.scores["pcc"]
        of = "on cells of the reference that were not trained on: the section may be predicted worse"
        return f"Median Pearson {pcc.median():.3f} over {len(pcc)} features of {result.modality}, {of}."
    scores = result.scores
    from ...evaluation.baselines import BASELINE_NAMES

    beside = dict(reversed(BASELINE_NAMES.items()))
    rivals = ", ".join(
        f"{name} {scores[c].median():.3f}" for c, name in beside.items() if c in scores and scores[c].notna().any()
    )
    return (
        f"Median held-out Pearson {scores['pcc'].median():.3f} over {len(scores)} shared genes"
        + (f" (baselines: {rivals})." if rivals else ".")
        + f"\nDevice: {result.device}"
    )
