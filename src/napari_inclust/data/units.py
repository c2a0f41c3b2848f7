"""Whether the unit of a section's places is known, and if not what there is to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .section import Section

CELL_SPACING = (2.0, 40.0)  # micrometres between the centres of neighbouring cells in tissue
_SAMPLE_CELLS = 2000  # cells whose nearest neighbour is sought


def unit_warning(section: Section) -> str:
    """What the user should be asked about the unit; empty when it is known.

    The distance to the nearest cell is no proof, only a hint: cells of a tissue are some micrometres apart.
    """
    if section.unit_known:
        return ""
    if section.in_pixels:
        return f"The places of {section.name} are in pixels of unknown size: distances and the scale bar are in pixels. Give the pixel size (--pixel-size)."
    asked = "Give the pixel size (--pixel-size; 1 if they are micrometres)."
    said = f"{section.name} does not say the unit of its places; they are taken as micrometres"
    median, regular = _nearest_neighbour_distance(section)
    if median == 0 or regular:
        return f"{said}. {asked}"
    low, high = CELL_SPACING
    doubt = (
        f" while cells are {low:g} to {high:g} um apart: they look like {'pixels' if median > high else 'another unit'}"
        if not low <= median <= high
        else ""
    )
    return f"{said}. Neighbouring cells are {median:.3g} apart{doubt or ', which fits'}. {asked}"


def _nearest_neighbour_distance(section: Section) -> tuple[float, bool]:
    """Median distance to the nearest other place, and whether most are equal, as in a grid of spots; 0 when there is none."""
    from scipy.spatial import cKDTree

    some = section.xy[:: max(1, section.n_cells // _SAMPLE_CELLS)]
    distance = cKDTree(section.xy).query(some, k=min(2, section.n_cells))[0].reshape(len(some), -1)[:, -1]
    distance = distance[distance > 0]
    if not len(distance):
        return 0.0, False
    median = float(np.median(distance))
    return median, bool((np.abs(distance / median - 1) < 0.1).mean() > 0.9)
