"""A file object for HDF5 that never raises: HDF5 crashes the process when a disk is full or a write is interrupted."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class FailSafeFile(io.RawIOBase):
    """A new file that keeps in memory what cannot be written.

    After a failure this is only what HDF5 writes until it closes the file.

    Attributes
    ----------
    write_error
        The first failure, None so far.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        self._unwritten: list[tuple[int, bytes]] = []
        self._position = self._end = 0
        self.write_error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write bytes at the current position, to memory after a failure."""
        view = memoryview(data).cast("B")
        if self.write_error is None:
            try:
                self._write_to_disk(view)
            except OSError as error:
                self.write_error = error
        if self.write_error is not None:
            self._unwritten.append((self._position, bytes(view)))
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def _write_to_disk(self, view: memoryview) -> None:
        os.lseek(self._file, self._position, os.SEEK_SET)
        done = 0
        while done < len(view):
            done += os.write(self._file, view[done:])

    def readinto(self, buffer: Any) -> int:
        """Read bytes at the current position, those in memory included."""
        view = memoryview(buffer).cast("B")
        start, stop = self._position, min(self._position + len(view), self._end)
        n = max(0, stop - start)
        os.lseek(self._file, start, os.SEEK_SET)
        stored = os.read(self._file, n)
        view[:n] = stored + bytes(n - len(stored))
        for offset, data in self._unwritten:
            a, b = max(start, offset), min(stop, offset + len(data))
            if a < b:
                view[a - start : b - start] = data[a - offset : b - offset]
        self._position = start + n
        return n

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the current position."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        """Return the current position."""
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Set the size, by default to the current position."""
        self._end = self._position if size is None else size
        if self.write_error is None:
            try:
                os.ftruncate(self._file, self._end)
            except OSError as error:
                self.write_error = error
        return self._end

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._file)
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Defer Ctrl-C until the block is over, so that no library is interrupted in the middle of a write."""
    if threading.current_thread() is not threading.main_thread():  # signals only reach the main thread
        yield
        return
    deferred: list[tuple[Any, ...]] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *call: deferred.append(call))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, frame in deferred[:1]:
        handler = before[number]
        if callable(handler):
            handler(number, frame)
        else:
            signal.raise_signal(number)
