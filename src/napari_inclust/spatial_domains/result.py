"""What the search for domains says on its way, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.obs import obs_column as _column
from ..data.section import Section
from ..errors import ConfigError, DataError
from ..spatial.neighbors import FloatArray, IntArray
from .edit import DomainSegmentation
from .metrics import truth_scores

DomainMethod = Literal["inclust+", "inclust", "smoothed-pca"]


@dataclass(frozen=True)
class SearchProgress:
    """How far the search is: `done` of `total` (100), never less than before."""

    done: int
    total: int
    message: str

    @classmethod
    def in_range(cls, span: tuple[float, float], part: float, text: str) -> SearchProgress:
        """A fraction of a stretch of the whole, in percent."""
        return cls(round(span[0] + (span[1] - span[0]) * min(part, 1.0)), 100, text)


@dataclass(frozen=True, eq=False)
class Domains:
    """What `domains` finds.

    Attributes
    ----------
    solutions
        A segmentation for each number of domains that was computed.
    chosen
        The number that was asked for, or is most stable.
    table
        One row a number of domains `k`: stability (mean adjusted Rand index between members of the vote), confidence (mean), chaos, pas; of the baseline chaos,
        pas; and its agreement with it (adjusted Rand index).
    baseline
        Segmentation by "smoothed-pca" with the chosen number.
    space : (cells, directions) float32
        In which a domain can be split (`domain_edit.split`).
    xy : (cells, 2 or 3)
        Places, with z where the file has one.
    sections : (cells,) int
        Which section each cell lies in.
    notes
        What a user should know.
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
        return self.segmentation.labels

    @property
    def confidence(self) -> NDArray[np.float32]:
        return self.segmentation.confidence

    @property
    def names(self) -> tuple[str, ...]:
        return self.segmentation.names

    @property
    def colours(self) -> tuple[str, ...]:
        return self.segmentation.colours

    def choose(self, k: int) -> Domains:
        """The same with another of the computed solutions chosen."""
        if k not in self.solutions:
            raise ConfigError(f"{k} domains were not computed; there are {', '.join(map(str, self.solutions))}.")
        return replace(self, chosen=k)

    def edited(self, segmentation: DomainSegmentation) -> Domains:
        """The same with the chosen solution replaced by an edited one."""
        return replace(self, solutions=self.solutions | {self.chosen: segmentation})

    def against(self, truth: str) -> pd.DataFrame:
        """ARI, NMI, homogeneity and completeness against a column of obs, of the chosen solution and of the baseline."""
        column = _column(self.section, truth)
        scores = {
            self.method: truth_scores(column, self.labels),
            "baseline (smoothed-pca)": truth_scores(column, self.baseline.labels),
        }
        if not scores[self.method]["cells"]:
            raise DataError(
                f"obs[{truth!r}] of {self.section.name} says nothing of any cell; name a column with a truth."
            )
        return pd.DataFrame(scores).T

    def obs_and_uns(self, key: str = "domain") -> tuple[dict[str, Any], dict[str, Any]]:
        """What goes into a file: columns of `obs`, entries of `uns`."""
        seg = self.segmentation
        facts = self.provenance | {"n_domains": self.chosen, "names": list(seg.names), "notes": list(self.notes)}
        curve = {name: self.table[name].to_numpy() for name in self.table} | {"k": self.table.index.to_numpy()}
        return (
            {key: seg.to_categorical(), f"{key}_confidence": seg.confidence},
            {f"{key}_colors": np.array(seg.colours, dtype=object), f"{key}_inclust": facts | {"curve": curve}},
        )
