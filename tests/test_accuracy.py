"""What a run reaches on real pairs, by its own held-out scores: genes that the predicting member never saw."""

from __future__ import annotations

import pytest

from napari_inclust import Config, fit
from napari_inclust.data.section import Reference, Section
from napari_inclust.io import demo
from napari_inclust.io.readers.dispatch import read_adata


@pytest.fixture(scope="module")
def hypothalamus():
    """The embedded pair with its labels, with the default settings."""
    return fit(
        demo.demo_section(with_hidden=True), demo.demo_reference(), Config.preset("balanced"), labels="cell_type"
    )


def test_the_hypothalamus_is_predicted_well_above_its_baselines(hypothalamus):
    median = hypothalamus.scores.median()
    assert median["pcc"] >= 1.12 * median["pcc_knn"]
    assert median["pcc"] > median["pcc_type_mean"] > median["pcc_gene_mean"]
    assert median["pcc_within_type"] > 0


def intervals_hold_what_they_say(run) -> None:
    coverage = run.calibration.coverage
    assert 0.88 <= coverage.coverage[0] <= 0.92
    assert coverage.coverage[coverage["values"] >= 200].between(0.85, 0.95).all()


def test_intervals_hold_what_they_say_in_every_stratum(hypothalamus):
    intervals_hold_what_they_say(hypothalamus)


def test_scores_of_unmeasured_genes_can_be_foreseen(hypothalamus):
    assert hypothalamus.foreseen([]).rank_correlation >= 0.6


def test_the_embryo_is_predicted_at_least_as_well_as_by_its_nearest_neighbours_with_intervals_that_hold(shared):
    section = Section.from_adata(read_adata(shared / "data" / "insitu_drosophila.h5ad"), plane=(0, 1))
    run = fit(
        section, Reference.from_adata(read_adata(shared / "data" / "scrna_drosophila.h5ad")), Config.preset("balanced")
    )
    median = run.scores.median()
    assert median["pcc"] >= median["pcc_knn"]
    assert median["pcc"] > median["pcc_gene_mean"]
    intervals_hold_what_they_say(run)
