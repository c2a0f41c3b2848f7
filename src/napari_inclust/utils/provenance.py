"""What made a result: versions, platform and time."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

RECORDED_PACKAGES = ("napari-inclust", "torch", "numpy", "scipy", "scikit-learn", "anndata")


def environment() -> dict[str, Any]:
    """Versions of what computes, the platform, and now."""
    found = {"python": platform.python_version()} | {p: metadata.version(p) for p in RECORDED_PACKAGES}
    return {"versions": found, "platform": sys.platform, "made": datetime.now(UTC).isoformat(timespec="seconds")}
