"""Whether imputing made a gene smoother over the tissue than it is: Moran's I of imputed values beside that of measured ones.

Imputing smooths: a value is made from many cells. How much Moran's I gains by it is seen on the measured genes. A gene that was not measured is compared with what a
measured gene of its level would have; it is flagged where it lies far above the gains that were seen. All of it is approximate: of one member's prediction (before
its refinement) at a sample of the cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..spatial.neighbors import spatial_graph
from .metrics import zscore

Values = NDArray[np.floating[Any]]
FLAG_Z = 3.0  # robust standard deviations above the median gain at which a gene is flagged
MIN_MEASURED_GENES = 10  # measured genes below which nothing is flagged


def neighbour_weights(xy: Values) -> sp.csr_matrix:
    """(cells, cells) weights of the six nearest cells of each, rows summing to 1."""
    graph = spatial_graph(xy, np.zeros(len(xy), dtype=np.intp))
    out: sp.csr_matrix = sp.diags(1 / np.maximum(np.asarray(graph.sum(1)).ravel(), 1)) @ graph
    return out.tocsr()


def morans_i(values: Values, graph: sp.csr_matrix) -> NDArray[np.float64]:
    """(genes,) Moran's I of values (cells, genes), as `squidpy.gr.spatial_autocorr` gives it; 0 for a constant gene."""
    z = zscore(values)
    out: NDArray[np.float64] = (z * (graph @ z)).sum(0).astype(np.float64) / max(float(graph.sum()), 1e-12)
    return out


def morans_i_inflation(imputed_morans_i: Values, measured_morans_i: Values, log_mean: Values) -> pd.DataFrame:
    """Gain of Moran's I and whether it is too large, one row a gene: measured ones first, then those that were not measured.

    Parameters
    ----------
    imputed, level : (genes,)
        Moran's I of the imputed values (of a measured gene: as predicted while hidden); log mean foreseen for the section.
    measured : (measured genes,)
        Moran's I of the measured values.

    Returns
    -------
    DataFrame: moran (of the imputed values), moran_measured (NaN where it was not), moran_gain (over the measured one, else over what a measured gene of its level
    has), moran_z (robust standard deviations above the median gain of the measured genes), moran_flag
    """
    n = len(measured_morans_i)
    slope, start = (
        np.polyfit(log_mean[:n], measured_morans_i, 1)
        if n >= MIN_MEASURED_GENES and np.ptp(log_mean[:n]) > 1e-9
        else (0.0, float(np.mean(measured_morans_i)))
    )
    expected = np.concatenate(
        [measured_morans_i, start + slope * np.clip(log_mean[n:], log_mean[:n].min(), log_mean[:n].max())]
    )
    gain = imputed_morans_i - expected
    middle = float(np.median(gain[:n]))
    width = 1.4826 * float(np.median(np.abs(gain[:n] - middle)))
    z = (gain - middle) / width if width > 1e-9 and n >= MIN_MEASURED_GENES else np.full(len(gain), np.nan)
    known = np.concatenate([measured_morans_i, np.full(len(imputed_morans_i) - n, np.nan)])
    return pd.DataFrame(
        {"moran": imputed_morans_i, "moran_measured": known, "moran_gain": gain, "moran_z": z, "moran_flag": z > FLAG_Z}
    )
