"""Parts of a computation in several threads, each with one thread of BLAS: what is mostly element by element gains little from BLAS's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .device import limit_threads

T = TypeVar("T")
Result = TypeVar("Result")
MAX_THREADS = 8  # threads, since each holds what it works on


def map_in_threads(function: Callable[[T], Result], items: Sequence[T]) -> Generator[Result, None, None]:
    """What is made of each part, in their order. Close it (`contextlib.closing`) to begin no further part.

    Parameters
    ----------
    work
        Mostly numpy, which lets other threads go on meanwhile.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    pool = ThreadPoolExecutor(min(MAX_THREADS, available_cores()))
    try:
        with limit_threads(1), threadpool_limits(1, user_api="blas"):
            yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
