"""AdamW with a learning rate in one cycle, on all weights as one vector: `torch.optim` would first import the whole compiler, which takes longer than an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

SQUARES, TINY = 0.999, 1e-8  # decay of the squared gradients' mean; what keeps the step finite
START, STOP = 1 / 25, 1 / 250_000  # of the peak: the learning rates at which a cycle starts and stops
PEAK_AT = 0.3  # fraction of the steps
MOMENTUM = (0.95, 0.85)  # at the lowest and at the highest learning rate of a cycle
CONSTANT_MOMENTUM = 0.9


class Optimiser:
    """Decoupled weight decay (Loshchilov and Hutter, ICLR 2019) in one cycle (Smith and Topin, 2018): as `torch.optim.AdamW` with `OneCycleLR`.

    Parameters
    ----------
    parameters
        Become views into one vector, as do their gradients; each step needs the gradients of one backward pass.
    rate
        Learning rate: its peak with a cycle.
    steps
        Of the cycle; 0 for a constant learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, weight_decay: float, steps: int) -> None:
        parameters = list(parameters)
        self.rate, self.weight_decay, self.steps, self.done = rate, weight_decay, steps, 0
        self.weights = torch.cat([p.detach().flatten() for p in parameters])
        self.gradient, self.mean, self.square = (torch.zeros_like(self.weights) for _ in range(3))
        start = 0
        for p in parameters:
            here = slice(start, start + p.numel())
            p.data, p.grad = self.weights[here].view_as(p), self.gradient[here].view_as(p)
            start = here.stop

    def now(self) -> tuple[float, float]:
        """Learning rate and momentum of the coming step."""
        if not self.steps:
            return self.rate, CONSTANT_MOMENTUM
        top = PEAK_AT * self.steps - 1
        rising = self.done <= top
        share = self.done / top if rising else (self.done - top) / (self.steps - 1 - top)
        height = (1 - math.cos(math.pi * (share if rising else 1 - share))) / 2  # 0 at the foot, 1 at the peak
        foot = START if rising else STOP
        return self.rate * (foot + (1 - foot) * height), MOMENTUM[0] + (MOMENTUM[1] - MOMENTUM[0]) * height

    def step(self) -> None:
        """One step down the gradients, which are zero afterwards."""
        rate, momentum = self.now()
        self.done += 1
        self.mean.lerp_(self.gradient, 1 - momentum)
        self.square.mul_(SQUARES).addcmul_(self.gradient, self.gradient, value=1 - SQUARES)
        size = (self.square / (1 - SQUARES**self.done)).sqrt_().add_(TINY)
        self.weights.mul_(1 - rate * self.weight_decay).addcdiv_(self.mean, size, value=-rate / (1 - momentum**self.done))
        self.gradient.zero_()

    def state(self) -> dict[str, Any]:
        """All but the weights."""
        return {"mean": self.mean, "square": self.square, "done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.done = int(state["done"])
