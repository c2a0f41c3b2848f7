"""Rows of a table as the members see them: normalised over the features shown to each, scaled gene by gene, zero where nothing is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .plan import Mask, Table

CHUNK = 4096
_DENSE_BYTES = 512 * 2**20


class Rows:
    """Scaled rows of a table.

    Parameters
    ----------
    columns
        Features wanted, in order (positions among the plan's features).
    hidden : (networks, features) bool
        What each network must not see: it does not count in the library size either.
    scale
        "zscore", or "max" (divide by the largest value).
    clip
        Largest absolute scaled value.
    """

    def __init__(self, table: Table, columns: NDArray[np.intp], hidden: Mask, scale: str, clip: float, device: torch.device) -> None:
        n_features, n_extra = hidden.shape[1], table.extra.shape[1]
        position = np.full(n_features, -1)
        position[table.features] = np.arange(len(table.features))
        self.columns = position[columns]
        self.measured = torch.from_numpy(self.columns >= 0).to(device)
        self.extra = torch.from_numpy(table.extra[:, columns[columns >= n_features - n_extra] - (n_features - n_extra)]).to(device)
        self.is_extra = torch.from_numpy(columns >= n_features - n_extra).to(device)
        self.table, self.clip, self.device = table, clip, device
        factors = table.factors(hidden)
        same = bool((factors == factors[0]).all())  # one scale for all networks: keep it once
        self.factors = torch.from_numpy(factors[:1] if same else factors).to(device)
        self.linear = table.linear[:, self.columns[self.columns >= 0]]
        small = table.n_cells * len(columns) * 4 < _DENSE_BYTES
        self.dense = torch.from_numpy(self.linear.toarray()).to(device) if small else None
        self.shift, self.spread = self._moments(scale)

    def _lognormalised(self, rows: NDArray[np.intp]) -> Tensor:
        """(networks or 1, B, measured columns)."""
        index = torch.from_numpy(rows).to(self.device)
        linear = self.dense[index] if self.dense is not None else torch.from_numpy(self.linear[rows].toarray()).to(self.device)
        return torch.log1p(linear * self.factors[:, index, None])

    def _moments(self, scale: str) -> tuple[Tensor, Tensor]:
        """What is taken off and divided by: (networks or 1, 1, measured columns)."""
        n = self.table.n_cells
        total, square, top = torch.zeros(3, len(self.factors), self.linear.shape[1], dtype=torch.float64)
        for rows in self.chunks():
            x = self._lognormalised(rows).cpu().double()  # mps has no float64
            total, square, top = total + x.sum(1), square + x.square().sum(1), torch.maximum(top, x.amax(1))
        mean = total / n
        spread = top if scale == "max" else (square / n - mean.square()).clamp_min(0).sqrt()
        shift = torch.zeros_like(mean) if scale == "max" else mean
        spread = torch.where(spread > 1e-6, spread, 1.0)
        return shift.float().unsqueeze(1).to(self.device), spread.float().unsqueeze(1).to(self.device)

    def chunks(self) -> Iterator[NDArray[np.intp]]:
        for start in range(0, self.table.n_cells, CHUNK):
            yield np.arange(start, min(start + CHUNK, self.table.n_cells))

    def take(self, rows: NDArray[np.intp]) -> Tensor:
        """(networks or 1, B, columns): scaled, clipped, zero where the table does not measure a column."""
        x = ((self._lognormalised(rows) - self.shift) / self.spread).clamp(-self.clip, self.clip)
        if bool(self.measured.all()):
            return x
        out = x.new_zeros(*x.shape[:2], len(self.columns))
        out[..., self.measured] = x
        if bool(self.is_extra.any()):
            out[..., self.is_extra] = self.extra[torch.from_numpy(rows).to(self.device)].clamp(-self.clip, self.clip)
        return out
