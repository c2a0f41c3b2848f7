"""The task that is trained, and a diagram of its masks."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ...training.config import Config
from ..plots.mask_picture import MaskPicture
from ..state.tasks import GENERATE, MAP
from ..viewer_context import ViewerContext
from ..widgets.common import (
    MessageLabel,
    PathField,
    SignalConnections,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
)
from ..widgets.flow import Collapsible
from ..widgets.form_layout import FormLayout


class TaskView(QWidget):
    """The choice of a task, its masks, and a button that saves generated features.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._task_controller = context.task_controller
        self.task_choice = create_combo_box("What is trained: the tasks that fit the section and the reference", [])
        self.task_message, self.message = MessageLabel(), MessageLabel()
        self.mask_picture, self.masks_message = MaskPicture(), MessageLabel()
        self.save = create_button(
            "Save generated…",
            "All generated features of the section's cells (.h5ad), marked as generated, with score and spread of each",
        )
        self.run_file = PathField(
            "Saved run",
            "A run (.inclust) of another section with this reference, saved in Export or by inclust impute --save-run",
        )
        self.run_file.folder_button.hide()
        rows = FormLayout()
        rows.addRow("Task", self.task_choice)
        self.masks_box = Collapsible(
            "Masks",
            "What of each data set the encoder sees, and what the decoder is judged on: tasks differ in nothing else",
        )
        self.masks_box.addWidget(self.mask_picture)
        self.masks_box.addWidget(self.masks_message)
        self._config = Config()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        for part in (self.task_message, self.run_file, self.masks_box, self.save, self.message):
            box.addWidget(part)
        links = SignalConnections(self)
        links.connect(context.task_controller.task_changed, self._refresh)
        links.connect(context.task_controller.status_changed, self._refresh)
        links.connect(context.session.generated_changed, self._refresh)
        self.task_choice.activated.connect(self._choose_task)
        self.masks_box.toggled.connect(self._update_masks)
        self.save.clicked.connect(self._save)
        self.run_file.path_chosen.connect(self._task_controller.choose_run_file)
        self._refresh()

    def set_config(self, config: Config) -> None:
        """Set the number of networks and components, on which the masks depend."""
        self._config = config
        self._update_masks()

    def _update_masks(self, *_: Any) -> None:
        self._task_controller.set_masks_visible(self._config, visible=self.masks_box.isExpanded())

    def _choose_task(self, *_: Any) -> None:
        self._task_controller.select_task(self.task_choice.currentData())

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save generated", f"{self._task_controller.selected_task.modality}.h5ad", "AnnData (*.h5ad)"
        )
        if path:
            self._task_controller.export_generated(path)

    def _refresh(self) -> None:
        t = self._task_controller
        set_items(self.task_choice, [(task.label, task) for task in t.available_tasks], t.selected_task)
        self.task_message.show_message(t.selected_task.description + (f". {t.obstacle}" if t.obstacle else "."))
        self.mask_picture.show_masks(t.masks)
        self.masks_message.show_message("" if t.masks is None else t.masks.hatching_note)
        self.run_file.setVisible(t.selected_task.kind == MAP)
        self.save.setVisible(t.selected_task.kind == GENERATE)
        enable_unless(self.save, "" if t.generated is not None else "Nothing was generated yet: press Train.")
        self.message.show_message(t.message, is_error=t.is_error)
