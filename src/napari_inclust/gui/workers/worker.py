"""A generator in a thread; what it yields arrives on the GUI thread."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import QTimer

POLL_INTERVAL_MS = 40  # ms between looks at what the thread has sent
# seconds until a busy thread releases the interpreter: with Python's 0.005 each call into Qt waits that long
# (an epoch's redraw took 70 ms, not 2)
_SWITCH_INTERVAL_S = 0.0001
_live_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """Drives a generator.

    Parameters
    ----------
    make_generator
        Creates the generator; called in the thread, so that heavy imports and the first step happen there.
    on_yield, on_return, on_error, on_stopped
        Called on the GUI thread: with each item, with what the generator returned, with the exception, or with nothing
        after `stop()` when the generator is closed. Exactly one of the last three is called.
    """

    def __init__(
        self,
        make_generator: Callable[[], Generator[Any, None, Any]],
        *,
        on_yield: Callable[[Any], None] | None = None,
        on_return: Callable[[Any], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_stopped: Callable[[], None] | None = None,
    ) -> None:
        self._callbacks: dict[str, Callable[..., None] | None] = {
            "yield": on_yield,
            "return": on_return,
            "error": on_error,
            "stopped": on_stopped,
        }
        self._messages: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_run_in_thread, args=(make_generator, self._messages, self._stop), daemon=True, name="inclust"
        )
        self._timer = QTimer()
        self._timer.setInterval(POLL_INTERVAL_MS)
        self._timer.timeout.connect(self._drain)
        _live_workers.add(self)
        weakref.finalize(self, self._stop.set)  # the result is not needed any more

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        self._timer.start()

    def stop(self) -> None:
        """Ask the thread to end at the next yield; `on_stopped` follows."""
        self._stop.set()

    def close(self, timeout: float = 10.0) -> bool:
        """End without any further call, and wait for the thread.

        Returns
        -------
        bool
            Whether the thread ended in time.
        """
        self._stop.set()
        with contextlib.suppress(RuntimeError):  # Qt deletes its timers before the interpreter ends
            self._timer.stop()
        self._callbacks = {}
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether the last call is still to come."""
        return self._timer.isActive()

    def _drain(self) -> None:
        while self._messages:
            what, items = self._messages.popleft()
            if what != "yield":
                self._timer.stop()
            call = self._callbacks.get(what)
            if call is not None:
                call(*items)


class _ShortSwitchInterval:
    """Sets a short switch interval while at least one of our threads runs."""

    lock = threading.Lock()
    n_running = 0
    previous_interval = 0.005

    def __enter__(self) -> None:
        with _ShortSwitchInterval.lock:
            if _ShortSwitchInterval.n_running == 0:
                _ShortSwitchInterval.previous_interval = sys.getswitchinterval()
                sys.setswitchinterval(min(_SWITCH_INTERVAL_S, _ShortSwitchInterval.previous_interval))
            _ShortSwitchInterval.n_running += 1

    def __exit__(self, *_: object) -> None:
        with _ShortSwitchInterval.lock:
            _ShortSwitchInterval.n_running -= 1
            if _ShortSwitchInterval.n_running == 0:
                sys.setswitchinterval(_ShortSwitchInterval.previous_interval)


def _run_in_thread(
    make_generator: Callable[[], Generator[Any, None, Any]],
    messages: deque[tuple[str, tuple[Any, ...]]],
    stop: threading.Event,
) -> None:
    """In the thread. Holds no widget and no worker, so both may die before it ends."""
    with _ShortSwitchInterval():
        _run_generator(make_generator, messages, stop)


def _run_generator(
    make_generator: Callable[[], Generator[Any, None, Any]],
    messages: deque[tuple[str, tuple[Any, ...]]],
    stop: threading.Event,
) -> None:
    try:
        steps = make_generator()
        while not stop.is_set():
            try:
                messages.append(("yield", (next(steps),)))
            except StopIteration as end:
                messages.append(("return", (end.value,)))
                return
        steps.close()
    except Exception as error:
        messages.append(("error", (error,)))
        return
    messages.append(("stopped", ()))


def as_generator(function: Callable[[], Any]) -> Callable[[], Generator[Any, None, Any]]:
    """Convert a function into a generator without steps, for `Worker`."""

    def steps() -> Generator[Any, None, Any]:
        yield from ()
        return function()

    return steps


@atexit.register
def _join_threads() -> None:
    """Wait for the threads: one inside torch crashes when the interpreter ends."""
    for worker in list(_live_workers):
        worker._stop.set()
        if worker._thread.is_alive():
            worker._thread.join(5)
