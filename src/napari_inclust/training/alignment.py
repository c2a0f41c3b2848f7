"""Optimal transport between latents, for data sets that the shared features and the covariate do not bring together."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import Tensor

from ..errors import ConfigError

_BLUR, _REACH = 0.1, 1.0  # of distances in units of sqrt(latent dimensions)


@cache
def _sinkhorn_loss() -> Any:
    try:
        from geomloss import SamplesLoss
    except ImportError:
        raise ConfigError(
            "alignment by optimal transport needs the package geomloss: pip install 'napari-inclust[transport]'."
        ) from None
    return SamplesLoss("sinkhorn", p=2, blur=_BLUR, reach=_REACH, backend="tensorized")


def sinkhorn_divergence(a: Tensor, b: Tensor) -> Tensor:
    """Debiased unbalanced Sinkhorn divergence between clouds a (M, A, L) and b (M, B, L): (M,).

    Unbalanced: kinds of cells that only one side has are not forced onto others.

    Raises
    ------
    ConfigError
        geomloss is not installed.

    References
    ----------
    Sejourne et al., arXiv:1910.12958, by geomloss (Feydy et al., AISTATS 2019).
    """
    scale = a.shape[-1] ** -0.5
    out: Tensor = _sinkhorn_loss()((a * scale).contiguous(), (b * scale).contiguous())
    return out
