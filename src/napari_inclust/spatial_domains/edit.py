"""One segmentation of the tissue, and what a user does to it. Every edit gives a new one; `History` takes edits back."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..spatial.neighbors import IntArray

if TYPE_CHECKING:
    import pandas as pd

# twenty colours that stay apart in print and for most colour-blind readers (d3's category20 without its greys, as scanpy orders it)
PALETTE = (
    "#1f77b4", "#ff7f0e", "#279e68", "#d62728", "#aa40fc", "#8c564b", "#e377c2", "#b5bd61", "#17becf", "#aec7e8",
    "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5", "#ad494a", "#8c6d31",
)  # fmt: skip
_HEX_COLOUR = re.compile(r"^#[0-9a-fA-F]{6}$")


@dataclass(frozen=True, eq=False)
class DomainSegmentation:
    """Every cell in one domain.

    Attributes
    ----------
    labels : (cells,) int
        0 to k - 1; each occurs.
    confidence : (cells,) float32
        Share of the vote for the label, 0 to 1.
    names, colours : (k,)
        Of the domains; colours as "#rrggbb".
    """

    labels: IntArray
    confidence: NDArray[np.float32]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def from_labels(cls, labels: IntArray, confidence: NDArray[np.float32]) -> DomainSegmentation:
        """Labels that may skip numbers, with the first names and colours."""
        codes = np.unique(labels, return_inverse=True)[1].astype(np.intp)
        k = int(codes.max()) + 1
        return cls(
            codes,
            np.clip(confidence, 0, 1).astype(np.float32),
            tuple(f"Domain {i + 1}" for i in range(k)),
            tuple(palette_colour(i) for i in range(k)),
        )

    @property
    def n_domains(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> IntArray:
        """Cells of each domain."""
        return np.bincount(self.labels, minlength=self.n_domains)

    def to_categorical(self) -> pd.Categorical[str]:
        """For `obs`."""
        import pandas as pd

        return pd.Categorical.from_codes(self.labels, categories=pd.Index(list(self.names)))

    def domain_index(self, domain: str | int) -> int:
        """Number of a domain given by name or number.

        Raises
        ------
        ConfigError
            No such domain, with those there are.
        """
        if isinstance(domain, str) and domain in self.names:
            return self.names.index(domain)
        if isinstance(domain, (int, np.integer)) and 0 <= domain < self.n_domains:
            return int(domain)
        raise ConfigError(f"there is no domain {domain!r}; there are {', '.join(self.names)}.")


def palette_colour(i: int) -> str:
    """The i-th colour: the palette, then hues by the golden angle."""
    if i < len(PALETTE):
        return PALETTE[i]
    r, g, b = colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.45 + 0.35 * (i % 2), 0.85)
    return f"#{round(255 * r):02x}{round(255 * g):02x}{round(255 * b):02x}"


def rename(seg: DomainSegmentation, domain: str | int, name: str) -> DomainSegmentation:
    """Another name; names stay unique.

    Raises
    ------
    ConfigError
        An empty name, or one that another domain has (merge them instead).
    """
    i, name = seg.domain_index(domain), name.strip()
    if not name:
        raise ConfigError("a domain needs a name; none was given.")
    if name in seg.names and seg.names.index(name) != i:
        raise ConfigError(f"another domain is called {name!r} already. Merge the two, or choose another name.")
    return replace(seg, names=_replace_item(seg.names, i, name))


def recolour(seg: DomainSegmentation, domain: str | int, value: str) -> DomainSegmentation:
    """Another colour, "#rrggbb"."""
    if not _HEX_COLOUR.match(value):
        raise ConfigError(f"{value!r} is no colour; give one like #1f77b4.")
    return replace(seg, colours=_replace_item(seg.colours, seg.domain_index(domain), value.lower()))


def merge(seg: DomainSegmentation, domains: Iterable[str | int], name: str | None = None) -> DomainSegmentation:
    """Several domains as one, with the name and colour of the largest.

    Raises
    ------
    ConfigError
        Fewer than two different domains.
    """
    chosen = sorted({seg.domain_index(d) for d in domains})
    if len(chosen) < 2:
        raise ConfigError("merging needs at least two different domains.")
    into = max(chosen, key=lambda i: (seg.sizes[i], -i))
    kept = [i for i in range(seg.n_domains) if i == into or i not in chosen]
    to = np.array([kept.index(into if i in chosen else i) for i in range(seg.n_domains)], dtype=np.intp)
    out = replace(
        seg, labels=to[seg.labels], names=tuple(seg.names[i] for i in kept), colours=tuple(seg.colours[i] for i in kept)
    )
    return out if name is None else rename(out, kept.index(into), name)


def split(
    seg: DomainSegmentation, domain: str | int, space: NDArray[np.float32], parts: int = 2, seed: int = 0
) -> DomainSegmentation:
    """One domain in several, by a Gaussian mixture of its cells in `space` (`Domains.space`); the largest part keeps name and colour.

    The confidence of its cells becomes their old one times the mixture's.

    Raises
    ------
    ConfigError
        A domain with too few cells for so many parts, or whose cells are all alike.
    """
    from .consensus import Mixture

    i = seg.domain_index(domain)
    at = np.flatnonzero(seg.labels == i)
    if parts < 2 or len(at) < 2 * parts:
        raise ConfigError(
            f"{seg.names[i]} has {len(at)} cells; splitting it into {parts} needs at least 2 parts of 2 cells each."
        )
    member = Mixture.fit(space[at], parts, seed, np.arange(len(at))).membership(space[at])
    found, new = np.unique(member.argmax(1), return_inverse=True)
    if len(found) < 2:
        raise ConfigError(f"the cells of {seg.names[i]} do not fall into parts.")
    order = np.argsort(np.argsort(-np.bincount(new), kind="stable"))  # the largest first
    labels, confidence = seg.labels.copy(), seg.confidence.copy()
    labels[at] = np.where(order[new] == 0, i, seg.n_domains + order[new] - 1)
    confidence[at] *= member.max(1)
    names, colours = list(seg.names), list(seg.colours)
    for j in range(1, len(found)):
        names.append(_unique_name(f"{seg.names[i]}.{j + 1}", names))
        colours.append(next(c for c in map(palette_colour, range(10_000)) if c not in colours))
    return DomainSegmentation(labels, confidence, tuple(names), tuple(colours))


def match_domains(segmentation: DomainSegmentation, reference: DomainSegmentation) -> DomainSegmentation:
    """Numbers, names and colours of the domains of `other` that overlap most; so a domain keeps its colour when the number of domains changes."""
    from .consensus import match_columns

    overlap = np.zeros((reference.n_domains, segmentation.n_domains))
    np.add.at(overlap, (reference.labels, segmentation.labels), 1)
    if reference.n_domains <= segmentation.n_domains:
        like = match_columns(np.eye(reference.n_domains), overlap)  # for each domain of the other, ours
        order = [*like.tolist(), *(j for j in range(segmentation.n_domains) if j not in set(like.tolist()))]
        names, colours = list(reference.names), list(reference.colours)
        while len(names) < segmentation.n_domains:
            names.append(_unique_name(f"Domain {len(names) + 1}", names))
            colours.append(next(c for c in map(palette_colour, range(10_000)) if c not in colours))
    else:
        like = match_columns(np.eye(segmentation.n_domains), overlap.T)  # for each of ours, the other's
        order = np.argsort(like, kind="stable").tolist()
        names, colours = [reference.names[j] for j in np.sort(like)], [reference.colours[j] for j in np.sort(like)]
    to = np.empty(segmentation.n_domains, dtype=np.intp)
    to[order] = np.arange(segmentation.n_domains)
    return replace(segmentation, labels=to[segmentation.labels], names=tuple(names), colours=tuple(colours))


@dataclass(frozen=True, eq=False)
class History:
    """A segmentation with the ones before it and those taken back."""

    now: DomainSegmentation
    past: tuple[DomainSegmentation, ...] = ()
    undone: tuple[DomainSegmentation, ...] = ()

    def do(self, new: DomainSegmentation) -> History:
        return History(new, (*self.past, self.now))

    def undo(self) -> History:
        """The one before; the same when there is none."""
        return History(self.past[-1], self.past[:-1], (self.now, *self.undone)) if self.past else self

    def redo(self) -> History:
        return History(self.undone[0], (*self.past, self.now), self.undone[1:]) if self.undone else self


def _replace_item(values: Sequence[str], i: int, value: str) -> tuple[str, ...]:
    return (*values[:i], value, *values[i + 1 :])


def _unique_name(name: str, taken: Sequence[str]) -> str:
    found, n = name, 2
    while found in taken:
        found, n = f"{name} ({n})", n + 1
    return found
