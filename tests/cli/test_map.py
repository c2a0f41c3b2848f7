"""`inclust map`: a saved run takes another section, and stays as it was."""

from __future__ import annotations

import anndata as ad
import pytest


@pytest.fixture
def saved(pair, inclust, tmp_path):
    spatial, reference, tiny = pair
    run = tmp_path / "first run.inclust"
    done = inclust(
        "impute",
        spatial,
        reference,
        "--config",
        tiny,
        "--genes",
        "all",
        "-o",
        tmp_path / "first.h5ad",
        "--save-run",
        run,
    )
    assert done.exit_code == 0, done.output
    new = ad.read_h5ad(spatial)[50:, 4:].copy()
    new.obs_names = [f"new {n}" for n in new.obs_names]
    new.write_h5ad(tmp_path / "new section.h5ad")
    return run, tmp_path / "new section.h5ad", reference


def test_a_new_section_is_mapped_and_the_run_stays_to_the_byte(saved, inclust, tmp_path):
    run, new, _ = saved
    before = run.read_bytes()
    done = inclust("map", run, new, "-o", tmp_path / "out.h5ad", "--save-run", tmp_path / "mapped.inclust", "--json")
    assert done.exit_code == 0, done.output
    assert run.read_bytes() == before
    made = ad.read_h5ad(tmp_path / "out.h5ad")
    assert list(made.obs_names) == list(ad.read_h5ad(new).obs_names)
    assert (made.var["kind"] == "imputed").all()
    lost = set(ad.read_h5ad(saved[1].with_name("spatial.h5ad")).var_names) - set(ad.read_h5ad(new).var_names)
    assert lost <= set(made.var_names)
    assert made.uns["inclust"]["mapped"]["from"]["run"] == str(run)
    report = inclust("report", tmp_path / "mapped.inclust", "-o", tmp_path / "report.html")
    assert report.exit_code == 0, report.output


def test_a_moved_reference_is_named_and_another_is_refused(saved, inclust, tmp_path):
    run, new, reference = saved
    moved = reference.rename(tmp_path / "moved.h5ad")
    lost = inclust("map", run, new, "-o", tmp_path / "out.h5ad")
    assert lost.exit_code != 0
    assert "reference.h5ad" in lost.stderr
    other = ad.read_h5ad(moved)[:100].copy()
    other.write_h5ad(tmp_path / "other.h5ad")
    wrong = inclust("map", run, new, "--reference", tmp_path / "other.h5ad", "-o", tmp_path / "out.h5ad")
    assert "trained on another reference" in wrong.stderr
    assert not (tmp_path / "out.h5ad").exists()
    frozen = inclust(
        "map",
        run,
        new,
        "--reference",
        moved,
        "--frozen",
        "-o",
        tmp_path / "out.h5ad",
        "--save-run",
        tmp_path / "mapped.inclust",
    )
    assert frozen.exit_code == 0, frozen.output
    assert ad.read_h5ad(tmp_path / "out.h5ad").n_obs == 150
