"""A large reference is cut by type for training, the same way each time, and the run says so."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust import fit, load_run
from napari_inclust.data import subsample
from napari_inclust.data.section import Reference, Section
from napari_inclust.training.config import Config


def test_no_type_is_lost_and_common_ones_stay_the_larger_ones():
    labels = np.repeat([0, 1, 2], [90_000, 9_990, 10])
    found = subsample.sample_balanced(labels, 1000, seed=0, min_per_label=5)
    assert len(found) == len(set(found)) == 1000
    counts = np.bincount(labels[found])
    assert counts[2] >= 5
    assert counts[0] > counts[1] > counts[2]
    assert counts[1] / counts[0] == pytest.approx(np.sqrt(9_990 / 90_000), rel=0.25)
    plain = np.random.default_rng(0).choice(len(labels), 1000, replace=False)
    assert (labels[plain] == 2).sum() < 5  # what a draw without types would do


def test_a_draw_is_the_same_for_a_seed_and_another_for_another():
    labels = np.repeat([0, 1], 5000)
    np.testing.assert_array_equal(subsample.sample_balanced(labels, 100, 3), subsample.sample_balanced(labels, 100, 3))
    assert (subsample.sample_balanced(labels, 100, 3) != subsample.sample_balanced(labels, 100, 4)).any()
    np.testing.assert_array_equal(subsample.sample_balanced(labels, 20_000, 0), np.arange(10_000))


def test_a_small_reference_stays_what_it_is(small_pair):
    reference = Reference.from_adata(small_pair[1])
    assert subsample.subsample_reference(reference, "cell_type", 0) is reference


def test_a_run_on_a_drawn_reference_says_so_and_is_opened_again(small_pair, tmp_path, monkeypatch):
    from napari_inclust.io.readers.dispatch import read_reference, read_section

    monkeypatch.setattr(subsample, "MAX_REFERENCE_CELLS", 100)
    for adata, name in zip(small_pair, ("s", "r"), strict=True):
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    section, reference = read_section(tmp_path / "s.h5ad"), read_reference(tmp_path / "r.h5ad")
    config = Config(
        epochs=1,
        members=2,
        steps=2,
        batch=32,
        latent=4,
        hidden=(16,),
        decoder_hidden=(16,),
        threads=1,
        readouts=("decoder",),
        seed=5,
    )
    run = fit(section, reference, config, labels="cell_type")
    said = run.provenance["data"]["reference"]
    assert said["cells"] == 100 == run.reference.n_cells
    assert said["drawn"] == {"cells": reference.n_cells, "most": 100, "labels": "cell_type", "seed": 5}
    assert set(run.reference.adata.obs["cell_type"]) == set(reference.adata.obs["cell_type"])
    run.save(tmp_path / "a.inclust")
    again = load_run(tmp_path / "a.inclust")
    gene = run.panel.reference_only[0]
    np.testing.assert_array_equal(again.impute(gene).values, run.impute(gene).values)
    assert isinstance(again.section, Section)
    assert str(run.reference.subsample).startswith("100 of")
