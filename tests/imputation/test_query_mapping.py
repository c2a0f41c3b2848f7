"""A new section on a saved run: the old weights stay, the new section's genes are as good as its own run's."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from napari_inclust.data.section import Reference, Section
from napari_inclust.errors import PanelError, RunError
from napari_inclust.evaluation.metrics import pearson
from napari_inclust.imputation.fit import fit
from napari_inclust.imputation.query_mapping import SECTION_COVARIATE, PretrainedModel, find_gene_indices, map_section
from napari_inclust.io.runs.load import load_run, open_mapping_source
from napari_inclust.training.config import Config
from napari_inclust.utils.progress import exhaust

from ..synthetic import N_EXTRA, N_SHARED, make_adata


def mapped(source, section, reference, **options):
    epochs = []
    run = exhaust(map_section(source, section, reference, **options), epochs.append)
    assert [e.number for e in epochs if e.stage == "training"] == list(range(1, len(run.history) + 1))
    return run


@pytest.fixture(scope="module")
def run():
    config = Config.preset(
        "fast",
        members=3,
        epochs=8,
        steps=20,
        batch=64,
        hidden=(32,),
        decoder_hidden=(32,),
        latent=8,
        components=5,
        threads=1,
    )
    section = Section.from_adata(make_adata(300, 1, 1.0, slice(0, N_SHARED)))
    return fit(
        section, Reference.from_adata(make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA))), config, labels="cell_type"
    )


@pytest.fixture
def source(run, tmp_path):
    return open_mapping_source(run.save(tmp_path / "a.inclust"), run.reference)[0]


@pytest.fixture
def new():
    """Another tissue, without the first three genes, with one that the networks do not know."""
    return Section.from_adata(make_adata(200, 7, 0.5, slice(3, N_SHARED + 1)), name="new")


def test_genes_whose_names_differ_in_case_alone_are_not_mixed_up():
    assert find_gene_indices(["Abc", "ABC", "x", "aBC"], ["ABC", "Abc", "X"]) == [1, 0, 2, 0]


def test_only_the_embedding_of_the_new_section_is_trained(run, source, new):
    got = mapped(source, new, run.reference)
    old, now = run.trainer.model.state_dict(), got.trainer.model.state_dict()
    for name in old:
        if name == "encoder.layers.0.weight":
            assert np.array_equal(now[name].numpy(), old[name].numpy()[:, 3:])
        elif name in ("head.weight", "head.bias"):
            assert np.array_equal(now[name].numpy(), old[name].numpy()[..., 3:])
        elif name != "covariate.weight":
            assert np.array_equal(now[name].numpy(), old[name].numpy()), name
    moved = (now["covariate.weight"] != old["covariate.weight"]).any(-1).any(0)
    assert moved.tolist() == [name == SECTION_COVARIATE for name in run.plan.covariates]
    assert got.provenance["mapped"]["trained"] == [SECTION_COVARIATE]


def test_genes_of_the_new_section_are_close_to_the_truth_and_scored_by_members_that_never_saw_them(run, source, new):
    got = mapped(source, new, run.reference)
    truth = make_adata(200, 7, 0.5, slice(0, N_SHARED + N_EXTRA)).X.toarray()
    for gene in ("Gene0", "Gene2", f"Gene{N_SHARED + N_EXTRA - 1}"):
        assert got.kind(gene) == "imputed"
        assert pearson(np.log1p(truth[:, [int(gene[4:])]]), got.impute(gene).values[:, None])[0] > 0.5
    assert got.kind(f"Gene{N_SHARED}") == "measured"  # new to the networks: measured, not used
    where = [run.panel.shared.index(g) for g in got.panel.shared]
    assert np.array_equal(got.plan.hidden_features[:, : got.panel.n_shared], run.plan.hidden_features[:, where])
    assert got.scores["pcc"].median() > 0.4
    assert "3 of the 24 genes that the run's networks know are not measured here" in " ".join(got.panel.notes)


def test_nothing_at_all_is_trained_if_asked(run, source, new):
    got = mapped(source, new, run.reference, train_covariates=False)
    assert not got.history
    assert np.array_equal(
        got.trainer.model.state_dict()["covariate.weight"].numpy(),
        run.trainer.model.state_dict()["covariate.weight"].numpy(),
    )


def test_batches_of_the_new_section_are_covariates_that_start_from_nothing(new, tmp_path):
    config = Config.preset(
        "fast",
        members=2,
        epochs=2,
        steps=5,
        batch=32,
        hidden=(8,),
        decoder_hidden=(8,),
        latent=4,
        components=3,
        threads=1,
    )
    section = Section.from_adata(make_adata(200, 1, 1.0, slice(0, N_SHARED)))
    batched = fit(
        section, Reference.from_adata(make_adata(200, 2, 2.0, slice(0, N_SHARED + N_EXTRA))), config, batch="batch"
    )
    new.adata.obs["batch"] = np.where(new.adata.obs["batch"] == "b1", "b1", "day 3")
    got = mapped(
        open_mapping_source(batched.save(tmp_path / "a.inclust"), batched.reference)[0],
        new,
        batched.reference,
    )
    assert got.provenance["mapped"]["trained"] == [SECTION_COVARIATE, "batch: b1 (section)", "batch: day 3 (section)"]
    old, now = (r.trainer.model.state_dict()["covariate.weight"] for r in (batched, got))
    for name in ("platform: reference", "batch: b1 (reference)", "batch: b2 (reference)"):
        assert np.array_equal(
            now[:, got.plan.covariates.index(name)].numpy(), old[:, batched.plan.covariates.index(name)].numpy()
        )


@pytest.mark.parametrize("trained", [True, False])
def test_a_mapped_run_is_saved_and_loaded_and_mapped_from(run, source, new, tmp_path, trained):
    got = mapped(source, new, run.reference, train_covariates=trained)
    path = got.save(tmp_path / "mapped.inclust")
    again = load_run(path, new, run.reference)
    assert np.array_equal(again.impute("Gene0").values, got.impute("Gene0").values)
    assert again.provenance == got.provenance
    further = open_mapping_source(path, run.reference)[0]
    assert further.shared_genes == got.panel.shared


def test_a_member_whose_whole_fold_is_missing_is_left_out(run, source, new):
    fold = set(np.array(run.panel.shared)[run.plan.hidden_features[1, :N_SHARED]])
    stay = [g for g in new.adata.var_names if g not in fold]
    got = mapped(source, Section.from_adata(new.adata[:, stay].copy(), name="new"), run.reference)
    assert got.plan.n_members == run.plan.n_members - 1
    assert np.isfinite(got.scores["pcc"]).all()


def test_what_cannot_be_mapped_is_told(run, source, tmp_path):
    few = Section.from_adata(make_adata(100, 8, 1.0, slice(N_SHARED - 5, N_SHARED + N_EXTRA)), name="few")
    with pytest.raises(PanelError, match="few measures 5 of the 24 genes that the run's networks know"):
        mapped(source, few, run.reference)
    other = Reference.from_adata(make_adata(240, 9, 2.0, slice(0, N_SHARED + N_EXTRA)), name="other")
    with pytest.raises(RunError, match="trained on another reference than other"):
        open_mapping_source(run.save(tmp_path / "a.inclust"), other)


def test_a_real_half_section_is_mapped_as_well_as_it_is_trained(shared):
    whole = ad.read_h5ad(shared / "data" / "merfish_hypothalamus.h5ad")
    reference = Reference.from_adata(ad.read_h5ad(shared / "data" / "scrna_hypothalamus.h5ad"), name="reference")
    right = whole.obs_names[whole.obsm["spatial"][:, 0] > np.median(whole.obsm["spatial"][:, 0])]
    genes = [g for g in whole.var_names if g in set(reference.genes)]
    hidden = genes[::4]
    config = Config.preset("fast", members=2, threads=1)
    run = fit(
        Section.from_adata(whole[~whole.obs_names.isin(right)].copy(), name="left"),
        reference,
        config,
        labels="cell_type",
    )
    rest = Section.from_adata(whole[right, [g for g in whole.var_names if g not in hidden]].copy(), name="right")
    source = PretrainedModel(
        {k: v.numpy() for k, v in run.trainer.model.state_dict().items()}, run.config, run.panel.shared, run.plan.hidden_features[:-1, : run.panel.n_shared],
        run.plan.covariates, run.labels, None, {},
    )  # fmt: skip
    truth = whole[right, hidden].X.toarray()

    def median(r):
        return float(np.median(pearson(np.log1p(truth), np.stack([r.impute(g).values for g in hidden], 1))))

    own = fit(rest, reference, config, labels="cell_type")
    assert median(mapped(source, rest, reference)) > 0.9 * median(own) > 0.1
