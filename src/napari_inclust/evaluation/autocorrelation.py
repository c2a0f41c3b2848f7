"""Spatial autocorrelation (Moran's I) of imputed values, and its inflation by imputing.

Imputing smooths, since a value is predicted from many cells. The gain of Moran's I by it is measured on the measured
genes. A gene that was not measured is compared with the Moran's I expected of a measured gene of its mean; it is
flagged where its gain lies far above those of the measured genes. The figures are approximate: of the prediction of
one ensemble member, before rescaling, at a sample of the cells.
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
FLAG_Z = 3.0  # robust standard deviations above the median gain from which a gene is flagged
MIN_MEASURED_GENES = 10  # with fewer, nothing is flagged


def neighbour_weights(xy: Values) -> sp.csr_matrix:
    """Return weights (cells, cells) of the six nearest cells of each; rows sum to 1."""
    graph = spatial_graph(xy, np.zeros(len(xy), dtype=np.intp))
    out: sp.csr_matrix = sp.diags(1 / np.maximum(np.asarray(graph.sum(1)).ravel(), 1)) @ graph
    return out.tocsr()


def morans_i(values: Values, graph: sp.csr_matrix) -> NDArray[np.float64]:
    """Compute Moran's I (genes,) of values (cells, genes); 0 for a constant gene.

    The same as `squidpy.gr.spatial_autocorr` gives [tested], without an AnnData and without compiling its kernels.
    """
    z = zscore(values)
    out: NDArray[np.float64] = (z * (graph @ z)).sum(0).astype(np.float64) / max(float(graph.sum()), 1e-12)
    return out


def morans_i_inflation(imputed_morans_i: Values, measured_morans_i: Values, log_mean: Values) -> pd.DataFrame:
    """Compute the gain of Moran's I by imputing, one row a gene: measured genes first, then the others.

    Parameters
    ----------
    imputed_morans_i : (genes,)
        Of the imputed values; of a measured gene, of its held-out prediction.
    measured_morans_i : (measured genes,)
        Of the measured values.
    log_mean : (genes,)
        Log of the mean predicted for the section.

    Returns
    -------
    DataFrame
        moran (of the imputed values), moran_measured (NaN where not measured), moran_gain (over the measured value,
        else over that expected of a measured gene of the same mean), moran_z (robust standard deviations above the
        median gain of the measured genes), moran_flag
    """
    n = len(measured_morans_i)
    slope, intercept = (
        np.polyfit(log_mean[:n], measured_morans_i, 1)
        if n >= MIN_MEASURED_GENES and np.ptp(log_mean[:n]) > 1e-9
        else (0.0, float(np.mean(measured_morans_i)))
    )
    expected = np.concatenate(
        [measured_morans_i, intercept + slope * np.clip(log_mean[n:], log_mean[:n].min(), log_mean[:n].max())]
    )
    gain = imputed_morans_i - expected
    median = float(np.median(gain[:n]))
    sd = 1.4826 * float(np.median(np.abs(gain[:n] - median)))
    z = (gain - median) / sd if sd > 1e-9 and n >= MIN_MEASURED_GENES else np.full(len(gain), np.nan)
    known = np.concatenate([measured_morans_i, np.full(len(imputed_morans_i) - n, np.nan)])
    return pd.DataFrame(
        {"moran": imputed_morans_i, "moran_measured": known, "moran_gain": gain, "moran_z": z, "moran_flag": z > FLAG_Z}
    )
