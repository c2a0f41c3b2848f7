"""Provenance of a result: package versions, platform and time."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

RECORDED_PACKAGES = ("napari-inclust", "torch", "numpy", "scipy", "scikit-learn", "anndata")


def environment() -> dict[str, Any]:
    """Return package versions, the platform and the current time (UTC, ISO 8601)."""
    versions = {"python": platform.python_version()} | {p: metadata.version(p) for p in RECORDED_PACKAGES}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"versions": versions, "platform": sys.platform, "created": now, "made": now}  # "made": as in older files
