"""torch and scikit-learn are imported by one thread at a time: two threads that begin at once can find a package half made, and fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_IMPORT_LOCK = threading.Lock()


def with_heavy_imports(function: Callable[[], T]) -> Callable[[], T]:
    """What a thread is to do, after the heavy packages are there; the first thread waits some seconds for them."""

    def loaded() -> T:
        with _IMPORT_LOCK:
            import sklearn.cluster
            import sklearn.decomposition
            import sklearn.ensemble
            import sklearn.metrics
            import sklearn.mixture
            import sklearn.neighbors
            import sklearn.pipeline
            import sklearn.svm  # noqa: F401
            import torch  # noqa: F401
        return function()

    return loaded
