"""Features that data sets name differently."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_inclust.data.dataset import Dataset
from napari_inclust.data.feature_names import harmonise_feature_names
from napari_inclust.training.build_plan import build_plan


def named(names, data="one", **var):
    adata = ad.AnnData(
        np.random.default_rng(0).poisson(3, (40, len(names))).astype(np.float32),
        var=pd.DataFrame(var, index=list(names)),
    )
    adata.obs_names = [f"{data}{i}" for i in range(40)]
    return Dataset.from_adata(adata, name=data)


IDS = [f"ENSMUSG0000000000{i}" for i in range(8)]
SYMBOLS = [f"Gene{i}" for i in range(8)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (named(IDS, gene_symbol=SYMBOLS), named(SYMBOLS, "two"), SYMBOLS),
        (named(IDS), named(SYMBOLS, "two", gene_ids=[f"{i}.3" for i in IDS]), IDS),
        (named([f"{i}.1" for i in IDS]), named([f"{i}.2" for i in IDS], "two"), IDS),
        (named(SYMBOLS), named([s.upper() for s in SYMBOLS], "two"), SYMBOLS),
        (named(SYMBOLS), named([f"{s}_TotalSeqB" for s in SYMBOLS], "two"), SYMBOLS),
    ],
)
def test_names_of_one_feature_are_made_equal(first, second, expected):
    plan = build_plan("integrate", [first, second])
    assert sorted(plan.features) == expected
    assert plan.presentations[0].input_mask.all()


def test_a_note_names_features_matched_by_a_similar_name():
    names, notes = harmonise_feature_names(
        {"one": named(SYMBOLS), "two": named([s.upper() for s in SYMBOLS[:2]] + SYMBOLS[2:], "two")}, "rna"
    )
    assert names["two"] == tuple(SYMBOLS)
    assert notes == ["two: 2 features of rna matched by a similar name (GENE0 = Gene0, GENE1 = Gene1)."]


def test_notes_on_translations_come_in_the_order_of_the_data_sets():
    sets = {name: named(IDS, name, gene_symbol=SYMBOLS) for name in ("c", "a", "d", "b")} | {"e": named(SYMBOLS, "e")}
    assert [note[-2] for note in harmonise_feature_names(sets, "rna")[1]] == ["c", "a", "d", "b"]


def test_two_features_of_one_data_set_never_get_one_name():
    names, notes = harmonise_feature_names(
        {"one": named(["Abc", "x"]), "two": named(["ABC", "abc", "x"], "two")}, "rna"
    )
    assert names["two"] == ("ABC", "abc", "x")
    assert notes == []


def test_ids_and_symbols_that_no_column_translates_share_no_feature():
    from napari_inclust.errors import DataError

    with pytest.raises(DataError, match="share 0 features of rna"):
        build_plan("integrate", [named(IDS), named(SYMBOLS, "two")])


def test_proteins_of_two_real_panels_match(shared):
    sets = {
        name: Dataset.from_adata(ad.read_h5ad(shared / "data" / f"{file}.h5ad"), name=name)
        for name, file in (("teaseq", "teaseq_pbmc_rna_adt"), ("citeseq", "citeseq_pbmc_10x"))
    }
    names, _ = harmonise_feature_names(sets, "protein")
    assert {"CD3", "CD4", "CD8a", "CD14", "CD19"} <= set(names["teaseq"]) & set(names["citeseq"])
