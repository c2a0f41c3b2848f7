"""Import of torch and scikit-learn by one thread at a time: a second one could find a package half initialised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_IMPORT_LOCK = threading.Lock()


def with_heavy_imports(function: Callable[[], T]) -> Callable[[], T]:
    """Return a function that imports the heavy packages (seconds, the first time), then calls the given one."""

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
