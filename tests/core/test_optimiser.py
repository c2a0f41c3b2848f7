"""The optimiser does what the well-known one does."""

from __future__ import annotations

import pytest
import torch

from napari_inclust.core.optimiser import Optimiser


def steps(parameters, step, n):
    target = torch.arange(6.0).view(2, 3)
    for _ in range(n):
        ((parameters[0] - target).square().sum() + (parameters[1] * parameters[0][0]).sum()).backward()
        step()
    return [p.detach().clone() for p in parameters]


def start():
    return [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.full((3,), 0.5))]


@pytest.mark.parametrize("cycle", [0, 21])
def test_steps_are_those_of_adamw_with_one_cycle(cycle):
    theirs = start()
    adam = torch.optim.AdamW(theirs, lr=0.1, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 0.1, total_steps=cycle) if cycle else None

    def step():
        adam.step()
        adam.zero_grad()
        if schedule is not None:
            schedule.step()

    ours = start()
    for a, b in zip(steps(ours, Optimiser(ours, 0.1, 0.01, cycle).step, 20), steps(theirs, step, 20), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_restored_state_goes_on_to_the_bit():
    through = start()
    whole = steps(through, Optimiser(through, 0.1, 0.01, 11).step, 10)
    first = start()
    half = Optimiser(first, 0.1, 0.01, 11)
    second = [torch.nn.Parameter(p) for p in steps(first, half.step, 5)]
    rest = Optimiser(second, 0.1, 0.01, 11)
    rest.restore(half.state())
    for a, b in zip(whole, steps(second, rest.step, 5), strict=True):
        assert torch.equal(a, b)
