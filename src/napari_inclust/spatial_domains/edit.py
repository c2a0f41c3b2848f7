"""A segmentation into domains and its edits: each edit returns a new one; `History` undoes and redoes them."""

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

# d3's category20 without its greys, in scanpy's order: distinct in print and for most colour-blind readers
PALETTE = (
    "#1f77b4", "#ff7f0e", "#279e68", "#d62728", "#aa40fc", "#8c564b", "#e377c2", "#b5bd61", "#17becf", "#aec7e8",
    "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5", "#ad494a", "#8c6d31",
)  # fmt: skip
_HEX_COLOUR = re.compile(r"^#[0-9a-fA-F]{6}$")


@dataclass(frozen=True, eq=False)
class DomainSegmentation:
    """Assignment of every cell to one domain.

    Attributes
    ----------
    labels : (cells,) int
        0 to k - 1; each occurs.
    confidence : (cells,) float32
        Consensus membership of the label, 0 to 1.
    names, colours : (k,)
        Of the domains; colours as "#rrggbb".
    """

    labels: IntArray
    confidence: NDArray[np.float32]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def from_labels(cls, labels: IntArray, confidence: NDArray[np.float32]) -> DomainSegmentation:
        """Build from labels, which may skip numbers, with the default names and colours."""
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
        """Number of domains."""
        return len(self.names)

    @property
    def sizes(self) -> IntArray:
        """Number of cells of each domain (n_domains,)."""
        return np.bincount(self.labels, minlength=self.n_domains)

    def to_categorical(self) -> pd.Categorical[str]:
        """Return the domain names of the cells as a Categorical, for `obs`."""
        import pandas as pd

        return pd.Categorical.from_codes(self.labels, categories=pd.Index(list(self.names)))

    def domain_index(self, domain: str | int) -> int:
        """Return the number of a domain given by name or number.

        Raises
        ------
        ConfigError
            No such domain; the message names the existing ones.
        """
        if isinstance(domain, str) and domain in self.names:
            return self.names.index(domain)
        if isinstance(domain, (int, np.integer)) and 0 <= domain < self.n_domains:
            return int(domain)
        raise ConfigError(f"there is no domain {domain!r}; there are {', '.join(self.names)}.")


def palette_colour(i: int) -> str:
    """Return the i-th colour: of the palette, then hues by the golden angle."""
    if i < len(PALETTE):
        return PALETTE[i]
    r, g, b = colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.45 + 0.35 * (i % 2), 0.85)
    return f"#{round(255 * r):02x}{round(255 * g):02x}{round(255 * b):02x}"


def rename(seg: DomainSegmentation, domain: str | int, name: str) -> DomainSegmentation:
    """Rename a domain; names stay unique.

    Raises
    ------
    ConfigError
        The name is empty, or another domain has it.
    """
    i, name = seg.domain_index(domain), name.strip()
    if not name:
        raise ConfigError("a domain needs a name; none was given.")
    if name in seg.names and seg.names.index(name) != i:
        raise ConfigError(f"another domain is called {name!r} already. Merge the two, or choose another name.")
    return replace(seg, names=_replace_item(seg.names, i, name))


def recolour(seg: DomainSegmentation, domain: str | int, value: str) -> DomainSegmentation:
    """Change the colour of a domain, "#rrggbb"."""
    if not _HEX_COLOUR.match(value):
        raise ConfigError(f"{value!r} is no colour; give one like #1f77b4.")
    return replace(seg, colours=_replace_item(seg.colours, seg.domain_index(domain), value.lower()))


def merge(seg: DomainSegmentation, domains: Iterable[str | int], name: str | None = None) -> DomainSegmentation:
    """Merge domains into one, with the colour and, unless given, the name of the largest.

    Raises
    ------
    ConfigError
        Fewer than two different domains.
    """
    merged = sorted({seg.domain_index(d) for d in domains})
    if len(merged) < 2:
        raise ConfigError("merging needs at least two different domains.")
    into = max(merged, key=lambda i: (seg.sizes[i], -i))
    remaining = [i for i in range(seg.n_domains) if i == into or i not in merged]
    new = np.array([remaining.index(into if i in merged else i) for i in range(seg.n_domains)], dtype=np.intp)
    out = replace(
        seg,
        labels=new[seg.labels],
        names=tuple(seg.names[i] for i in remaining),
        colours=tuple(seg.colours[i] for i in remaining),
    )
    return out if name is None else rename(out, remaining.index(into), name)


