"""Parts of a computation in several threads, each with one thread of BLAS: what is mostly element by element gains little from BLAS's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .device import threads

T = TypeVar("T")
Result = TypeVar("Result")
MOST = 8  # threads, since each holds what it works on


def in_threads(work: Callable[[T], Result], parts: Sequence[T]) -> Generator[Result, None, None]:
    """What is made of each part, in their order. Close it (`contextlib.closing`) to begin no further part.

    Parameters
    ----------
    work
        Mostly numpy, which lets other threads go on meanwhile.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    pool = ThreadPoolExecutor(min(MOST, cores()))
    try:
        with threads(1), threadpool_limits(1, user_api="blas"):
            yield from pool.map(work, parts)
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
