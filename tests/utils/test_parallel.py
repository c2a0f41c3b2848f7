"""Parts in threads: their order, what happens when nobody waits any longer, and how many threads BLAS has meanwhile."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from threadpoolctl import threadpool_info

from napari_inclust.utils import parallel


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_results_come_in_order_from_threads_with_one_thread_of_blas_each():
    before, used = blas_threads(), set()

    def work(part: int) -> tuple[int, set[int]]:
        used.add(threading.current_thread())
        return part * part, blas_threads()

    found = list(parallel.map_in_threads(work, range(20)))
    assert [value for value, _ in found] == [part * part for part in range(20)]
    assert {n for _, threads in found for n in threads} == {1}
    assert threading.current_thread() not in used
    assert len(used) <= min(parallel.MAX_THREADS, parallel.available_cores())
    assert blas_threads() == before


def test_closed_it_begins_no_further_part():
    begun, go, used = [], threading.Event(), set()

    def work(part: int) -> int:
        begun.append(part)
        used.add(threading.current_thread())
        if part:
            go.wait(10)
        return part

    with closing(parallel.map_in_threads(work, range(1000))) as found:
        assert next(found) == 0
        threading.Timer(0.2, go.set).start()
    assert len(begun) < 100
    assert not any(thread.is_alive() for thread in used)


def test_an_error_of_a_part_is_raised():
    def work(part: int) -> int:
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        list(parallel.map_in_threads(work, range(5)))
