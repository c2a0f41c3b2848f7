"""Rows of a table as the networks see them: normalised over the features shown to each, and scaled feature by feature.

A feature that the table does not measure is zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .table import Mask, MeasuredBlock, Table

CHUNK_ROWS = 4096
_MAX_DENSE_BYTES = 512 * 2**20


class TableRows:
    """Scaled rows of a table.

    Parameters
    ----------
    feature_indices
        Columns, as ascending positions among the plan's features.
    hidden : (networks, features) bool
        What each network must not see: it does not count in the library size either.
    scale
        "zscore", or "max" (divide by the largest value).
    clip
        Largest absolute scaled value.
    """

    def __init__(
        self,
        table: Table,
        feature_indices: NDArray[np.intp],
        hidden: Mask,
        scale: str,
        clip: float,
        device: torch.device,
    ) -> None:
        parts = [_BlockRows(p, feature_indices, hidden, scale, clip, device) for p in table.measured_blocks]
        self.block_rows = {p.block: p for p in parts if len(p.column_indices)}
        self.n_columns, self.n_cells, self.device = len(feature_indices), table.n_cells, device

    def take(self, rows: NDArray[np.intp]) -> Tensor:
        """(networks or 1, B, columns): scaled, clipped, zero where the table does not measure a column."""
        taken = [p.take(rows) for p in self.block_rows.values()]
        if len(taken) == 1 and taken[0].shape[-1] == self.n_columns:
            return taken[0]
        out = torch.zeros(max(len(x) for x in taken), len(rows), self.n_columns, device=self.device)
        for part, x in zip(self.block_rows.values(), taken, strict=True):
            out[..., part.column_indices] = x
        return out

    def raw_values(self, block: str, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor]:
        """Return a block's values before any scaling.

        Returns
        -------
        columns : (n,)
            Positions of the block's columns.
        values : (B, n)
        depths : (B, 1)
            Size factors of the cells, in units of the median.
        """
        part = self.block_rows.get(block)
        if part is None:
            nothing = torch.zeros(len(rows), 0, device=self.device)
            return (
                torch.zeros(0, dtype=torch.long, device=self.device),
                nothing,
                torch.ones(len(rows), 1, device=self.device),
            )
        factor = part.scale_factors[0, torch.from_numpy(rows).to(self.device), None]
        return part.column_indices, part.linear_values(rows), torch.where(factor > 0, 1 / factor.clamp_min(1e-6), 0.0)


class _BlockRows:
    """Selected columns of one block."""

    def __init__(
        self,
        measured_block: MeasuredBlock,
        feature_indices: NDArray[np.intp],
        hidden: Mask,
        scale: str,
        clip: float,
        device: torch.device,
    ) -> None:
        selected = np.isin(measured_block.feature_indices, feature_indices)
        self.block, self.clip, self.device, self.prescaled = (
            measured_block.block,
            clip,
            device,
            measured_block.prescaled,
        )
        self.column_indices = torch.from_numpy(
            np.searchsorted(feature_indices, measured_block.feature_indices[selected])
        ).to(device)
        self.values = measured_block.values if selected.all() else measured_block.values[:, selected]
        small = self.values.shape[0] * len(self.column_indices) * 4 < _MAX_DENSE_BYTES
        self.dense = torch.from_numpy(self._dense_rows(slice(None))).to(device) if small else None
        if self.prescaled:
            return
        factors = measured_block.scale_factors(hidden)
        same = bool((factors == factors[0]).all())  # one scale for all networks: keep it once
        self.scale_factors = torch.from_numpy(factors[:1] if same else factors).to(device)
        self.shift, self.divisor = self._shift_and_divisor(scale)

    def _dense_rows(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        some = self.values[rows]
        out: NDArray[np.float32] = np.asarray(
            some if isinstance(some, np.ndarray) else some.toarray(), dtype=np.float32
        )
        return out

    def linear_values(self, rows: NDArray[np.intp]) -> Tensor:
        """(B, columns) before any scaling."""
        if self.dense is not None:
            return self.dense[torch.from_numpy(rows).to(self.device)]
        return torch.from_numpy(self._dense_rows(rows)).to(self.device)

    def _lognormalised(self, rows: NDArray[np.intp]) -> Tensor:
        """(networks or 1, B, columns)."""
        return torch.log1p(
            self.linear_values(rows) * self.scale_factors[:, torch.from_numpy(rows).to(self.device), None]
        )

    def _shift_and_divisor(self, scale: str) -> tuple[Tensor, Tensor]:
        """Shift and divisor of the scaling, each (networks or 1, 1, columns)."""
        n = self.values.shape[0]
        total, square, top = torch.zeros(3, len(self.scale_factors), len(self.column_indices), dtype=torch.float64)
        for rows in row_chunks(n):
            x = self._lognormalised(rows).cpu().double()  # mps has no float64
            total, square, top = total + x.sum(1), square + x.square().sum(1), torch.maximum(top, x.amax(1))
        mean = total / n
        spread = top if scale == "max" else (square / n - mean.square()).clamp_min(0).sqrt()
        shift = torch.zeros_like(mean) if scale == "max" else mean
        spread = torch.where(spread > 1e-6, spread, 1.0)
        return shift.float().unsqueeze(1).to(self.device), spread.float().unsqueeze(1).to(self.device)

    def take(self, rows: NDArray[np.intp]) -> Tensor:
        """(networks or 1, B, columns): scaled and clipped."""
        if self.prescaled:
            return self.linear_values(rows).clamp(-self.clip, self.clip)[None]
        return ((self._lognormalised(rows) - self.shift) / self.divisor).clamp(-self.clip, self.clip)


def row_chunks(n: int, size: int = CHUNK_ROWS) -> Iterator[NDArray[np.intp]]:
    """Yield positions of n rows, `size` at a time."""
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))
