"""Which task is trained: those that fit the loaded data, and the masks of the chosen one as a picture."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ...training.config import Config
from ..plots.mask_picture import MaskPicture
from ..state.tasks import GENERATE, MAP
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, PathField, allow, button, choice, fill, form
from ..widgets.flow import Fold


class TaskView(QWidget):
    """A chooser, the masks, and a button for what was generated.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._tasking = bench.tasking
        self.tasks = choice("What is trained: the tasks that fit the section and the reference", [])
        self.about, self.message = Message(), Message()
        self.picture, self.said = MaskPicture(), Message()
        self.save = button("Save generated…", "All generated features of the section's cells (.h5ad), marked as generated, with score and spread of each")
        self.run_file = PathField("Saved run", "A run (.inclust) of another section with this reference, saved in Export or by inclust impute --save-run")
        self.run_file.folder.hide()
        rows = form()
        rows.addRow("Task", self.tasks)
        self.masks = Fold("Masks", "What of each data set the encoder sees, and what the decoder is judged on: tasks differ in nothing else")
        self.masks.addWidget(self.picture)
        self.masks.addWidget(self.said)
        self._config = Config()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        for part in (self.about, self.run_file, self.masks, self.save, self.message):
            box.addWidget(part)
        Links(self).to(bench.tasking.changed, self._show)
        self.tasks.activated.connect(self._choose)
        self.masks.toggled.connect(self._watch)
        self.save.clicked.connect(self._save)
        self.run_file.chosen.connect(self._tasking.choose_run_file)
        self._show()

    def set_config(self, config: Config) -> None:
        """Settings that the masks depend on: members and components."""
        self._config = config
        self._watch()

    def _watch(self, *_: Any) -> None:
        self._tasking.watch(self._config, on=self.masks.isExpanded())

    def _choose(self, *_: Any) -> None:
        self._tasking.choose(self.tasks.currentData())

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save generated", f"{self._tasking.task.block}.h5ad", "AnnData (*.h5ad)")
        if path:
            self._tasking.save(path)

    def _show(self) -> None:
        t = self._tasking
        fill(self.tasks, [(task.text, task) for task in t.tasks], t.task)
        self.about.say(t.task.help + (f". {t.obstacle}" if t.obstacle else "."))
        self.picture.show_masks(t.masks)
        self.said.say("" if t.masks is None else t.masks.said)
        self.run_file.setVisible(t.task.kind == MAP)
        self.save.setVisible(t.task.kind == GENERATE)
        allow(self.save, "" if t.made is not None else "Nothing was generated yet: press Train.")
        self.message.say(t.message, wrong=t.wrong)
