"""What the numbers are, and the one normalisation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from napari_inclust.data import normalize as val
from napari_inclust.errors import ConfigError, DataError
from napari_inclust.io.readers.dispatch import read_adata


@pytest.fixture
def counts():
    return sp.csr_matrix(np.random.default_rng(0).poisson(1.5, (60, 40)).astype(np.float32))


def test_whole_numbers_are_counts(counts):
    assert val.detect_value_kind(counts) == val.ValueInfo("counts")


def test_log_normalised_counts_are_recognised_also_when_genes_were_dropped_afterwards(counts):
    normalised = val.lognormalise(counts, "counts")
    assert val.detect_value_kind(normalised).kind == "lognorm"
    assert val.detect_value_kind(sp.csr_matrix(normalised[:, :25])).kind == "lognorm"


def test_counts_per_volume_and_intensities_are_linear(counts):
    volume = sp.csr_matrix(counts.multiply(np.random.default_rng(1).uniform(0.3, 9, (60, 1))), dtype=np.float32)
    assert val.detect_value_kind(volume).kind == "linear"
    assert (
        val.detect_value_kind(sp.csr_matrix(np.random.default_rng(2).uniform(0, 1, (60, 40)).astype(np.float32))).kind
        == "linear"
    )


FORMS = {  # of raw counts, totals, volumes and gene lengths
    "per volume": ("linear", lambda x, t, v, g: x / v),
    "per million and length": ("linear", lambda x, t, v, g: x / g / t * 1e5),
    "log1p of those per volume": ("lognorm", lambda x, t, v, g: np.log1p(x / v)),
    "log1p of those per length": ("lognorm", lambda x, t, v, g: np.log1p(x / g / t * 1e5)),
    "log2 per million": ("lognorm", lambda x, t, v, g: np.log2(x / t * 1e6 + 1)),
    "log10 per ten thousand": ("lognorm", lambda x, t, v, g: np.log10(x / t * 1e4 + 1)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name",
    ["merfish_visp", "osmfish_cortex", "starmap_mpfc", "snare_cortex_rna", "scrna_cortex_33genes", "dlpfc_151673"],
)
def test_forms_in_which_real_counts_are_published_are_recognised(shared, name, form):
    kind, make = FORMS[form]
    x = read_adata(shared / "data" / f"{name}.h5ad")[:400].X.toarray().astype(np.float64)
    rng = np.random.default_rng(0)
    made = make(
        x, np.maximum(x.sum(1, keepdims=True), 1), rng.gamma(4, 0.25, (len(x), 1)), rng.gamma(4, 0.5, (1, x.shape[1]))
    )
    assert val.detect_value_kind(sp.csr_matrix(made.astype(np.float32))).kind == kind


def test_published_values_of_real_sections_are_on_a_linear_scale(shared):
    for name in ("merfish_hypothalamus", "insitu_drosophila"):
        assert val.detect_value_kind(val.as_csr(read_adata(shared / "data" / f"{name}.h5ad").X)).kind == "linear"


def test_a_declared_kind_is_taken_but_checked(counts):
    assert val.detect_value_kind(counts, "linear") == val.ValueInfo("linear", declared=True)
    with pytest.raises(DataError, match=r"not whole numbers.*linear"):
        val.detect_value_kind(counts * 0.5, "counts")
    with pytest.raises(DataError, match="reach 100; logarithms"):
        val.detect_value_kind(sp.csr_matrix(np.full((2, 2), 100.0)), "lognorm")
    with pytest.raises(ConfigError, match="expected one of counts, linear, lognorm"):
        val.detect_value_kind(counts, "tpm")


def test_lognormalise_scales_every_cell_to_the_median_total(counts):
    out = np.expm1(val.lognormalise(counts, "counts").toarray())
    assert np.allclose(out.sum(1), np.median(val.library_size(counts)), rtol=1e-5)


def test_cells_without_counts_stay_zero_and_are_not_counted_in_the_median():
    out = val.lognormalise(sp.csr_matrix([[0, 0], [1, 3], [2, 6]], dtype=np.float32), "counts").toarray()
    assert np.allclose(out, np.log1p([[0, 0], [1.5, 4.5], [1.5, 4.5]]))


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-1.0, "negative")])
def test_values_that_cannot_be_expression_are_refused_with_their_number_and_row(bad, word):
    matrix = sp.csr_matrix(np.array([[1.0, 0, 2], [0, 0, 0], [bad, 1, bad]], dtype=np.float32))
    with pytest.raises(DataError, match=rf"X of s holds 2 {word} values \(first in row 2\)"):
        val.check_values(matrix, "X of s")


@pytest.mark.parametrize("n_cells", [10, 100_000])
def test_a_constant_gene_has_spread_zero_at_any_number_of_cells(n_cells):
    constant = sp.csr_matrix(np.full((n_cells, 1), 3.3, dtype=np.float32))
    absent = sp.csr_matrix((n_cells, 1), dtype=np.float32)
    mean, sd = val.column_mean_and_sd(sp.hstack([constant, absent], format="csr"))
    assert mean == pytest.approx([3.3, 0])
    assert list(sd) == [0, 0]


def test_moments_are_those_of_the_dense_matrix():
    dense = np.random.default_rng(0).poisson(0.7, (500, 6)).astype(np.float32)
    mean, sd = val.column_mean_and_sd(sp.csr_matrix(dense))
    assert mean == pytest.approx(dense.mean(0, dtype=np.float64))
    assert sd == pytest.approx(dense.std(0, dtype=np.float64))
