"""`inclust translate`, `integrate --impute`, and `.h5mu` as output of the tasks."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_inclust.cli.app import app
from napari_inclust.data import normalize as val
from napari_inclust.evaluation.metrics import pearson

from ..training.test_tasks import cells

FAST = ["--epochs", "2", "--device", "cpu"]


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def files(tmp_path):
    cells(120, 0, name="a").adata.write_h5ad(tmp_path / "paired.h5ad")
    target = cells(80, 1, name="b", proteins=0).adata
    target.obsm["spatial"] = np.random.default_rng(0).random((80, 2)) * 100
    target.uns["spatial_unit"] = "micrometre"
    target.write_h5ad(tmp_path / "tissue.h5ad")
    return tmp_path / "paired.h5ad", tmp_path / "tissue.h5ad"


def test_a_modality_is_translated_for_the_named_set(files, tmp_path):
    paired, tissue = files
    result = run(
        "translate",
        paired,
        tissue,
        "--from",
        "rna",
        "--to",
        "protein",
        "--set",
        "tissue",
        "-o",
        tmp_path / "out.h5ad",
        *FAST,
    )
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert made.shape == (80, 6)
    assert (made.var["kind"] == "generated").all()
    assert made.uns["spatial_unit"] == "micrometre"
    assert {"heldout_pcc", "heldout_pcc_knn"} <= set(made.var)


def test_levels_are_exchanged(files, tmp_path):
    paired, _ = files
    levels = ["--covariate-from", "batch:b1", "--covariate-to", "batch:b2"]
    result = run("translate", paired, "--from", "rna", "--to", "rna", *levels, "-o", tmp_path / "out.h5ad", *FAST)
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert made.shape == (60, 30)
    assert set(made.obs["batch"]) == {"b1"}
    assert (made.var["kind"] == "generated").all()
    assert [list(made.uns["inclust"]["shifted"][k]) for k in ("from", "to")] == [["batch: b1"], ["batch: b2"]]


@pytest.mark.filterwarnings("ignore")  # mudata's, of its future
def test_mudata_holds_what_was_measured_beside_what_was_generated(files, tmp_path):
    import mudata

    paired, tissue = files
    result = run("generate", tissue, paired, "--modality", "protein", "-o", tmp_path / "out.h5mu", *FAST)
    assert result.exit_code == 0, result.output
    found = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert list(found.mod) == ["rna", "generated protein"]
    assert found.n_obs == 80
    assert np.array_equal(found["rna"].X.toarray(), anndata.read_h5ad(tissue).X)
    assert (found["generated protein"].var["kind"] == "generated").all()
    assert found["generated protein"].obsm["spatial"].shape == (80, 2)
    assert found.uns["inclust"]["task"] == "generate"

    result = run("integrate", paired, tissue, "-o", tmp_path / "both.h5mu", *FAST)
    assert result.exit_code == 0, result.output
    both = mudata.read_h5mu(tmp_path / "both.h5mu")
    assert list(both.mod) == ["rna", "protein", "inclust"]
    assert both["rna"].shape == (200, 30)
    assert both["protein"].shape == (120, 6)
    assert both["inclust"].obsm["X_inclust"].shape == (200, 32)
    assert list(both["rna"].obs_names) == list(both["inclust"].obs_names)


def test_each_set_gets_the_genes_of_the_other(tmp_path):
    from napari_inclust.io.demo import demo_reference, demo_section

    section, reference = demo_section().adata, demo_reference().adata
    shared = [g for g in section.var_names if g in set(reference.var_names)]
    hidden = {"section": shared[::6], "reference": shared[3::6]}
    wholes = {"section": section[:1500], "reference": reference}
    for name, whole in wholes.items():
        whole[:, [g for g in shared if g not in hidden[name]]].copy().write_h5ad(tmp_path / f"{name}.h5ad")
    out = tmp_path / "both.h5ad"
    result = run(
        "integrate",
        tmp_path / "section.h5ad",
        tmp_path / "reference.h5ad",
        "--impute",
        "-o",
        out,
        "--epochs",
        "8",
        "--device",
        "cpu",
    )
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(out)
    assert set(made.var_names) == {*hidden["section"], *hidden["reference"]}
    assert (made.var["kind"] == "imputed").all()
    for name, genes in hidden.items():
        other = next(n for n in hidden if n != name)
        here = made[made.obs["inclust_data_set"] == name]
        assert (here[:, genes].layers["imputed"] == 1).all()
        assert (here[:, hidden[other]].layers["imputed"] == 0).all()
        truth = val.lognormalise(val.as_csr(wholes[name][:, shared].X), "counts")[
            :, [shared.index(g) for g in genes]
        ].toarray()
        r = pearson(truth, np.asarray(here[:, genes].X))
        assert np.median(r) > 0.15
        assert made.var.loc[genes, f"heldout_pcc_for_{name}"].notna().all()


def test_what_cannot_be_run_is_told_before_training(files, tmp_path):
    paired, tissue = files
    out = tmp_path / "out.h5ad"
    translate = ("translate", paired, tissue, "-o", out)
    for arguments, message in (
        ((*translate, "--from", "rna", "--to", "rna"), "--from and --to are both rna"),
        ((*translate, "--from", "rna", "--to", "atac"), "no data set of this run measures 'atac'"),
        ((*translate, "--from", "protein", "--to", "rna", "--set", "tissue"), "tissue does not measure 'protein'"),
        (
            (*translate, "--from", "rna", "--to", "protein", "--set", "lung"),
            "no data set 'lung'; there are paired, tissue",
        ),
        ((*translate, "--from", "rna", "--to", "rna", "--covariate-from", "batch:b1"), "they belong in pairs"),
        (
            (*translate, "--from", "rna", "--to", "rna", "--covariate-from", "batch:b1", "--covariate-to", "kind:x"),
            "twice with the same KEY",
        ),
        (
            (*translate, "--from", "rna", "--to", "rna", "--covariate-from", "batch:b1", "--covariate-to", "batch:b9"),
            "no level 'batch: b9'",
        ),
        (("integrate", paired, tissue, "--impute", "-o", out), "nothing can be imputed both ways"),
        (("integrate", paired, tissue, "-o", tmp_path / "out.csv"), "expected .h5ad or .h5mu"),
    ):
        result = run(*arguments, *FAST)
        assert result.exit_code in (2, 3, 5), result.output
        assert message in " ".join(result.output.split()), result.output
        assert not out.exists()
