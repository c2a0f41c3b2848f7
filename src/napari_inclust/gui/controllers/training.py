"""The state of training, apart from any dock: a dock that is closed and opened again shows the same."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ...training.config import Config
from ..state.generated import GeneratedFeatures, train_and_generate
from ..state.mapping_run import map_section_to_run
from ..state.session import Session
from ..state.status import CRASHED, DONE, IDLE, RUNNING, STOPPED, STOPPING, WorkState, error_message
from ..workers.imports import with_heavy_imports
from ..workers.progress import ComputationCancelled, ProgressMonitor
from ..workers.worker import Worker

TrainingSteps = Callable[..., Generator[Any, None, Any]]


def train_and_impute(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
    """Train, and impute one gene from the new run so that the first click is fast. torch is imported in the thread."""
    from ...imputation.fit import fit_epochs

    run = yield from fit_epochs(*args, **kwargs)
    run.impute(run.panel.shared[0])
    return run


class TrainingController:
    """Starts, cancels and resumes training of a session.

    Parameters
    ----------
    session
        Whose section and reference are trained on, and which receives the run.
    steps, generate, mapping
        The generators of imputation, of another modality and of mapping; replaced in tests.
    """

    state_changed = Signal(str)
    epoch_finished = Signal(object)
    progressed = Signal(str)  # what is done between epochs, and after the last

    def __init__(
        self,
        session: Session,
        train: TrainingSteps = train_and_impute,
        generate: TrainingSteps = train_and_generate,
        map_section: TrainingSteps = map_section_to_run,
    ) -> None:
        self._session = weakref.ref(session)
        self.train, self.generate, self.map_section = train, generate, map_section
        self.state: WorkState = IDLE
        self.message = ""
        self.history: list[Any] = []
        self.n_epochs = 0  # the most that there can be
        self.result: Any = None  # of the last training that ended: a run, or what was generated
        self._worker: Worker | None = None
        self._progress_monitor = ProgressMonitor(self.progressed)
        self._checkpoint_folder: Path | None = None
        self._remove_checkpoint_folder: Callable[[], Any] | None = None
        self._resume_arguments: tuple[Any, ...] | None = None  # what the checkpoint belongs to

    @property
    def running(self) -> bool:
        """Whether the thread of a training runs."""
        return self._worker is not None and self._worker.running

    @property
    def checkpoint(self) -> Path | None:
        """Where a stopped training can go on from, when it can."""
        if self._checkpoint_folder is None or self._resume_arguments is None:
            return None
        path = self._checkpoint_folder / "training.checkpoint"
        return path if path.exists() else None

    def start(
        self, config: Config, *, resume: bool = False, modality: str | None = None, run_file: Path | None = None
    ) -> None:
        """Train with these settings, or go on where the last one was cancelled.

        Parameters
        ----------
        modality
            The modality of the reference that is to be generated; None: genes are imputed.
        run_file
            The saved run that the section is to be mapped onto; None: a run of its own is trained.
        """
        session = self._session()
        if self.running or session is None:
            return
        if session.training_obstacle:
            raise InclustError(session.training_obstacle)
        if self._checkpoint_folder is None:
            self._checkpoint_folder = Path(tempfile.mkdtemp(prefix="inclust-"))
            self._remove_checkpoint_folder = weakref.finalize(
                self, shutil.rmtree, self._checkpoint_folder, ignore_errors=True
            )
        path = self._checkpoint_folder / "training.checkpoint"
        if resume and self._resume_arguments is not None:
            section, reference, config, labels, batch, modality, run_file = self._resume_arguments
        else:
            path.unlink(missing_ok=True)
            self.history = []
            section, reference, labels, batch = (
                session.section,
                session.reference,
                session.labels_key,
                session.batch_key,
            )
        self._resume_arguments, self.n_epochs = (
            (section, reference, config, labels, batch, modality, run_file),
            config.epochs,
        )
        steps = (
            partial(self.generate, modality=modality)
            if modality is not None
            else partial(self.map_section, run_file=run_file)
            if run_file is not None
            else self.train
        )
        progress = self._progress_monitor.start()
        make = partial(steps, section, reference, config, labels=labels, batch=batch, checkpoint=path)
        self._worker = Worker(
            with_heavy_imports(lambda: progress.follow_generator(make)),
            on_yield=self._on_epoch_finished,
            on_return=self._on_finished,
            on_error=self._on_error,
            on_stopped=self._on_stopped,
        )
        self._worker.start()
        self._set_state(RUNNING, "Starting: loading torch and preparing the data.")

    def cancel(self) -> None:
        """Stop at the end of the epoch, or of the step of what follows the last."""
        if self.running and self._worker is not None:
            self._worker.stop()
            self._progress_monitor.close()
            self._set_state(STOPPING, "Stopping at the end of this epoch.")

    def close(self) -> None:
        """End the thread and delete the checkpoint; no callback follows."""
        self._progress_monitor.close()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._remove_checkpoint_folder is not None:
            self._remove_checkpoint_folder()
            self._checkpoint_folder = self._remove_checkpoint_folder = None

    def _on_epoch_finished(self, epoch: Any) -> None:
        self.history.append(epoch)
        self.epoch_finished(epoch)

    def _on_finished(self, result: Any) -> None:
        self._resume_arguments = None
        session = self._session()
        fits = session is not None and result.section is session.section
        self.result = result if fits else None
        if session is not None and fits:
            (session.set_generated if isinstance(result, GeneratedFeatures) else session.add_run)(result)
        self._set_state(DONE, "")
        if session is not None and not fits:
            session.report(
                "Training ended, but another section was opened meanwhile: its result was dropped. "
                "Train again for the new section."
            )

    def _on_stopped(self) -> None:
        kept = "Resume goes on from there." if self.checkpoint else "Nothing is kept of it."
        n = len([e for e in self.history if e.stage == "training"])
        self._set_state(STOPPED, f"Cancelled after {n} epoch{'' if n == 1 else 's'}. No result was made. {kept}")

    def _on_error(self, error: Exception) -> None:
        if isinstance(error, ComputationCancelled):
            self._on_stopped()
            return
        text = error_message(error, "Training failed")
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            text += " Use fewer members or a smaller batch (Advanced), or the device cpu."
        elif not isinstance(error, InclustError):
            text += (
                " What was open stays open. "
                "Try the preset 'fast'; if it fails again, please report it with this message."
            )
        self._set_state(CRASHED, text)
        session = self._session()
        if session is not None:
            session.report(text)

    def _set_state(self, state: WorkState, message: str) -> None:
        self.state, self.message = state, message
        if state not in (RUNNING, STOPPING):
            self._progress_monitor.stop()
        self.state_changed(state)
