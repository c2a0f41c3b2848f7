"""The test of group A against group B: Welch's for measured genes, the calibrated one for imputed genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

CellMask = NDArray[np.bool_]
MEASURED_TEST_NOTE = (
    "Measured genes: Welch's t-test over cells, which are not independent in one tissue: "
    "use p to rank genes, not as proof."
)
IMPUTED_TEST_NOTE = (
    "Imputed genes (italics): p counts the error of imputing; Plain p takes imputed values for measured ones: "
    "do not report it. Judged by"
)
UNTESTED_NOTE = (
    "{}: means only, no p. How far the means of groups err is known neither for generated features "
    "nor for predictions of the file."
)


def compare_groups(
    session: Any, in_a: CellMask, in_b: CellMask, imputed: Sequence[str], means_only: Sequence[str] = ()
) -> tuple[pd.DataFrame, str]:
    """Test all measured and some imputed genes, group A against B, and describe the test; `means_only` is untested."""
    import pandas as pd

    from ...spatial.regions import welch_test

    section = session.section
    tables, notes = [], []
    if section.genes:
        tables.append(
            welch_test(in_a, in_b, session.measured_matrix(), section.genes, ["measured"] * len(section.genes))
        )
        notes.append(MEASURED_TEST_NOTE)
    if imputed:
        found = session.run.compare(in_a, in_b, imputed)
        tables.append(found.table.drop(columns=["measured_difference", "p_measured"]))
        notes.append(f"{IMPUTED_TEST_NOTE} what was {found.summary}.")
    if means_only:
        tables.append(pd.DataFrame([_untested_row(session, in_a, in_b, feature) for feature in means_only]))
        notes.append(UNTESTED_NOTE.format(", ".join(means_only[:3]) + (" …" if len(means_only) > 3 else "")))
    both = pd.concat(tables, ignore_index=True)
    return both.sort_values("p", kind="stable", ignore_index=True), " ".join(notes)


def _untested_row(session: Any, a: CellMask, b: CellMask, feature: str) -> dict[str, Any]:
    """Return a row without a test."""
    found = session.values_of(feature, imputed=True)
    mean_a, mean_b = float(found.values[a].mean()), float(found.values[b].mean())
    row = {
        "gene": feature,
        "kind": found.kind,
        "imputed": True,
        "mean_a": mean_a,
        "mean_b": mean_b,
        "difference": mean_a - mean_b,
    }
    return row | {"p": np.nan, "p_adjusted": np.nan}
