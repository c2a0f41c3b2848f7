"""What is known of one cell, as lines of a card. No widgets here."""

from __future__ import annotations

from typing import Any

import numpy as np

Line = tuple[str, str]


def card(row: int, session: Any, painter: Any, judging: Any, finding: Any, regions: list[str], probabilities: Any = None) -> list[Line]:
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
    section, seg = session.section, finding.segmentation
    x, y = section.xy[row][:2]
    lines = [("Cell", str(section.adata.obs_names[row])), ("Place", f"x {x:,.1f}, y {y:,.1f} {'pixels' if painter.unit == 'pixel' else 'µm'}")]
    if session.types is not None:
        lines.append((session.types.name, session.types.text(row)))
    if probabilities is not None:
        best = probabilities.sort_values(ascending=False)
        second = f"; next {best.index[1]}, {best.iloc[1]:.2f}" if len(best) > 1 and best.iloc[1] >= 0.01 else ""
        lines.append(("Predicted type", f"{best.index[0]}, probability {best.iloc[0]:.2f}{second}"))
    if seg is not None:
        lines.append(("Domain", f"{seg.names[seg.labels[row]]} (confidence {seg.confidence[row]:.2f})"))
    if regions:
        lines.append(("Region", ", ".join(regions)))
    lines += [(painted.name, painted.text(row).removeprefix(painted.name).strip()) for painted in painter.read]
    about = judging.about
    if about is not None and about.measured is not None and all(p.kind != "measured" for p in painter.read if p.name == about.imputed.name):
        lines.append((about.imputed.name, f"{about.measured[row]:.2f} log-normalised, measured"))
    if judging.cells is not None and np.isfinite(judging.cells[row]):
        lines.append(("Trust", f"{judging.cells[row]:.2f} (0: of no kind that the reference has, 1: of one that it has)"))
    return lines
