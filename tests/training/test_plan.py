"""Masks: what each presentation shows, what it trains, and what each member never sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_inclust.data.panel import align
from napari_inclust.errors import ConfigError, DataError
from napari_inclust.training.build_plan import build_imputation_plan
from napari_inclust.training.plan import Presentation


@pytest.fixture
def plan(section, reference):
    return build_imputation_plan(
        section, reference, align(section, reference), members=3, seed=0, components=5, labels="cell_type"
    )


def test_imputation_shows_shared_genes_and_trains_the_references_components_on_the_reference_alone(plan):
    reference, section = plan.presentations
    assert reference.input_mask.sum() == section.input_mask.sum() == section.output_mask.sum() == 24
    assert reference.output_mask.all()
    assert len(plan.features) == 24 + 5
    assert plan.features[24] == "reference component 1"
    assert not reference.hides_output
    assert section.hides_output
    components = plan.table("reference").measured_block("components").values
    assert components.shape == (240, 5)
    assert np.allclose(components.std(0), 1, atol=1e-5)
    assert plan.table("section").measured_block("components") is None


def test_every_shared_gene_is_hidden_from_exactly_one_member_and_the_last_member_sees_all(plan):
    assert plan.n_members == 4
    assert plan.n_folds == 3
    assert (plan.hidden_features.sum(0) == np.r_[np.ones(24), np.zeros(5)]).all()
    assert plan.hidden_features.sum(1).tolist() == [8, 8, 8, 0]


def test_a_hidden_gene_leaves_no_trace_in_the_library_size_of_the_section(section, reference, section_adata):
    from napari_inclust.data.section import Section

    hidden = np.zeros((1, 24), dtype=bool)
    hidden[0, :8] = True
    x = section_adata.X.toarray()
    x[:, :8] *= 3
    section_adata.X = x
    spoiled = Section.from_adata(section_adata)
    before, after = (
        build_imputation_plan(s, reference, align(s, reference), members=3, seed=0, components=5)
        .table("section")
        .measured_block("genes")
        .scale_factors(hidden)
        for s in (section, spoiled)
    )
    assert np.array_equal(before, after)


def test_labels_come_from_the_reference_alone(plan):
    assert plan.classes == ("Astro", "Endo", "Neuron", "Oligo")
    assert (plan.table("section").labels == -1).all()
    assert (plan.table("reference").labels >= 0).all()


def test_cells_without_a_label_are_kept_unlabelled(section, reference_adata):
    from napari_inclust.data.section import Reference

    labels = reference_adata.obs["cell_type"].astype(object)
    labels.iloc[:7] = None
    labels.iloc[7:9] = "Ambiguous"
    reference_adata.obs["cell_type"] = labels
    reference = Reference.from_adata(reference_adata)
    plan = build_imputation_plan(section, reference, align(section, reference), members=3, seed=0, labels="cell_type")
    assert (plan.table("reference").labels == -1).sum() == 9
    assert len(plan.classes) == 4


def test_labels_that_cannot_be_used_are_refused(section, reference):
    reference.adata.obs["one"] = "A"
    for key, message in (
        ("nothing", "no column 'nothing' in obs .it has cell_type"),
        ("one", "has 1 class; labels need at least two"),
    ):
        with pytest.raises(DataError, match=message):
            build_imputation_plan(section, reference, align(section, reference), members=3, seed=0, labels=key)


def test_batches_become_covariates_of_their_own_side(section, reference):
    plan = build_imputation_plan(section, reference, align(section, reference), members=3, seed=0, batch="batch")
    assert plan.covariates == (
        "platform: section",
        "platform: reference",
        "batch: b1 (section)",
        "batch: b2 (section)",
        "batch: b1 (reference)",
        "batch: b2 (reference)",
    )
    assert (plan.table("section").covariates[:, [0, 2, 3]].sum(1) == 2).all()
    assert (plan.table("section").covariates[:, [1, 4, 5]] == 0).all()


def test_an_output_that_its_data_set_does_not_measure_is_refused_by_name(plan):
    nonsense = Presentation("section", plan.presentations[1].input_mask, np.ones(29, dtype=bool))
    with pytest.raises(ConfigError, match="section does not measure reference component 1 and 4 more"):
        dataclasses.replace(plan, presentations=(plan.presentations[0], nonsense))


def test_a_feature_that_nothing_trains_is_refused_by_name(plan):
    reference = dataclasses.replace(plan.presentations[0], output_mask=np.arange(29) < 28)
    with pytest.raises(ConfigError, match="no presentation trains reference component 5"):
        dataclasses.replace(plan, presentations=(reference, plan.presentations[1]))


def test_too_few_cells_to_train_are_refused(section, reference_adata):
    from napari_inclust.data.section import Reference

    few = Reference.from_adata(reference_adata[:12].copy(), name="atlas")
    with pytest.raises(DataError, match="atlas has 12 cells; at least 20"):
        build_imputation_plan(section, few, align(section, few), members=3, seed=0)
