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
from ..state.error_text import told
from ..state.generated import Made, real_generate
from ..state.mapping_run import real_map
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.progress import Closed, Watch
from ..workers.worker import Worker

IDLE, RUNNING, STOPPING, DONE, STOPPED, CRASHED = "idle", "running", "stopping", "done", "stopped", "crashed"
Steps = Callable[..., Generator[Any, None, Any]]


def real_steps(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
    """`training.loop.epochs`, and one gene read from the new run so that the first click is fast. Imported here: torch takes seconds."""
    from ...imputation.fit import epochs

    run = yield from epochs(*args, **kwargs)
    run.impute(run.panel.shared[0])
    return run


class Training:
    """Starts, cancels and resumes training of a session.

    Parameters
    ----------
    session
        Whose section and reference are trained on, and which receives the run.
    steps, generate, mapping
        The generators of imputation, of another modality and of mapping; replaced in tests.
    """

    state_changed = Signal(str)
    stepped = Signal(object)
    progressed = Signal(str)  # what is done between epochs, and after the last

    def __init__(self, session: Session, steps: Steps = real_steps, generate: Steps = real_generate, mapping: Steps = real_map) -> None:
        self._session = weakref.ref(session)
        self.steps, self.generate, self.mapping = steps, generate, mapping
        self.state = IDLE
        self.message = ""
        self.history: list[Any] = []
        self.epochs = 0  # the most that there can be
        self.result: Any = None  # of the last training that ended: a run, or what was generated
        self._worker: Worker | None = None
        self._watch = Watch(self.progressed)
        self._folder: Path | None = None
        self._forget: Callable[[], Any] | None = None
        self._last: tuple[Any, ...] | None = None  # what the checkpoint belongs to

    @property
    def running(self) -> bool:
        return self._worker is not None and self._worker.running

    @property
    def checkpoint(self) -> Path | None:
        """Where a stopped training can go on from, when it can."""
        if self._folder is None or self._last is None:
            return None
        path = self._folder / "training.checkpoint"
        return path if path.exists() else None

    def start(self, config: Config, *, resume: bool = False, block: str | None = None, run_file: Path | None = None) -> None:
        """Train with these settings, or go on where the last one was cancelled.

        Parameters
        ----------
        block
            The modality of the reference that is to be generated; None: genes are imputed.
        run_file
            The saved run that the section is to be mapped onto; None: a run of its own is trained.
        """
        session = self._session()
        if self.running or session is None:
            return
        if session.obstacle:
            raise InclustError(session.obstacle)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="inclust-"))
            self._forget = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = self._folder / "training.checkpoint"
        if resume and self._last is not None:
            section, reference, config, labels, batch, block, run_file = self._last
        else:
            path.unlink(missing_ok=True)
            self.history = []
            section, reference, labels, batch = session.section, session.reference, session.labels, session.batch
        self._last, self.epochs = (section, reference, config, labels, batch, block, run_file), config.epochs
        steps = partial(self.generate, block=block) if block is not None else partial(self.mapping, run_file=run_file) if run_file is not None else self.steps
        progress = self._watch.start()
        make = partial(steps, section, reference, config, labels=labels, batch=batch, checkpoint=path)
        self._worker = Worker(
            heavy(lambda: progress.following(make)),
            on_yield=self._stepped,
            on_return=self._done,
            on_error=self._crashed,
            on_stopped=self._stopped,
        )
        self._worker.start()
        self._set(RUNNING, "Starting: loading torch and preparing the data.")

    def cancel(self) -> None:
        """Stop at the end of the epoch, or of the step of what follows the last."""
        if self.running and self._worker is not None:
            self._worker.stop()
            self._watch.close()
            self._set(STOPPING, "Stopping at the end of this epoch.")

    def close(self) -> None:
        """End the thread and forget the checkpoint; nothing is called any more."""
        self._watch.close()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._forget is not None:
            self._forget()
            self._folder = self._forget = None

    def _stepped(self, epoch: Any) -> None:
        self.history.append(epoch)
        self.stepped(epoch)

    def _done(self, result: Any) -> None:
        self._last = None
        session = self._session()
        fits = session is not None and result.section is session.section
        self.result = result if fits else None
        if session is not None and fits:
            (session.set_generated if isinstance(result, Made) else session.set_run)(result)
        self._set(DONE, "")
        if session is not None and not fits:
            session.told("Training ended, but another section was opened meanwhile: its result was dropped. Train again for the new section.")

    def _stopped(self) -> None:
        kept = "Resume goes on from there." if self.checkpoint else "Nothing is kept of it."
        n = len([e for e in self.history if e.stage == "training"])
        self._set(STOPPED, f"Cancelled after {n} epoch{'' if n == 1 else 's'}. No result was made. {kept}")

    def _crashed(self, error: Exception) -> None:
        if isinstance(error, Closed):
            self._stopped()
            return
        text = told(error, "Training failed")
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            text += " Use fewer members or a smaller batch (Advanced), or the device cpu."
        elif not isinstance(error, InclustError):
            text += " What was open stays open. Try the preset 'fast'; if it fails again, please report it with this message."
        self._set(CRASHED, text)
        session = self._session()
        if session is not None:
            session.told(text)

    def _set(self, state: str, message: str) -> None:
        self.state, self.message = state, message
        if state not in (RUNNING, STOPPING):
            self._watch.stop()
        self.state_changed(state)
