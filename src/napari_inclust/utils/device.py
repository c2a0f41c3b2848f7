"""Where to compute, and with how many threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    import torch


def select_device(name: str) -> torch.device:
    """The device by its name; "auto" takes cuda, then mps, then cpu.

    Raises
    ------
    ConfigError
        A device that this machine lacks.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(d for d, ok in there.items() if ok))
    if not there.get(name, False):
        raise ConfigError(
            f"the device {name!r} is not available here; choose one of {', '.join(d for d, ok in there.items() if ok)}, or auto."
        )
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """For people: "cpu (1 thread)", "cuda (NVIDIA ...)"."""
    import torch

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        n = torch.get_num_threads()
        return f"cpu ({n} thread{'s' if n > 1 else ''})"
    return device.type


@contextlib.contextmanager
def limit_threads(n_threads: int) -> Iterator[None]:
    """Limit torch's threads for a while: 0 leaves one core free (oversubscribed threads ran ten times slower on small matrices)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or max(1, (os.cpu_count() or 2) - 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
