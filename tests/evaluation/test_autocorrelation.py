"""Genes that imputing made smoother over the tissue than genes are."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pytest

from napari_inclust.evaluation.autocorrelation import morans_i, morans_i_inflation, neighbour_weights
from napari_inclust.imputation.fit import fit

RNG = np.random.default_rng(0)
XY = RNG.uniform(0, 100, (400, 2))


def test_moran_is_squidpys():
    graph = neighbour_weights(XY)
    values = np.c_[XY[:, 0] + RNG.normal(0, 20, 400), RNG.normal(size=400), (XY[:, 1] > 50) * 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import squidpy

        adata = ad.AnnData(values, obsp={"spatial_connectivities": graph})
        adata.uns["spatial_neighbors"] = {"connectivities_key": "spatial_connectivities"}
        theirs = squidpy.gr.spatial_autocorr(adata, mode="moran", copy=True, show_progress_bar=False)
    np.testing.assert_allclose(morans_i(values, graph), theirs.loc[["0", "1", "2"], "I"], rtol=1e-4, atol=1e-6)
    assert morans_i(np.ones((400, 1)), graph) == 0


def made_up(n=60):
    """Moran's I of genes imputed and measured, gains near .1; levels. The last gene was not measured and is far smoother than one of its level can have become."""
    rng = np.random.default_rng(1)
    level = rng.normal(0, 1, n)
    measured = 0.2 + 0.05 * level + rng.normal(0, 0.02, n)
    imputed = measured + 0.1 + rng.normal(0, 0.03, n)
    return np.r_[imputed, 0.32, 0.85], measured, np.r_[level, 0.0, 0.0]


def test_a_gene_far_above_the_gains_that_were_seen_is_flagged_and_no_other():
    table = morans_i_inflation(*made_up())
    assert table["moran_flag"].tolist() == [False] * 61 + [True]
    assert table["moran_gain"][61] == pytest.approx(0.65, abs=0.03)
    assert table["moran_measured"].isna().sum() == 2
    assert table["moran_gain"][:60].median() == pytest.approx(0.1, abs=0.02)


def test_a_measured_gene_is_judged_by_its_own_gain():
    imputed, measured, level = made_up()
    imputed[7] += 0.5
    assert morans_i_inflation(imputed, measured, level)["moran_flag"].to_numpy().nonzero()[0].tolist() == [7, 61]


@pytest.mark.parametrize("n", [5, 60])
def test_nothing_is_flagged_where_there_is_nothing_to_compare_with(n):
    even = np.full(n, 0.3)
    table = morans_i_inflation(np.r_[even, 0.9], even, np.zeros(n + 1))
    assert not table["moran_flag"].any()
    assert np.isfinite(table["moran"]).all()


def test_a_run_reports_measured_and_unmeasured_genes(section, reference, config):
    trust = fit(section, reference, config).gene_trust
    assert trust.table["moran"].between(-1, 1).all()
    assert trust.measured_inflation["moran_measured"].notna().all()
    assert trust.measured_inflation["moran_measured"].median() > 0.05  # the types lie in bands
    assert list(trust.output_columns) == ["foreseen", "moran", "moran_flag"]
    assert len(trust.output_columns) == len(trust.measured_inflation) + len(trust.table)
