"""Regions drawn on a section: their cells, density, composition and expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError

Mask = NDArray[np.bool_]
OUTSIDE = "outside"
_ELLIPSE_CORNERS = 64  # corners that stand for an ellipse
SHAPE_KINDS = ("polygon", "rectangle", "ellipse")


@dataclass(frozen=True, eq=False)
class Region:
    """A polygon on a section.

    Attributes
    ----------
    name
    corners : (corners, 2) float64
        Micrometres (x, y); the last one is joined to the first.
    """

    name: str
    corners: NDArray[np.float64]

    @property
    def polygon(self) -> Any:
        """The region as a shapely polygon; the valid parts of one that crosses itself."""
        import shapely

        polygon = shapely.polygons(self.corners)
        return polygon if shapely.is_valid(polygon) else shapely.make_valid(polygon)

    @property
    def area(self) -> float:
        """Area in square micrometres."""
        return float(self.polygon.area)

    def contains(self, xy: NDArray[np.floating[Any]]) -> Mask:
        """Return which positions lie inside: (cells,) bool.

        Parameters
        ----------
        xy : (cells, 2 or 3)
            Micrometres.
        """
        return points_in_polygon(self.corners, xy)


def shape_corners(corners: NDArray[np.floating[Any]], shape_kind: str = "polygon") -> NDArray[np.float64]:
    """Return the corners (n, 2) of a drawn shape: those given, or 64 around an ellipse.

    Parameters
    ----------
    corners : (corners, 2)
        Of an ellipse, its bounding box.
    shape_kind
        One of `SHAPE_KINDS`.

    Raises
    ------
    DataError
        The shape has no area: a line, or fewer than three different corners.
    """
    drawn: NDArray[np.float64] = np.asarray(corners, dtype=np.float64)
    if shape_kind not in SHAPE_KINDS or len(np.unique(drawn, axis=0)) < 3:
        raise DataError(
            f"a {shape_kind} of {len(drawn)} corners has no area. Draw a polygon, a rectangle or an ellipse."
        )
    if shape_kind != "ellipse":
        return drawn
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)[:, None]
    middle, first, second = drawn.mean(0), (drawn[1] - drawn[0]) / 2, (drawn[3] - drawn[0]) / 2
    out: NDArray[np.float64] = middle + np.cos(angle) * first + np.sin(angle) * second
    return out


def points_in_polygon(corners: NDArray[np.floating[Any]], xy: NDArray[np.floating[Any]]) -> Mask:
    """Return which positions lie in a polygon: (cells,) bool.

    Parameters
    ----------
    corners : (corners, 2)
    xy : (cells, 2 or 3)
        In the unit of the corners; the first two coordinates are used.
    """
    import shapely

    xy = np.asarray(xy, dtype=np.float64)[:, :2]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    near = np.flatnonzero((xy >= low).all(1) & (xy <= high).all(1))
    shape = Region("", np.asarray(corners, dtype=np.float64)).polygon
    shapely.prepare(shape)
    out = np.zeros(len(xy), dtype=bool)
    out[near[shapely.contains_xy(shape, xy[near])]] = True
    return out


def region_sizes(regions: Sequence[Region], masks: Sequence[Mask]) -> pd.DataFrame:
    """Tabulate each region: cells, area in square micrometres, cells per square millimetre."""
    area = np.array([r.area for r in regions], dtype=np.float64)
    cells = np.array([int(m.sum()) for m in masks], dtype=np.int64)
    density = np.divide(1e6 * cells, area, out=np.full(len(area), np.nan), where=area > 0)
    return pd.DataFrame(
        {"cells": cells, "area_um2": area, "cells_per_mm2": density},
        index=pd.Index([r.name for r in regions], name="region"),
    )


def category_counts(
    names: Sequence[str], masks: Sequence[Mask], codes: NDArray[np.integer[Any]], categories: Sequence[str]
) -> pd.DataFrame:
    """Count the cells of each category: (groups, categories).

    Parameters
    ----------
    codes : (cells,)
        Category of each cell, negative where it has none.
    """
    rows = [np.bincount(codes[mask & (codes >= 0)], minlength=len(categories)) for mask in masks]
    return pd.DataFrame(
        np.array(rows).reshape(len(rows), len(categories)),
        index=pd.Index(list(names), name="region"),
        columns=list(categories),
    )


def row_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Divide each row of counts by its sum; NaN for a group without cells."""
    return table.div(table.sum(axis=1).replace(0, np.nan), axis=0)


