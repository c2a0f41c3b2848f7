"""The test of group A against group B: the one place to change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
PLAIN = (
    "Welch's t-test over cells. Cells of one tissue are not independent, and imputed values are smoother than measured ones: "
    "use the p-values to rank genes, not as proof."
)


def compared(session: Any, a: Mask, b: Mask, imputed: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """All measured genes and some imputed ones, group A against B; and what the test is."""
    import pandas as pd

    from ..core.regions import welch

    section = session.section
    parts = [welch(a, b, session.measured(), section.genes, ["measured"] * len(section.genes))]
    if imputed:
        values = np.stack([session.values_of(g, imputed=True).values for g in imputed], axis=1)
        parts.append(welch(a, b, values, imputed, ["imputed"] * len(imputed)))
    return pd.concat(parts, ignore_index=True).sort_values("p", kind="stable", ignore_index=True), PLAIN
