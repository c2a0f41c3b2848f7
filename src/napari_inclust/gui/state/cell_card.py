"""Facts about one cell, as lines of a card."""

from __future__ import annotations

from typing import Any

import numpy as np

CardLine = tuple[str, str]


def cell_card_lines(
    cell_index: int,
    session: Any,
    painter: Any,
    reliability_controller: Any,
    domain_controller: Any,
    region_names: list[str],
    type_probabilities: Any = None,
) -> list[CardLine]:
    """Lines (what, value) of one cell.

    Parameters
    ----------
    row
        Of the section.
    regions
        Names of the regions that it lies in.
    probabilities : Series, optional
        Of the predicted types, by name; None: not known (yet).
    """
    section, seg = session.section, domain_controller.segmentation
    x, y = section.xy[cell_index][:2]
    lines = [
        ("Cell", str(section.adata.obs_names[cell_index])),
        ("Place", f"x {x:,.1f}, y {y:,.1f} {'pixels' if painter.unit == 'pixel' else 'µm'}"),
    ]
    if session.cell_categories is not None:
        lines.append((session.cell_categories.name, session.cell_categories.category_text(cell_index)))
    if type_probabilities is not None:
        best = type_probabilities.sort_values(ascending=False)
        second = f"; next {best.index[1]}, {best.iloc[1]:.2f}" if len(best) > 1 and best.iloc[1] >= 0.01 else ""
        lines.append(("Predicted type", f"{best.index[0]}, probability {best.iloc[0]:.2f}{second}"))
    if seg is not None:
        lines.append(("Domain", f"{seg.names[seg.labels[cell_index]]} (confidence {seg.confidence[cell_index]:.2f})"))
    if region_names:
        lines.append(("Region", ", ".join(region_names)))
    lines += [
        (painted.name, painted.value_text(cell_index).removeprefix(painted.name).strip())
        for painted in painter.pointer_values
    ]
    about = reliability_controller.gene_interval
    if (
        about is not None
        and about.measured is not None
        and all(p.kind != "measured" for p in painter.pointer_values if p.name == about.imputed.name)
    ):
        lines.append((about.imputed.name, f"{about.measured[cell_index]:.2f} log-normalised, measured"))
    if reliability_controller.cell_reliability is not None and np.isfinite(
        reliability_controller.cell_reliability[cell_index]
    ):
        reliability = reliability_controller.cell_reliability[cell_index]
        note = "(0: of no kind that the reference has, 1: of one that it has)"
        lines.append(("Trust", f"{reliability:.2f} {note}"))
    return lines
