"""`inclust impute`, as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys

import anndata as ad
import numpy as np
import pytest

from napari_inclust.io.demo import demo_section, hidden_genes


@pytest.fixture
def impute(inclust, pair, tmp_path):
    """`inclust impute` on the small pair with tiny settings; gives the result and OUT."""

    def run(*words, out="out.h5ad"):
        spatial, reference, settings = pair
        result = inclust("impute", spatial, reference, "-o", tmp_path / out, "--config", settings, *words)
        return result, tmp_path / out

    return run


def test_output_holds_the_requested_genes_for_every_cell_with_places_scores_and_provenance(impute, pair):
    wanted = [hidden_genes()[3], hidden_genes()[0]]
    result, path = impute("--genes", ",".join(wanted), "--labels", "cell_type", "--seed", "7", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    out, given = ad.read_h5ad(path), ad.read_h5ad(pair[0])
    assert list(out.var_names) == wanted
    assert list(out.obs_names) == list(given.obs_names)
    np.testing.assert_array_equal(out.obsm["spatial"], given.obsm["spatial"])
    assert out.obs["cell_class"].tolist() == given.obs["cell_class"].tolist()
    assert np.isfinite(out.X).all()
    assert np.isfinite(out.layers["spread"]).all()
    assert (out.layers["spread"] >= 0).all()
    assert out.var["imputed"].all()
    assert out.var["kind"].tolist() == ["imputed", "imputed"]
    np.testing.assert_allclose(out.var["spread"], out.layers["spread"].mean(0), rtol=1e-5)
    origin = out.uns["inclust"]
    assert origin["config"]["seed"] == 7
    assert origin["labels"] == "cell_type"
    assert origin["versions"]["napari-inclust"]
    assert len(origin["data"]["section"]["fingerprint"]) == 64
    assert "device" in origin
    assert origin["command"].startswith("inclust")


def test_without_genes_every_gene_that_only_the_reference_has_is_imputed(impute):
    result, path = impute()
    assert result.exit_code == 0, result.stderr
    assert set(ad.read_h5ad(path).var_names) == set(hidden_genes())


def test_genes_all_adds_held_out_predictions_of_the_shared_genes_and_marks_them(impute):
    result, path = impute("--genes", "all", out="out.zarr")
    assert result.exit_code == 0, result.stderr
    out = ad.read_zarr(path)
    kinds = out.var["kind"].astype(str)
    assert set(out.var_names[kinds == "imputed"]) == set(hidden_genes())
    assert (kinds == "held-out").sum() == 112
    assert out.var["score"][kinds == "held-out"].notna().all()
    assert out.var["score"][kinds == "imputed"].isna().all()


def test_genes_file_may_have_blank_lines_spaces_and_windows_ends(impute, tmp_path):
    (tmp_path / "genes.txt").write_bytes(
        b"\xef\xbb\xbf" + f"{hidden_genes()[1]} \r\n\r\n{hidden_genes()[0]}\r\n".encode()
    )
    result, path = impute("--genes-file", tmp_path / "genes.txt")
    assert result.exit_code == 0, result.stderr
    assert list(ad.read_h5ad(path).var_names) == [hidden_genes()[1], hidden_genes()[0]]


def test_a_measured_gene_gets_its_held_out_prediction_and_says_so(impute):
    result, path = impute("--genes", "gad1")  # spelled as the section spells it
    assert result.exit_code == 0, result.stderr
    var = ad.read_h5ad(path).var
    assert var.loc["Gad1", "kind"] == "held-out"


def test_unknown_genes_are_refused_before_training_with_the_nearest_names(impute):
    result, path = impute("--genes", "Gda1,Nonsense99")
    assert result.exit_code == 3
    assert "Gad1" in result.stderr
    assert "Nonsense99" in result.stderr
    assert "training" not in result.stderr
    assert not path.exists()


def test_a_column_of_batches_that_neither_has_is_refused_before_the_check(impute):
    result, path = impute("--batch", "bacth")
    assert result.exit_code == 3
    assert "'bacth'" in result.stderr
    assert "reference check" not in result.stderr
    assert not path.exists()


def test_a_gene_that_the_reference_lacks_is_refused(impute):
    result, _ = impute("--genes", "Oxt")
    assert result.exit_code == 3
    assert "Oxt is measured, but the reference lacks it" in result.stderr


def test_nothing_to_impute_is_an_error_that_says_what_to_do(inclust, pair, small_pair, tmp_path):
    demo_section(with_hidden=True).adata[:100].copy().write_h5ad(tmp_path / "whole.h5ad")
    result = inclust("impute", tmp_path / "whole.h5ad", pair[1], "-o", tmp_path / "o.h5ad", "--config", pair[2])
    assert result.exit_code == 3
    assert "--genes" in result.stderr


def test_genes_and_genes_file_together_are_refused(impute, tmp_path):
    result, _ = impute("--genes", "Ace2", "--genes-file", tmp_path / "genes.txt")
    assert result.exit_code == 2


@pytest.mark.parametrize("words", [("--genes", " , "), ("--genes-file", "/no/such/list")])
def test_an_empty_or_missing_list_of_genes_is_refused(impute, words):
    assert impute(*words)[0].exit_code == 2


def test_every_stage_is_told_in_its_order(impute):
    result, _ = impute("--genes", hidden_genes()[0])
    stages = [line.split(" 0/")[0] for line in result.stderr.splitlines() if " 0/" in line]
    assert stages[0] == "comparing kinds of cells"
    assert list(dict.fromkeys(stages[1:])) == [
        "finding similar cells",
        "predicting the hidden genes",
        "refining these predictions",
        "predicting them with the baselines",
        "predicting scores",
        "cross-validating scores",
        "scoring the reliability of cells",
        "imputing",
    ]


def test_one_gene_is_counted_as_one(impute):
    result, _ = impute("--genes", hidden_genes()[0])
    assert "median of 1 imputed gene:" in result.stdout or "none can be said" in result.stdout
    assert "1 gene of 200 cells" in result.stdout


def test_json_summary_is_one_object_on_stdout(impute):
    result, path = impute("--genes", hidden_genes()[0], "--json")
    summary = json.loads(result.stdout)
    assert summary["output"] == str(path)
    assert summary["cells"] == 200
    assert summary["genes"] == 1
    assert {"seconds", "device", "epochs", "median_scores", "kinds"} <= set(summary)
    assert {"pcc", "pcc_knn"} <= set(summary["median_scores"])


def test_human_summary_names_the_file_and_the_score_beside_the_baselines(impute):
    result, path = impute("--genes", hidden_genes()[0])
    assert str(path) in result.stdout
    assert "kNN" in result.stdout
    assert "200 cells" in result.stderr
    assert "training 1/2" in result.stderr


def test_same_seed_gives_the_same_values_and_another_seed_others(impute):
    first, again, other = (
        ad.read_h5ad(impute("--genes", hidden_genes()[0], "--seed", s, out=f"{i}.h5ad")[1]).X
        for i, s in enumerate((1, 1, 2))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_existing_result_is_replaced_only_by_a_complete_one(impute, monkeypatch):
    _, path = impute("--genes", hidden_genes()[0])
    before = path.read_bytes()

    def breaks(*_):
        raise RuntimeError("in the middle")

    monkeypatch.setattr("napari_inclust.imputation.run.Run.chunks", breaks)
    with pytest.raises(RuntimeError, match="in the middle"):
        impute("--genes", hidden_genes()[1])
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))
    monkeypatch.undo()
    impute("--genes", hidden_genes()[1])
    assert list(ad.read_h5ad(path).var_names) == [hidden_genes()[1]]


def test_an_existing_zarr_is_replaced(impute):
    for gene in hidden_genes()[:2]:
        result, path = impute("--genes", gene, out="again.zarr")
        assert result.exit_code == 0, result.stderr
    assert list(ad.read_zarr(path).var_names) == [hidden_genes()[1]]


@pytest.mark.parametrize(
    ("out", "says"),
    [("out.txt", "suffix"), ("no/such/folder/out.h5ad", "does not exist"), ("spatial.h5ad", "is also an input")],
)
def test_a_target_that_cannot_be_written_is_refused_before_training(impute, out, says):
    result, _ = impute(out=out)
    assert result.exit_code == 5
    assert says in result.stderr
    assert "cells" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--preset", "slow"),
        ("--members", "1"),
        ("--epochs", "0"),
        ("--device", "tpu"),
        ("--labels", "no_such_column", "--genes", "Gad1"),
    ],
)
def test_wrong_settings_are_one_line_without_a_traceback(impute, words):
    result, _ = impute(*words)
    assert result.exit_code in (2, 3)
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr


def test_three_dimensional_places_are_kept_whole_and_told(inclust, pair, small_pair, tmp_path):
    spatial = small_pair[0].copy()
    spatial.obsm["spatial"] = np.c_[spatial.obsm["spatial"], np.arange(200)]
    spatial.write_h5ad(pair[0])
    result = inclust("impute", pair[0], pair[1], "-o", tmp_path / "o.h5ad", "--config", pair[2], "--genes", "Gad1")
    assert result.exit_code == 0, result.stderr
    assert "three-dimensional" in result.stderr
    np.testing.assert_array_equal(ad.read_h5ad(tmp_path / "o.h5ad").obsm["spatial"], spatial.obsm["spatial"])


def test_training_that_was_stopped_goes_on_from_its_checkpoint(impute, monkeypatch, tmp_path):
    from napari_inclust.training.trainer import Trainer

    whole, path = impute("--genes", "Gad1", "--resume", tmp_path / "state")
    assert whole.exit_code == 0, whole.stderr
    expected = ad.read_h5ad(path).X
    once, real = [True], Trainer.run_epoch

    def stops(trainer):
        if trainer.epoch == 1 and once:
            once.clear()
            raise KeyboardInterrupt
        return real(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", stops)
    stopped, path = impute("--genes", "Gad1", "--resume", tmp_path / "state", out="resumed.h5ad")
    assert stopped.exit_code == 130
    assert "goes on from there" in stopped.stderr
    assert not path.exists()
    resumed, path = impute("--genes", "Gad1", "--resume", tmp_path / "state", out="resumed.h5ad")
    assert resumed.exit_code == 0, resumed.stderr
    np.testing.assert_array_equal(ad.read_h5ad(path).X, expected)
    assert not (tmp_path / "state").exists()


def test_a_saved_run_imputes_more_genes_without_training(impute, tmp_path):
    first, path = impute("--genes", "Gad1", "--save-run", tmp_path / "a.inclust")
    assert first.exit_code == 0, first.stderr
    result, again = impute("--genes", "Gad1", "--run", tmp_path / "a.inclust", out="again.h5ad")
    assert result.exit_code == 0, result.stderr
    assert "trained" not in result.stderr
    np.testing.assert_allclose(ad.read_h5ad(again).X, ad.read_h5ad(path).X, atol=1e-6)


def test_help_and_version_load_neither_torch_nor_napari():
    code = "import sys; from napari_inclust.cli.app import app; app(['--help'], standalone_mode=False); print({'torch', 'napari', 'anndata', 'qtpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("set()")
    assert "Exit codes" in done.stdout


def test_version_is_that_of_the_package(inclust):
    from napari_inclust import __version__

    assert inclust("--version").stdout.strip() == f"inclust {__version__}"


def test_presets_are_listed(inclust):
    from napari_inclust.training.config import PRESETS

    assert all(name in inclust("presets").stdout for name in PRESETS)


@pytest.mark.filterwarnings("ignore")  # spatialdata's, of its formats
def test_a_section_from_spatialdata_gets_its_results_back_into_the_store_and_is_never_overwritten(
    inclust, pair, small_pair, tmp_path
):
    import spatialdata

    from ..io.test_round_trip import make_store

    store = make_store(tmp_path / "s.zarr", small_pair[0])
    words = (
        "impute",
        store,
        pair[1],
        "-o",
        store,
        "--config",
        pair[2],
        "--genes",
        hidden_genes()[0],
        "--labels",
        "cell_type",
    )
    done = inclust(*words)
    assert done.exit_code == 0, done.stderr
    found = spatialdata.read_zarr(store)["inclust_imputed"]
    assert list(found.var_names) == [hidden_genes()[0]]
    assert len(found.uns["inclust_type_colors"]) == found.obs["inclust_type"].cat.categories.size
    again = inclust(*words, "--table", "table")
    assert again.exit_code == 5
    assert "--table-name" in again.stderr
    assert "training" not in again.stderr
    named = inclust(*words, "--table", "table", "--table-name", "second")
    assert named.exit_code == 0, named.stderr
    assert set(spatialdata.read_zarr(store).tables) == {"table", "inclust_imputed", "second"}


@pytest.mark.parametrize("suffix", [".h5mu", ".csv", ".parquet"])
def test_the_suffix_chooses_the_kind_of_file(impute, suffix):
    result, path = impute("--genes", hidden_genes()[0], out=f"out{suffix}")
    assert result.exit_code == 0, result.stderr
    assert path.is_file()


def test_with_a_folder_as_target_one_section_is_as_several(impute):
    result, path = impute("--genes", hidden_genes()[0], out="results")
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in path.iterdir()) == ["runs.csv", "spatial.h5ad"]
