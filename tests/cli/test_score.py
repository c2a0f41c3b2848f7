"""`inclust score`: the table of held-out scores."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

COLUMNS = [
    "gene",
    "pcc",
    "spearman",
    "ssim",
    "rmse",
    "js",
    "pcc_within_type",
    "pcc_gene_mean",
    "pcc_type_mean",
    "pcc_knn",
]


@pytest.fixture
def score(inclust, pair, tmp_path):
    def run(*words):
        return inclust("score", pair[0], pair[1], "-o", tmp_path / "scores.csv", "--config", pair[2], *words)

    return run


def test_table_has_a_row_for_each_shared_gene_and_predictions_are_those_that_were_scored(score, pair, tmp_path):
    result = score("--folds", 3, "--predictions", tmp_path / "p.h5ad", "--labels", "cell_type", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    table, predicted, given = (
        pd.read_csv(tmp_path / "scores.csv"),
        ad.read_h5ad(tmp_path / "p.h5ad"),
        ad.read_h5ad(pair[0]),
    )
    assert list(table.columns) == COLUMNS
    assert len(table) == 112
    assert table.drop(columns="gene").notna().all().all()
    assert list(predicted.var_names) == list(table["gene"])
    assert list(predicted.obs_names) == list(given.obs_names)
    assert set(predicted.var["kind"]) == {"held-out"}
    assert predicted.uns["inclust"]["config"]["members"] == 3

    truth = given[:, predicted.var_names].X.toarray().astype(float)  # science.md, section 5
    total = truth.sum(1, keepdims=True)
    truth = np.log1p(truth / np.where(total > 0, total, 1) * np.median(total[total > 0]))
    for i, gene in enumerate(predicted.var_names[:20]):
        if truth[:, i].std() and predicted.X[:, i].std():
            assert table.set_index("gene").loc[gene, "pcc"] == pytest.approx(
                np.corrcoef(truth[:, i], predicted.X[:, i])[0, 1], abs=1e-4
            )


def test_the_summary_counts_the_folds_that_were_asked_for(score):
    assert json.loads(score("--folds", 3, "--json").stdout)["folds"] == 3


def test_without_labels_the_columns_that_need_them_stay_empty(score, tmp_path):
    assert score().exit_code == 0
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table.columns) == COLUMNS
    assert table["pcc_type_mean"].isna().all()
    assert table["pcc_knn"].notna().all()


def test_same_seed_gives_the_same_table(score, tmp_path):
    tables = []
    for _ in range(2):
        assert score("--seed", 3).exit_code == 0
        tables.append((tmp_path / "scores.csv").read_bytes())
    assert tables[0] == tables[1]


def test_another_suffix_than_csv_is_refused(inclust, pair, tmp_path):
    result = inclust("score", pair[0], pair[1], "-o", tmp_path / "scores.xlsx")
    assert result.exit_code == 5
    assert ".csv" in result.stderr
