"""A against B on imputed genes: p-values that count the error of imputing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_inclust.errors import DataError, PanelError
from napari_inclust.imputation.differential_expression import (
    COLUMNS,
    BetweenImputationVariance,
    HeldOutDifferences,
    WelchTest,
    difference_table,
)
from napari_inclust.imputation.fit import fit

CELLS, GENES = 400, 300


def made_up(shared_error: float, seed: int = 0):
    """Genes that do not differ between the groups, imputed with an error that all cells of a group share: imputed, measured (cells, genes), group A."""
    rng = np.random.default_rng(seed)
    in_a = np.arange(CELLS) < 150
    signal = rng.normal(0, 0.5, (CELLS, GENES))
    measured = signal + rng.normal(0, 0.8, (CELLS, GENES))
    imputed = signal + rng.normal(0, shared_error, (2, GENES))[in_a.astype(int)]
    return imputed, measured, in_a


@pytest.mark.parametrize("shared_error", [0.0, 0.3])
def test_genes_that_do_not_differ_are_called_as_often_as_they_should_also_where_the_plain_test_is_wrong(shared_error):
    imputed, measured, in_a = made_up(shared_error)
    learnt = np.arange(GENES) < 150
    hidden = HeldOutDifferences.from_values(imputed, measured, in_a, np.ones(GENES)).subset(learnt)
    table = difference_table(imputed[:, ~learnt], in_a, np.ones(GENES - 150), hidden)
    assert (table["p"] < 0.05).mean() < 0.1
    assert (table["p"] < 0.5).mean() > 0.3  # not by calling everything the same
    assert ((table["p_plain"] < 0.05).mean() > 0.7) == (shared_error > 0)


def test_the_error_is_found_and_differences_far_above_it_are_called():
    imputed, measured, in_a = made_up(0.3)
    hidden = HeldOutDifferences.from_values(imputed, measured, in_a, np.ones(GENES))
    assert np.sqrt(hidden.between_variance.variance) == pytest.approx(0.3 * np.sqrt(2), rel=0.15)
    assert 100 < hidden.between_variance.degrees_of_freedom <= GENES
    assert hidden.between_variance.n_genes == GENES
    assert difference_table(imputed[:, :1] + 3.0 * in_a[:, None], in_a, np.ones(1), hidden)["p"][0] < 1e-4


def test_without_a_shared_error_the_test_is_welchs():
    values = np.random.default_rng(1).normal(0, 1, (60, 4))
    in_a = np.arange(60) < 25
    plain = stats.ttest_ind(values[in_a], values[~in_a], equal_var=False)
    welch = WelchTest.from_values(values, in_a)
    np.testing.assert_allclose(welch.p, plain.pvalue)
    se, p = BetweenImputationVariance(0.0, 50.0, 50).test(welch.difference, np.ones(4), welch.variance, 60)
    np.testing.assert_allclose(se, np.abs(welch.difference / plain.statistic))
    np.testing.assert_allclose(p, 2 * stats.t.sf(np.abs(plain.statistic), 58))


def test_few_genes_that_err_most_leave_few_degrees_of_freedom():
    even, uneven = np.ones(40), np.r_[np.full(38, 0.01), 4.0, 4.0]
    noise = np.zeros(40)
    assert BetweenImputationVariance.estimate(even, noise).degrees_of_freedom == 40
    assert BetweenImputationVariance.estimate(uneven, noise).degrees_of_freedom < 5


def test_constant_genes_are_never_called():
    in_a = np.arange(30) < 10
    hidden = HeldOutDifferences.from_values(np.zeros((30, 12)), np.zeros((30, 12)), in_a, np.ones(12))
    table = difference_table(np.full((30, 2), 1.5), in_a, np.ones(2), hidden)
    assert (table[["p", "p_plain"]] == 1).all(axis=None)
    assert np.isfinite(table).all(axis=None)


def test_direction_is_how_often_differences_as_large_were_confirmed():
    size = np.r_[np.linspace(0.01, 0.1, 25), np.linspace(1, 2, 25)]
    measured = np.where(np.arange(50) < 25, -size, size)  # small ones have the wrong sign
    hidden = HeldOutDifferences(size, measured, np.zeros(50), np.zeros(50))
    np.testing.assert_array_equal(hidden.confirmation_rate(np.array([0.05, -1.5, 9.0])), [0, 1, 1])


@pytest.fixture(scope="module")
def run():
    from napari_inclust.data.section import Reference, Section
    from napari_inclust.training.config import Config

    from ..synthetic import N_EXTRA, N_SHARED, make_adata

    config = Config.preset(
        "fast", members=3, epochs=4, steps=20, batch=64, hidden=(32,), decoder_hidden=(32,), latent=8, threads=1
    )
    section = Section.from_adata(make_adata(300, 1, 1.0, slice(0, N_SHARED)))
    return fit(section, Reference.from_adata(make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA))), config)


def test_a_run_compares_the_genes_that_the_section_lacks(run):
    in_a = (run.section.adata.obs["cell_type"] == "Astro").to_numpy()
    found = run.compare(in_a)
    table = found.table
    assert list(table.columns) == COLUMNS
    assert set(table["gene"]) == set(run.panel.reference_only)
    assert table["imputed"].all()
    assert (table["kind"] == "imputed").all()
    assert table["p_measured"].isna().all()
    assert (table["p_adjusted"] >= table["p"]).all()
    assert table["p"].is_monotonic_increasing
    first = table.iloc[0]
    assert first["gene"] in {"Gene24", "Gene28"}  # the two that astrocytes have
    assert first["difference"] > 0
    values = next(run.chunks(["Gene24"]))[1][:, 0]
    row = table.set_index("gene").loc["Gene24"]
    assert row["mean_a"] == pytest.approx(values[in_a].mean(), rel=1e-4)
    assert row["se"] > np.sqrt(values[in_a].var(ddof=1) / in_a.sum())
    assert (found.n_cells_a, found.n_cells_b) == (in_a.sum(), (~in_a).sum())
    assert "24 measured genes" in found.summary


def test_measured_genes_are_judged_as_hidden_with_the_measured_answer_beside(run):
    in_a = (run.section.adata.obs["cell_type"] == "Astro").to_numpy()
    table = run.compare(in_a, genes=["Gene0", "Gene24"]).table.set_index("gene")
    measured = run.measured("Gene0")
    assert table["kind"].to_dict() == {"Gene0": "held-out", "Gene24": "imputed"}
    assert table.loc["Gene0", "measured_difference"] == pytest.approx(
        measured[in_a].mean() - measured[~in_a].mean(), rel=1e-4
    )
    assert table.loc["Gene0", "p_measured"] < 1e-6
    assert np.isnan(table.loc["Gene24", "p_measured"])


def test_groups_that_cannot_be_compared_are_told(run):
    a = np.zeros(300, dtype=bool)
    with pytest.raises(DataError, match="group A has 0 cells"):
        run.compare(a)
    a[:50] = True
    with pytest.raises(DataError, match="50 cells are in both"):
        run.compare(a, a)
    with pytest.raises(DataError, match="300 True or False"):
        run.compare(a[:20])
    with pytest.raises(DataError, match="300 True or False"):
        run.compare(a.astype(int))
    with pytest.raises(PanelError, match="nothing"):
        run.compare(a, genes=["nothing"])


def test_the_command_writes_the_table_and_names_groups_that_are_not_there(inclust, pair, tmp_path):
    kept = tmp_path / "kept.inclust"
    trained = inclust(
        "score",
        pair[0],
        pair[1],
        "-o",
        tmp_path / "s.csv",
        "--config",
        pair[2],
        "--labels",
        "cell_type",
        "--save-run",
        kept,
        "--quiet",
    )
    assert trained.exit_code == 0, trained.stderr
    out = tmp_path / "ab.csv"
    said = inclust("compare", kept, "--by", "cell_class", "--a", "Inhibitory", "-o", out)
    assert said.exit_code == 0, said.stderr
    table = pd.read_csv(out)
    assert {"gene", "imputed", "p", "p_adjusted", "direction", "p_plain", "se"} <= set(table)
    assert table["imputed"].all()
    assert "do not report it" in said.stdout
    again = inclust(
        "compare",
        kept,
        pair[0],
        pair[1],
        "--by",
        "cell_class",
        "--a",
        "Inhibitory",
        "--b",
        "Excitatory",
        "--genes",
        table["gene"][0],
        "-o",
        out,
    )
    assert again.exit_code == 0, again.stderr
    assert len(pd.read_csv(out)) == 1
    assert (
        inclust("compare", kept, "--by", "inclust_type", "--a", "Inhibitory", "-o", out).exit_code == 0
    )  # types as the run predicts them
    for words, said in (
        (("--by", "cell_class", "--a", "Inhibitry"), "Did you mean Inhibitory"),
        (("--by", "nothing", "--a", "x"), "no column 'nothing'"),
    ):
        result = inclust("compare", kept, *words, "-o", out)
        assert result.exit_code in (2, 3)
        assert said in result.stderr
    assert inclust("compare", kept, "--by", "cell_class", "--a", "Inhibitory", "-o", tmp_path / "ab.txt").exit_code == 5
