"""Reconstruction losses by likelihood of a block; each summed over features, mean over cells.

Shapes: M networks, B cells, G features of the block.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LIKELIHOODS = {
    "squared": "squared error on the scaled values, as published",
    "gaussian": "Gaussian on the scaled values, with a variance of each feature's own",
    "nb": "negative binomial on counts, with the cell's depth as offset and a dispersion of each feature's own",
    "bernoulli": "Bernoulli on open or closed, for peaks",
}
RAW_VALUE_LIKELIHOODS = {"nb", "bernoulli"}  # computed on values before any scaling
DISPERSION_LIKELIHOODS = {"gaussian", "nb"}  # with a parameter beside the mean


def squared_error(x: Tensor, x_hat: Tensor, mask: Tensor) -> Tensor:
    """0.5 |m_out * (x - x_hat)|^2: (M,)."""
    return 0.5 * (mask * (x - x_hat)).square().sum(-1).mean(-1)


def gaussian_nll(x: Tensor, x_hat: Tensor, mask: Tensor, log_variance: Tensor) -> Tensor:
    """Negative log-density, without its constant: (M,). `log_variance` (M, 1, G)."""
    log_variance = log_variance.clamp(-6, 6)
    return 0.5 * (mask * ((x - x_hat).square() * (-log_variance).exp() + log_variance)).sum(-1).mean(-1)


def negative_binomial_nll(
    counts: Tensor, log_rate: Tensor, mask: Tensor, log_dispersion: Tensor, depth: Tensor
) -> Tensor:
    """Negative log-probability with mean depth * exp(log_rate) and inverse dispersion exp(log_dispersion): (M,).

    Parameters
    ----------
    log_dispersion : (M, 1, G)
    depth : (B, 1)

    References
    ----------
    The parametrisation of Lopez et al., Nature Methods 2018 (scVI), without the zero inflation.
    """
    mean = depth * log_rate.clamp(-15, 10).exp() + 1e-8
    theta = log_dispersion.clamp(-6, 8).exp()
    log_sum = torch.log(theta + mean)
    log_p = (
        theta * (theta.log() - log_sum)
        + counts * (mean.log() - log_sum)
        + torch.lgamma(counts + theta)
        - torch.lgamma(theta)
        - torch.lgamma(counts + 1)
    )
    return -(mask * log_p).sum(-1).mean(-1)


def bernoulli_nll(values: Tensor, logits: Tensor, mask: Tensor) -> Tensor:
    """Negative log-probability of value > 0: (M,)."""
    opened = (values > 0).to(logits.dtype).expand_as(logits)
    return (mask * functional.binary_cross_entropy_with_logits(logits, opened, reduction="none")).sum(-1).mean(-1)
