"""Compute device and torch's number of threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    import torch


def select_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is the first available of cuda, mps and cpu.

    Raises
    ------
    ConfigError
        A device that this machine lacks.
    """
    import torch

    is_available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [device for device, ok in is_available.items() if ok]
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise ConfigError(f"the device {name!r} is not available here; choose one of {', '.join(available)}, or auto.")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Describe a device for people: "cpu (1 thread)", "cuda (NVIDIA ...)"."""
    import torch

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        n = torch.get_num_threads()
        return f"cpu ({n} thread{'s' if n > 1 else ''})"
    return device.type


@contextlib.contextmanager
def limit_threads(n_threads: int) -> Iterator[None]:
    """Limit torch's threads inside the block.

    Parameters
    ----------
    n_threads
        0: all cores but one (oversubscribed threads made small matrices ten times slower).
    """
    import torch

    previous = torch.get_num_threads()
    torch.set_num_threads(n_threads or max(1, (os.cpu_count() or 2) - 1))
    try:
        yield
    finally:
        torch.set_num_threads(previous)