def split(
    seg: DomainSegmentation, domain: str | int, space: NDArray[np.float32], parts: int = 2, seed: int = 0
) -> DomainSegmentation:
    """Split a domain by a Gaussian mixture of its cells; the largest part keeps the name and colour.

    The confidence of its cells is multiplied by that of the mixture.

    Parameters
    ----------
    seg
    domain
        Name or number.
    space : (cells, directions)
        `Domains.space`.
    parts
    seed

    Raises
    ------
    ConfigError
        The domain has too few cells for so many parts, or its cells are all equal.
    """
    from .consensus import Mixture

    i = seg.domain_index(domain)
    at = np.flatnonzero(seg.labels == i)
    if parts < 2 or len(at) < 2 * parts:
        raise ConfigError(
            f"{seg.names[i]} has {len(at)} cells; splitting it into {parts} needs at least 2 parts of 2 cells each."
        )
    membership = Mixture.fit(space[at], parts, seed, np.arange(len(at))).membership(space[at])
    present, new = np.unique(membership.argmax(1), return_inverse=True)
    if len(present) < 2:
        raise ConfigError(f"the cells of {seg.names[i]} do not fall into parts.")
    order = np.argsort(np.argsort(-np.bincount(new), kind="stable"))  # the largest first
    labels, confidence = seg.labels.copy(), seg.confidence.copy()
    labels[at] = np.where(order[new] == 0, i, seg.n_domains + order[new] - 1)
    confidence[at] *= membership.max(1)
    names, colours = list(seg.names), list(seg.colours)
    for j in range(1, len(present)):
        _append_domain(names, colours, f"{seg.names[i]}.{j + 1}")
    return DomainSegmentation(labels, confidence, tuple(names), tuple(colours))


def match_domains(segmentation: DomainSegmentation, reference: DomainSegmentation) -> DomainSegmentation:
    """Take over numbers, names and colours of the domains of a reference segmentation that overlap most.

    So a domain keeps its colour when the number of domains changes.
    """
    from .consensus import match_columns

    overlap = np.zeros((reference.n_domains, segmentation.n_domains))
    np.add.at(overlap, (reference.labels, segmentation.labels), 1)
    if reference.n_domains <= segmentation.n_domains:
        matches = match_columns(np.eye(reference.n_domains), overlap).tolist()  # of each domain of the reference
        order = [*matches, *(j for j in range(segmentation.n_domains) if j not in matches)]
        names, colours = list(reference.names), list(reference.colours)
        while len(names) < segmentation.n_domains:
            _append_domain(names, colours, f"Domain {len(names) + 1}")
    else:
        matched = match_columns(np.eye(segmentation.n_domains), overlap.T)  # to each domain of the segmentation
        order = np.argsort(matched, kind="stable").tolist()
        names = [reference.names[j] for j in np.sort(matched)]
        colours = [reference.colours[j] for j in np.sort(matched)]
    new = np.empty(segmentation.n_domains, dtype=np.intp)
    new[order] = np.arange(segmentation.n_domains)
    return replace(segmentation, labels=new[segmentation.labels], names=tuple(names), colours=tuple(colours))


@dataclass(frozen=True, eq=False)
class History:
    """A segmentation with the previous ones and those undone."""

    now: DomainSegmentation
    past: tuple[DomainSegmentation, ...] = ()
    undone: tuple[DomainSegmentation, ...] = ()

    def do(self, new: DomainSegmentation) -> History:
        """Add an edited segmentation; what was undone is dropped."""
        return History(new, (*self.past, self.now))

    def undo(self) -> History:
        """Return to the previous segmentation, if there is one."""
        return History(self.past[-1], self.past[:-1], (self.now, *self.undone)) if self.past else self

    def redo(self) -> History:
        """Return to the segmentation undone last, if there is one."""
        return History(self.undone[0], (*self.past, self.now), self.undone[1:]) if self.undone else self


def _replace_item(values: Sequence[str], i: int, value: str) -> tuple[str, ...]:
    return (*values[:i], value, *values[i + 1 :])


def _append_domain(names: list[str], colours: list[str], name: str) -> None:
    """Append a name, numbered where it is taken, and the first free colour."""
    unique, n = name, 2
    while unique in names:
        unique, n = f"{name} ({n})", n + 1
    names.append(unique)
    colours.append(next(c for c in map(palette_colour, range(10_000)) if c not in colours))
