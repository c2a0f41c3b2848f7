"""Threads: map a function over items in several threads, each with one BLAS thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .device import limit_threads

T = TypeVar("T")
Result = TypeVar("Result")
MAX_THREADS = 8  # bounds the memory: each thread holds its own intermediate arrays


def map_in_threads(function: Callable[[T], Result], items: Sequence[T]) -> Generator[Result, None, None]:
    """Yield `function(item)` of each item, in order.

    Closing the generator (`contextlib.closing`) starts no further item. BLAS is limited to one thread meanwhile:
    mostly element-wise work gains little from BLAS threads of its own.

    Parameters
    ----------
    function
        Mostly numpy, which releases the interpreter lock.
    items
        Arguments, one a call.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    pool = ThreadPoolExecutor(min(MAX_THREADS, available_cores()))
    try:
        with limit_threads(1), threadpool_limits(1, user_api="blas"):
            yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