def expression_summary(
    names: Sequence[str],
    masks: Sequence[Mask],
    genes: Mapping[tuple[str, str], NDArray[np.floating[Any]]],
    units: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Tabulate each gene in each group: mean, standard deviation and share of cells above 0.

    Parameters
    ----------
    genes
        Values (cells,) by (gene, kind); kind is "measured", "imputed", "held-out" or "generated".
    units
        Of the values by gene, where they are not log-normalised.

    Returns
    -------
    DataFrame: gene, kind, imputed, region, cells, mean, sd, share_above_0, unit
    """
    rows = []
    for (gene, kind), values in genes.items():
        for name, mask in zip(names, masks, strict=True):
            v = values[mask]
            has_cells = len(v) > 0
            rows.append(
                (
                    gene,
                    kind,
                    kind != "measured",
                    name,
                    len(v),
                    float(v.mean()) if has_cells else np.nan,
                    float(v.std()) if has_cells else np.nan,
                    float((v > 0).mean()) if has_cells else np.nan,
                    (units or {}).get(gene, "log-normalised"),
                )
            )
    return pd.DataFrame(
        rows, columns=["gene", "kind", "imputed", "region", "cells", "mean", "sd", "share_above_0", "unit"]
    )


def region_labels(regions: Sequence[Region], masks: Sequence[Mask], n_cells: int) -> Any:
    """Return the region of each cell as a pandas Categorical (cells,); "outside" where there is none.

    Where regions overlap, the one drawn last.
    """
    codes = np.full(n_cells, len(regions), dtype=np.int64)
    for i, mask in enumerate(masks):
        codes[mask] = i
    return pd.Categorical.from_codes(codes, categories=pd.Index([*(r.name for r in regions), OUTSIDE]))


def welch_test(a: Mask, b: Mask, values: Any, genes: Sequence[str], kinds: Sequence[str]) -> pd.DataFrame:
    """Compare group A with group B, gene by gene: Welch's t-test over cells, adjusted by Benjamini and Hochberg.

    Cells of one tissue are not independent, and imputed values are smoother than measured ones: the p-values rank genes
    and do not prove a difference.

    Parameters
    ----------
    a, b : (cells,) bool
    values : (cells, genes) array or sparse matrix
        Log-normalised.
    kinds : (genes,)
        "measured", "imputed" or "held-out".

    Returns
    -------
    DataFrame: gene, kind, imputed, mean_a, mean_b, difference, p, p_adjusted; smallest p first

    Raises
    ------
    DataError
        A group of fewer than two cells.
    """
    from scipy import stats

    for name, mask in (("A", a), ("B", b)):
        if mask.sum() < 2:
            raise DataError(
                f"group {name} has {int(mask.sum())} cells; a comparison needs at least 2 in each. Choose another "
                "group."
            )
    (mean_a, var_a, n_a), (mean_b, var_b, n_b) = _mean_and_variance(values, a), _mean_and_variance(values, b)
    is_constant = (var_a == 0) & (var_b == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.ttest_ind_from_stats(mean_a, np.sqrt(var_a), n_a, mean_b, np.sqrt(var_b), n_b, equal_var=False).pvalue
    p = np.where(is_constant, np.where(mean_a == mean_b, 1.0, 0.0), p)
    table = pd.DataFrame({"gene": list(genes), "kind": list(kinds), "imputed": [k != "measured" for k in kinds]})
    table = table.assign(
        mean_a=mean_a,
        mean_b=mean_b,
        difference=mean_a - mean_b,
        p=p,
        p_adjusted=stats.false_discovery_control(p) if len(p) else p,
    )
    return table.sort_values("p", kind="stable", ignore_index=True)


def _mean_and_variance(values: Any, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean and sample variance of each gene over some cells, and their number; a sparse matrix is not densified."""
    import scipy.sparse as sp

    n, weight = int(mask.sum()), mask.astype(np.float64)
    squares = values.multiply(values) if sp.issparse(values) else np.square(values, dtype=np.float64)
    mean = np.asarray(weight @ values, dtype=np.float64).ravel() / n
    variance = (np.asarray(weight @ squares, dtype=np.float64).ravel() - n * mean**2) / (n - 1)
    return mean, np.where(variance > 1e-12 * mean**2, variance, 0.0), n


@dataclass(frozen=True, eq=False)
class RegionSummary:
    """Tables of several regions.

    Attributes
    ----------
    regions
    masks : (cells,) bool each
        Cells of each region.
    sizes, category_counts, expression
        Tables of `region_sizes`, `category_counts` and `expression_summary`.
    """

    regions: tuple[Region, ...]
    masks: tuple[Mask, ...]
    sizes: pd.DataFrame
    category_counts: pd.DataFrame
    expression: pd.DataFrame


def with_unique_names(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Make the names of regions unique and not empty; a region whose name stays is the same object."""
    out: list[Region] = []
    taken: set[str] = set()
    for region in regions:
        name, number = region.name.strip(), 2 if region.name.strip() else 1
        base = re.sub(r" \d+$", "", name) or "region"
        while not name or name in taken:
            name, number = f"{base} {number}", number + 1
        taken.add(name)
        out.append(region if name == region.name else Region(name, region.corners))
    return tuple(out)


def long_table(summary: RegionSummary) -> pd.DataFrame:
    """Return all tables as one, a row a region and quantity: region, fact, of, kind, value, unit."""
    units = {"cells": "cells", "area_um2": "square micrometres", "cells_per_mm2": "cells per square millimetre"}
    rows: list[tuple[Any, ...]] = [
        (r, fact, "", "", value, units[str(fact)])
        for r, line in summary.sizes.iterrows()
        for fact, value in line.items()
    ]
    rows += [
        (r, "cells of type", of, "", value, "cells")
        for r, line in summary.category_counts.iterrows()
        for of, value in line.items()
    ]
    for e in summary.expression.itertuples():
        rows += [
            (e.region, "mean", e.gene, e.kind, e.mean, e.unit),
            (e.region, "share above 0", e.gene, e.kind, e.share_above_0, "share of cells"),
        ]
    return pd.DataFrame(rows, columns=["region", "fact", "of", "kind", "value", "unit"])
