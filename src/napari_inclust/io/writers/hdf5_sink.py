"""A file for HDF5 to write to that never fails in its hands: HDF5 crashes the process when a disk is full or a write is interrupted."""

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
    """A new file; when the disk is full, `failed` says so and the little that HDF5 still writes until it is closed stays in memory.

    Parameters
    ----------
    path
        Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        self._unwritten: list[tuple[int, bytes]] = []
        self._position = self._end = 0
        self.write_error: OSError | None = None

    def write(self, data: Any) -> int:
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
        view = memoryview(buffer).cast("B")
        start, stop = self._position, min(self._position + len(view), self._end)
        n = max(0, stop - start)
        os.lseek(self._file, start, os.SEEK_SET)
        there = os.read(self._file, n)
        view[:n] = there + bytes(n - len(there))
        for offset, data in self._unwritten:
            a, b = max(start, offset), min(stop, offset + len(data))
            if a < b:
                view[a - start : b - start] = data[a - offset : b - offset]
        self._position = start + n
        return n

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def truncate(self, size: int | None = None) -> int:
        self._end = self._position if size is None else size
        if self.write_error is None:
            try:
                os.ftruncate(self._file, self._end)
            except OSError as error:
                self.write_error = error
        return self._end

    def close(self) -> None:
        if not self.closed:
            os.close(self._file)
        super().close()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the block is over: a library is not left in the middle of a write."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread is ever interrupted
        yield
        return
    waiting: list[tuple[Any, ...]] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *call: waiting.append(call))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, frame in waiting[:1]:
        handler = before[number]
        if callable(handler):
            handler(number, frame)
        else:
            signal.raise_signal(number)
