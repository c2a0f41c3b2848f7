"""`inclust impute` on several sections: a table of runs, failures that stop nobody else, and nothing done twice."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_inclust.io.demo import hidden_genes

GENES = ",".join(hidden_genes()[:2])


@pytest.fixture
def three(small_pair, pair, tmp_path):
    """Two sections and a damaged file, in a folder with a space and an accent."""
    folder = tmp_path / "séctions of one day"
    folder.mkdir()
    small_pair[0][:110].copy().write_h5ad(folder / "a.h5ad")
    small_pair[0][90:].copy().write_h5ad(folder / "c.h5ad")
    (folder / "b.h5ad").write_bytes((folder / "a.h5ad").read_bytes()[:5000])
    return sorted(folder.iterdir())


@pytest.fixture
def impute(inclust, pair, tmp_path):
    def run(sections, *words):
        return inclust(
            "impute", *sections, pair[1], "-o", tmp_path / "out", "--config", pair[2], "--genes", GENES, *words
        ), tmp_path / "out"

    return run


def test_a_failed_section_is_told_and_the_others_go_on(impute, three):
    result, out = impute(three)
    assert result.exit_code == 3
    runs = pd.read_csv(out / "runs.csv", index_col="section")
    assert runs["state"].to_dict() == {"a": "done", "b": "failed", "c": "done"}
    assert "cannot be read" in runs.loc["b", "problem"]
    assert runs.loc["a", "cells"] == 110
    assert runs["pcc"].notna().tolist() == [True, False, True]
    assert sorted(p.name for p in out.iterdir()) == ["a.h5ad", "c.h5ad", "runs.csv"]
    found = ad.read_h5ad(out / "c.h5ad")
    assert found.n_obs == 110
    assert found.var["imputed"].all()
    assert "2 done, 1 failed" in result.stdout


def test_a_rerun_skips_what_is_finished_and_does_what_is_not(impute, three, small_pair):
    sections = [three[0], three[2]]
    first, out = impute(sections)
    assert first.exit_code == 0, first.stderr
    before = (out / "a.h5ad").stat().st_mtime_ns
    (out / "c.h5ad").write_bytes((out / "c.h5ad").read_bytes()[:1000])
    again, _ = impute(sections, "--json")
    states = {run["section"]: run["state"] for run in json.loads(again.stdout)["runs"]}
    assert states == {"a": "skipped", "c": "done"}
    assert (out / "a.h5ad").stat().st_mtime_ns == before
    small_pair[0][:100].copy().write_h5ad(sections[0])  # other data
    changed, _ = impute(sections, "--json")
    assert {run["section"]: run["state"] for run in json.loads(changed.stdout)["runs"]} == {"a": "done", "c": "skipped"}
    other, _ = impute(sections, "--json", "--seed", "5")  # another setting
    assert {run["state"] for run in json.loads(other.stdout)["runs"]} == {"done"}


def test_one_model_is_shared_and_knows_its_sections(impute, three):
    result, out = impute(three, "--shared")
    assert result.exit_code == 3
    assert result.stderr.count("trained") == 1
    runs = pd.read_csv(out / "runs.csv", index_col="section")
    assert runs["state"].to_dict() == {"a": "done", "b": "failed", "c": "done"}
    a, c = ad.read_h5ad(out / "a.h5ad"), ad.read_h5ad(out / "c.h5ad")
    assert list(a.obs_names) == list(ad.read_h5ad(three[0]).obs_names)
    np.testing.assert_array_equal(c.obsm["spatial"], ad.read_h5ad(three[2]).obsm["spatial"])
    assert list(a.var_names) == GENES.split(",")
    assert a.uns["inclust"]["batch"] == "inclust_section"
    assert list(a.uns["inclust"]["shared_with"]) == ["a", "c"]
    np.testing.assert_array_equal(a.var["predicted_score"], a.var["foreseen"])  # its name in earlier versions
    same = [np.linalg.norm(a[cell].X - c[cell].X) for cell in a.obs_names.intersection(c.obs_names)]
    assert len(same) == 20
    assert max(same) > 0  # the section is an input of the model
    assert not list(out.glob(".*"))
    again, _ = impute(three, "--shared", "--json")
    assert sorted(run["state"] for run in json.loads(again.stdout)["runs"]) == ["failed", "skipped", "skipped"]


def test_values_of_a_shared_model_are_those_of_its_cells(impute, three, monkeypatch):
    """Read back from the file of all: each section has the rows that are its own."""
    from napari_inclust.imputation.run import Run

    real = Run.chunks

    def numbered(self, genes, size=64):
        for names, values, spread, kinds, scores in real(self, genes, size):
            yield (
                names,
                np.broadcast_to(np.arange(len(values), dtype=np.float32)[:, None], values.shape),
                spread,
                kinds,
                scores,
            )

    monkeypatch.setattr(Run, "chunks", numbered)
    _, out = impute([three[2], three[0]], "--shared")
    np.testing.assert_array_equal(ad.read_h5ad(out / "c.h5ad").X[:, 0], np.arange(110))
    np.testing.assert_array_equal(ad.read_h5ad(out / "a.h5ad").X[:, 1], 110 + np.arange(110))


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--resume", "x"), "one section"), (("--run", "x"), "one section"), (("--shared", "--batch", "k"), "--batch")],
)
def test_options_for_one_run_are_refused_for_several(impute, three, words, says):
    result, out = impute(three, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not out.exists()


def test_a_file_cannot_hold_several_sections(inclust, three, pair, tmp_path):
    result = inclust("impute", *three, pair[1], "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 2
    assert "expected a folder" in result.stderr


def test_sections_of_one_name_are_told_apart_by_their_folders(tmp_path):
    from napari_inclust.cli.commands.impute_sections import section_names
    from napari_inclust.errors import ConfigError

    assert section_names([tmp_path / "s1" / "region_0", tmp_path / "s2" / "region_0", tmp_path / "x.zarr"]) == [
        "s1_region_0",
        "s2_region_0",
        "x",
    ]
    with pytest.raises(ConfigError, match="name"):
        section_names([tmp_path / "x.zarr", tmp_path / "x.zarr"])


def test_a_fault_in_one_section_of_a_shared_model_is_told_of_that_one_alone(impute, three, monkeypatch):
    from napari_inclust.io.readers.multi_section import StoredPredictions

    real = StoredPredictions.chunks

    def breaks(self, genes, size):
        if self.section.name == "c":
            raise RuntimeError("odd")
        return real(self, genes, size)

    monkeypatch.setattr(StoredPredictions, "chunks", breaks)
    result, out = impute([three[0], three[2]], "--shared")
    assert result.exit_code == 1
    assert [(row.section, row.state) for row in pd.read_csv(out / "runs.csv").itertuples()] == [
        ("a", "done"),
        ("c", "failed"),
    ]


def test_a_fault_in_one_section_stops_no_other(impute, three, monkeypatch):
    import napari_inclust.cli.commands.impute_sections as module

    real = module.train_imputation

    def breaks(data, *words, **more):
        if data.section.name == "a":
            raise RuntimeError("odd")
        return real(data, *words, **more)

    monkeypatch.setattr(module, "train_imputation", breaks)
    result, out = impute([three[0], three[2]])
    assert result.exit_code == 1
    runs = pd.read_csv(out / "runs.csv", index_col="section")
    assert "fault of the program: RuntimeError: odd" in runs.loc["a", "problem"]
    assert runs.loc["c", "state"] == "done"


def test_a_section_that_was_given_twice_is_named(impute, three):
    result, out = impute([three[0], three[0]])
    assert result.exit_code == 2
    assert "a.h5ad was given twice" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize("words", [("--save-run", "r.inclust"), ("--run", "r.inclust"), ("--table-name", "mine")])
def test_what_is_for_one_section_is_refused_for_several(impute, three, words):
    result, out = impute(three[::2], *words)
    assert result.exit_code == 2
    assert f"{words[0]} is for one section" in result.stderr
    assert not out.exists()
