"""Bad input gives one clear error: what, where, what to do. No traceback, nothing left behind."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import read_section


@pytest.fixture
def refused(inclust, pair, tmp_path):
    """Run `inclust impute` on the small pair, check that it is refused cleanly, and give what it said."""

    def run(*words, code=3):
        result = inclust(
            "impute", pair[0], pair[1], "-o", tmp_path / "out.h5ad", "--config", pair[2], "--genes", "Gad1", *words
        )
        assert result.exit_code == code, result.stderr
        last = result.stderr.splitlines()[-1]
        assert last.startswith("error: ")
        assert "Traceback" not in result.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == ["reference.h5ad", "spatial.h5ad", "tiny.toml"]
        return last

    return run


@pytest.fixture
def changed(pair):
    """Change the spatial file (or the reference) of the pair in place."""

    def change(how, which=0):
        adata = ad.read_h5ad(pair[which])
        result = how(adata)
        adata = adata if result is None else result
        adata.write_h5ad(pair[which])

    return change


def test_a_missing_file_is_named(inclust, pair, tmp_path):
    result = inclust("impute", tmp_path / "nowhere.h5ad", pair[1], "-o", tmp_path / "o.h5ad")
    assert result.exit_code == 3
    assert "no file" in result.stderr
    assert "nowhere.h5ad" in result.stderr


@pytest.mark.parametrize("content", [b"", b"cell,gene\n1,2\n", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_not_anndata_is_refused(refused, pair, content):
    pair[0].write_bytes(content)
    assert "cannot be read as AnnData" in refused()


def test_an_hdf5_file_that_is_not_anndata_is_refused(refused, pair):
    import h5py

    with h5py.File(pair[0], "w") as file:
        file["numbers"] = np.arange(3)
    refused()


@pytest.mark.parametrize("fraction", np.linspace(0.02, 0.999, 25))
def test_a_file_truncated_anywhere_is_refused(pair, tmp_path, fraction):
    whole = pair[0].read_bytes()
    short = tmp_path / "short.h5ad"
    short.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(DataError, match="cannot be read as AnnData"):
        read_section(short)


@pytest.mark.parametrize(("cells", "genes"), [(0, 138), (200, 0), (0, 0)])
def test_an_empty_set_is_refused(refused, changed, cells, genes):
    changed(lambda a: a[:cells, :genes].copy())
    assert "is empty" in refused()


def test_missing_places_are_refused(refused, changed):
    def drop(adata):
        del adata.obsm["spatial"]

    changed(drop)
    assert "obsm['spatial'] is missing" in refused()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_places_that_are_no_numbers_are_counted(refused, changed, value):
    def spoil(adata):
        adata.obsm["spatial"][[3, 5], 0] = value

    changed(spoil)
    assert "2 of 200 cells" in refused()


def test_three_dimensional_places_need_a_plane_where_positions_matter(pair, changed):
    def deepen(adata):
        adata.obsm["spatial"] = np.c_[adata.obsm["spatial"], np.arange(adata.n_obs)]

    changed(deepen)
    with pytest.raises(DataError, match="--plane"):
        read_section(pair[0])
    np.testing.assert_array_equal(read_section(pair[0], plane="xz").xy[:, 1], np.arange(200))


@pytest.mark.parametrize(("value", "word"), [(-1.0, "negative"), (np.nan, "NaN"), (np.inf, "infinite")])
@pytest.mark.parametrize("which", [0, 1])
def test_values_that_cannot_be_expression_are_refused_with_their_row(refused, changed, value, word, which):
    def spoil(adata):
        x = adata.X.toarray()
        x[7, 2] = value
        adata.X = sp.csr_matrix(x)

    changed(spoil, which)
    said = refused()
    assert f"1 {word} value" in said
    assert "row 7" in said


@pytest.mark.parametrize("kept", [0, 9])
def test_too_few_shared_genes_are_refused_with_examples_of_both_sides(refused, changed, small_pair, kept):
    shared = [g for g in small_pair[0].var_names if g in set(small_pair[1].var_names)]

    def rename(adata):
        adata.var_names = [g if g in shared[:kept] else f"other{i}" for i, g in enumerate(adata.var_names)]

    changed(rename)
    said = refused()
    assert f"share {kept} gene" in said
    assert "The section has names like" in said


@pytest.mark.parametrize("axis", ["var_names", "obs_names"])
def test_duplicate_names_are_refused_and_listed(refused, changed, axis):
    def double(adata):
        names = list(getattr(adata, axis))
        setattr(adata, axis, [names[1], *names[1:]])

    changed(double)
    assert "has duplicate" in refused()


def test_all_zero_cells_and_genes_are_kept_and_never_nan(inclust, pair, changed, tmp_path):
    def empty(adata):
        x = adata.X.toarray()
        x[:3] = 0
        x[:, [adata.var_names.get_loc("Gad1"), 5]] = 0
        adata.X = sp.csr_matrix(x)

    changed(empty)
    result = inclust("impute", pair[0], pair[1], "-o", tmp_path / "o.h5ad", "--config", pair[2], "--genes", "all")
    assert result.exit_code == 0, result.stderr
    out = ad.read_h5ad(tmp_path / "o.h5ad")
    assert out.n_obs == 200
    assert np.isfinite(out.X).all()
    assert np.isfinite(out.layers["spread"]).all()
    assert "3 cells" in inclust("info", pair[0]).stdout


@pytest.mark.parametrize("which", [0, 1])
def test_values_that_are_zero_in_every_shared_gene_are_refused(refused, changed, which):
    def nothing(adata):
        adata.X = adata.X * 0

    changed(nothing, which)
    assert f"{('spatial', 'reference')[which]} holds only zeros in the 112 shared genes" in refused()


def test_section_and_reference_swapped_are_refused_with_their_order(inclust, pair, tmp_path):
    result = inclust("impute", pair[1], pair[0], "-o", tmp_path / "o.h5ad")
    assert result.exit_code == 3
    assert "the section comes first, the reference second" in result.stderr


def test_labels_of_one_class_are_refused(refused, changed):
    def same(adata):
        adata.obs["cell_type"] = "Neuron"

    changed(same, 1)
    assert "1 class" in refused("--labels", "cell_type")


def test_a_column_with_a_class_a_cell_is_no_column_of_types(refused, changed):
    def named(adata):
        adata.obs["barcode"] = adata.obs_names.to_numpy()

    changed(named, 1)
    assert "140 classes for 140 cells: no cell types" in refused("--labels", "barcode")


def test_labels_that_do_not_exist_are_refused_with_those_that_do(refused):
    said = refused("--labels", "celltype")
    assert "'celltype'" in said
    assert "cell_type" in said


def test_labels_with_missing_values_are_used_where_they_are_known(inclust, pair, changed, tmp_path):
    def forget(adata):
        types = adata.obs["cell_type"].astype(object)
        types.iloc[::3] = None
        adata.obs["cell_type"] = pd.Categorical(types)

    changed(forget, 1)
    result = inclust(
        "impute",
        pair[0],
        pair[1],
        "-o",
        tmp_path / "o.h5ad",
        "--config",
        pair[2],
        "--genes",
        "Gad1",
        "--labels",
        "cell_type",
    )
    assert result.exit_code == 0, result.stderr
    assert np.isfinite(ad.read_h5ad(tmp_path / "o.h5ad").X).all()


def test_values_declared_as_what_they_are_not_are_refused(refused):
    assert "not whole numbers" in refused("--values", "counts")


@pytest.mark.parametrize(
    ("option", "word"), [("--plane", "xq"), ("--values", "count"), ("--reference-values", "count")]
)
def test_an_option_with_an_unknown_word_is_refused_as_one(refused, option, word):
    assert f"'{word}'" in refused(option, word, code=2)


@pytest.mark.parametrize("text", ["epochs = ", "epoch = 3", 'epochs = "many"'])
def test_a_settings_file_with_mistakes_is_refused(inclust, pair, text, tmp_path):
    pair[2].write_text(text)
    result = inclust("impute", pair[0], pair[1], "-o", tmp_path / "o.h5ad", "--config", pair[2])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")


@pytest.fixture
def saved(inclust, pair, tmp_path):
    path = tmp_path / "a.inclust"
    assert (
        inclust(
            "impute",
            pair[0],
            pair[1],
            "-o",
            tmp_path / "o.h5ad",
            "--config",
            pair[2],
            "--genes",
            "Gad1",
            "--save-run",
            path,
        ).exit_code
        == 0
    )
    return path


def _impute_from(inclust, pair, saved, tmp_path):
    return inclust("impute", pair[0], pair[1], "-o", tmp_path / "again.h5ad", "--genes", "Gad1", "--run", saved)


def test_a_saved_run_of_other_data_is_refused(inclust, pair, saved, changed, tmp_path):
    changed(lambda a: a[:, list(a.var_names[:100])].copy())
    result = _impute_from(inclust, pair, saved, tmp_path)
    assert result.exit_code == 4
    assert "another section" in result.stderr


def test_a_saved_run_of_another_version_is_refused(inclust, pair, saved, tmp_path):
    import json
    import zipfile

    with zipfile.ZipFile(saved) as z:
        parts = {name: z.read(name) for name in z.namelist()}
    about = json.loads(parts["run.json"]) | {"format": 99}
    with zipfile.ZipFile(saved, "w") as z:
        for name, content in parts.items():
            z.writestr(name, json.dumps(about) if name == "run.json" else content)
    result = _impute_from(inclust, pair, saved, tmp_path)
    assert result.exit_code == 4
    assert "format 99" in result.stderr


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.7, 0.99])
def test_a_saved_run_that_is_truncated_is_refused(inclust, pair, saved, tmp_path, fraction):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * fraction)])
    assert _impute_from(inclust, pair, saved, tmp_path).exit_code == 4


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_refused(inclust, pair, tmp_path, content):
    (tmp_path / "state").write_bytes(content)
    result = inclust(
        "impute",
        pair[0],
        pair[1],
        "-o",
        tmp_path / "o.h5ad",
        "--config",
        pair[2],
        "--resume",
        tmp_path / "state",
        "--genes",
        "Gad1",
    )
    assert result.exit_code == 4
    assert "damaged" in result.stderr
    assert (tmp_path / "state").read_bytes() == content


def test_too_few_genes_for_the_folds_make_fewer_folds_and_say_how_many_are_needed(
    inclust, pair, changed, small_pair, tmp_path
):
    shared = [g for g in small_pair[0].var_names if g in set(small_pair[1].var_names)]
    changed(lambda a: a[:, shared[:14]].copy())
    said = inclust("score", pair[0], pair[1], "-o", tmp_path / "s.csv", "--config", pair[2], "--folds", "9")
    assert said.exit_code == 0, said.stderr
    assert "14 shared genes are too few for 9 folds, which need 18: 7 folds are used instead." in said.stderr
    assert np.isfinite(pd.read_csv(tmp_path / "s.csv")["pcc"]).all()


def test_python_warns_of_fewer_folds_and_keeps_it_with_the_run(small_pair):
    from napari_inclust import Config, fit
    from napari_inclust.data.section import Reference, Section
    from napari_inclust.errors import InclustWarning

    shared = [g for g in small_pair[0].var_names if g in set(small_pair[1].var_names)][:12]
    tiny = Config.preset("fast", members=8, epochs=1, steps=2, hidden=(8,), decoder_hidden=(8,), latent=4)
    with pytest.warns(InclustWarning, match="too few for 8 folds, which need 16: 6 folds"):
        run = fit(Section.from_adata(small_pair[0][:, shared].copy()), Reference.from_adata(small_pair[1].copy()), tiny)
    assert any("6 folds are used" in note for note in run.panel.notes)
    assert run.plan.n_members == 7  # and one that sees all


@pytest.mark.parametrize("which", [0, 1])
def test_a_gene_that_never_varies_is_named_and_gives_no_nan(inclust, pair, changed, small_pair, tmp_path, which):
    gene = next(g for g in small_pair[0].var_names if g in set(small_pair[1].var_names))

    def flatten(adata):
        x = adata.X.toarray()
        x[:, adata.var_names.get_loc(gene)] = 1
        adata.X = sp.csr_matrix(x)

    changed(flatten, which)
    told = inclust("check", pair[0], pair[1])
    assert f"in the {('section', 'reference')[which]} ({gene}" in told.stdout.split("constant genes: ")[1]
    assert inclust("score", pair[0], pair[1], "-o", tmp_path / "s.csv", "--config", pair[2]).exit_code == 0
    scores = pd.read_csv(tmp_path / "s.csv", index_col="gene")
    assert np.isfinite(scores["pcc"]).all()


@pytest.mark.parametrize(("cells", "said"), [(15, "15 cells"), (1, "1 cell")])
def test_a_section_too_small_to_train_is_refused(inclust, pair, changed, tmp_path, cells, said):
    changed(lambda a: a[:cells].copy())
    for words in (
        ("score", pair[0], pair[1], "-o", tmp_path / "s.csv", "--config", pair[2]),
        ("check", pair[0], pair[1]),
    ):
        refused = inclust(*words)
        assert refused.exit_code == 3
        assert f"{said}; at least 20 are needed" in refused.stderr


def test_a_small_section_is_calibrated_on_all_its_genes(inclust, pair, changed, tmp_path):
    from napari_inclust import load_run

    changed(lambda a: a[:21, :80].copy())
    kept = tmp_path / "r.inclust"
    assert (
        inclust("score", pair[0], pair[1], "-o", tmp_path / "s.csv", "--config", pair[2], "--save-run", kept).exit_code
        == 0
    )
    calibration = load_run(kept).calibration
    assert "9 of 9 strata hold fewer than 200 values" in calibration.small_strata_note
    assert (np.ptp(calibration.lower_quantiles, axis=0) == 0).all()  # the same for every group of genes
    assert calibration.coverage["coverage"][0] == pytest.approx(0.9, abs=0.1)


@pytest.mark.parametrize("option", ["--save-run", "--resume"])
def test_a_run_or_a_checkpoint_never_takes_the_place_of_data(refused, pair, option):
    before = pair[0].read_bytes()
    assert "spatial.h5ad holds data (AnnData), which would be replaced" in refused(option, pair[0], code=5)
    assert pair[0].read_bytes() == before


@pytest.mark.parametrize("option", ["--save-run", "--resume"])
def test_a_run_or_a_checkpoint_in_a_folder_that_is_missing_is_refused_before_training(refused, tmp_path, option):
    assert "does not exist. Make it first." in refused(option, tmp_path / "none" / "run.inclust", code=5)
    assert "is a folder" in refused(option, tmp_path, code=5)
