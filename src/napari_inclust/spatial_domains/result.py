"""Progress and result of the search for domains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.obs import obs_column
from ..data.section import Section
from ..errors import ConfigError, DataError
from ..spatial.neighbors import FloatArray, IntArray
from .edit import DomainSegmentation
from .metrics import truth_scores

DomainMethod = Literal["inclust+", "inclust", "smoothed-pca"]


@dataclass(frozen=True)
class SearchProgress:
    """Progress of the search: `done` of `total` (100), which never decreases."""

    done: int
    total: int
    message: str

    @classmethod
    def in_range(cls, progress_range: tuple[float, float], fraction: float, message: str) -> SearchProgress:
        """Build from a fraction of a range, in percent."""
        low, high = progress_range
        return cls(round(low + (high - low) * min(fraction, 1.0)), 100, message)


@dataclass(frozen=True, eq=False)
class Domains:
    """Result of `domains`.

    Attributes
    ----------
    solutions
        A segmentation for each number of domains that was computed.
    chosen
        The requested number of domains, or the most stable one.
    table
        One row a number of domains `k`: stability (mean adjusted Rand index between members of the consensus),
        confidence (mean), chaos, pas; of the chosen one also baseline_chaos, baseline_pas and baseline_agreement
        (adjusted Rand index with the baseline).
    baseline
        Segmentation by "smoothed-pca" with the chosen number.
    space : (cells, directions) float32
        In which a domain can be split (`edit.split`).
    xy : (cells, 2 or 3)
        Coordinates in micrometres, with z where the file has one.
    sections : (cells,) int
        Section of each cell.
    notes
        Remarks for the user.
    provenance
        Method, settings, seed, versions, data.
    """

    section: Section
    method: DomainMethod
    solutions: dict[int, DomainSegmentation]
    chosen: int
    table: pd.DataFrame
    baseline: DomainSegmentation
    space: NDArray[np.float32]
    xy: FloatArray
    sections: IntArray
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def segmentation(self) -> DomainSegmentation:
        """The chosen solution."""
        return self.solutions[self.chosen]

    @property
    def labels(self) -> IntArray:
        """Domain of each cell (cells,), of the chosen solution."""
        return self.segmentation.labels

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Confidence of each cell (cells,), of the chosen solution."""
        return self.segmentation.confidence

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains of the chosen solution."""
        return self.segmentation.names

    @property
    def colours(self) -> tuple[str, ...]:
        """Colours of the domains of the chosen solution, "#rrggbb"."""
        return self.segmentation.colours

    def choose(self, k: int) -> Domains:
        """Return the result with another of the computed solutions chosen.

        Raises
        ------
        ConfigError
            The number was not computed.
        """
        if k not in self.solutions:
            raise ConfigError(f"{k} domains were not computed; there are {', '.join(map(str, self.solutions))}.")
        return replace(self, chosen=k)

    def edited(self, segmentation: DomainSegmentation) -> Domains:
        """Return the result with the chosen solution replaced by an edited one."""
        return replace(self, solutions=self.solutions | {self.chosen: segmentation})

    def against(self, truth: str) -> pd.DataFrame:
        """Score the chosen solution and the baseline against a column of obs: ARI, NMI, homogeneity, completeness.

        Raises
        ------
        DataError
            No such column, or no cell with a label in it.
        """
        column = obs_column(self.section, truth)
        scores = {
            self.method: truth_scores(column, self.labels),
            "baseline (smoothed-pca)": truth_scores(column, self.baseline.labels),
        }
        if not scores[self.method]["cells"]:
            raise DataError(
                f"obs[{truth!r}] of {self.section.name} has no label for any cell; name a column with a truth."
            )
        return pd.DataFrame(scores).T

    def obs_and_uns(self, key: str = "domain") -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is written to a file: columns of `obs`, entries of `uns`."""
        seg = self.segmentation
        provenance = self.provenance | {"n_domains": self.chosen, "names": list(seg.names), "notes": list(self.notes)}
        curve = {name: self.table[name].to_numpy() for name in self.table} | {"k": self.table.index.to_numpy()}
        return (
            {key: seg.to_categorical(), f"{key}_confidence": seg.confidence},
            {f"{key}_colors": np.array(seg.colours, dtype=object), f"{key}_inclust": provenance | {"curve": curve}},
        )
