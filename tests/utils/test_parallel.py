"""Items mapped in threads: their order, closing early, errors, and the number of BLAS threads meanwhile."""

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

    def work(item: int) -> tuple[int, set[int]]:
        used.add(threading.current_thread())
        return item * item, blas_threads()

    results = list(parallel.map_in_threads(work, range(20)))
    assert [value for value, _ in results] == [item * item for item in range(20)]
    assert {n for _, threads in results for n in threads} == {1}
    assert threading.current_thread() not in used
    assert len(used) <= min(parallel.MAX_THREADS, parallel.available_cores())
    assert blas_threads() == before


def test_a_closed_map_starts_no_further_item():
    started, go, used = [], threading.Event(), set()

    def work(item: int) -> int:
        started.append(item)
        used.add(threading.current_thread())
        if item:
            go.wait(10)
        return item

    with closing(parallel.map_in_threads(work, range(1000))) as results:
        assert next(results) == 0
        threading.Timer(0.2, go.set).start()
    assert len(started) < 100
    assert not any(thread.is_alive() for thread in used)


def test_an_error_of_an_item_is_raised():
    def work(item: int) -> int:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        list(parallel.map_in_threads(work, range(5)))
