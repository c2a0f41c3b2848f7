"""The test of group A against group B: Welch's for measured genes, the calibrated one for imputed genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
MEASURED = "Measured genes: Welch's t-test over cells, which are not independent in one tissue: use p to rank genes, not as proof."
IMPUTED = "Imputed genes (italics): p counts the error of imputing; Plain p takes imputed values for measured ones: do not report it. Judged by"


def compared(session: Any, a: Mask, b: Mask, imputed: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """All measured genes and some imputed ones, group A against B; and what the test is."""
    import pandas as pd

    from ..core.regions import welch

    section = session.section
    measured = welch(a, b, session.measured(), section.genes, ["measured"] * len(section.genes))
    if not imputed:
        return measured, MEASURED
    found = session.run.compare(a, b, imputed)
    both = pd.concat([measured, found.table.drop(columns=["measured_difference", "p_measured"])], ignore_index=True)
    return both.sort_values("p", kind="stable", ignore_index=True), f"{MEASURED} {IMPUTED} what was {found.line}."
