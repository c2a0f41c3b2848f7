"""Reading out a trained run: honest, exact where it says so, and close to exact where it is fast."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from napari_inclust.data.section import Reference, Section
from napari_inclust.errors import OutputError, PanelError, RunError
from napari_inclust.evaluation.metrics import pearson
from napari_inclust.imputation.fit import fit
from napari_inclust.imputation.rescale import SectionScale, ValueTransform
from napari_inclust.imputation.run import Run
from napari_inclust.io.runs.load import load_run
from napari_inclust.training import archive

from ..synthetic import N_EXTRA, N_SHARED, make_adata


@pytest.fixture(scope="module")
def run():
    from napari_inclust.training.config import Config

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
    reference = Reference.from_adata(make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)))
    return fit(section, reference, config, labels="cell_type")


def test_unmeasured_genes_are_predicted_close_to_the_truth(run, truth):
    values = np.stack([run.impute(f"Gene{N_SHARED + i}").values for i in range(N_EXTRA)], 1)
    assert (pearson(np.log1p(truth), values) > 0.5).all()


def test_every_shared_gene_is_scored_beside_its_baselines(run):
    assert list(run.scores.index) == list(run.panel.shared)
    assert {
        "pcc",
        "spearman",
        "ssim",
        "rmse",
        "js",
        "pcc_within_type",
        "pcc_gene_mean",
        "pcc_type_mean",
        "pcc_knn",
    } <= set(run.scores.columns)
    assert np.isfinite(run.scores.to_numpy()).all()
    assert (run.scores.pcc_gene_mean.abs() < 1e-6).all()


def test_the_scores_are_those_of_the_predictions_that_are_given_out(run):
    held_out = run.held_out()
    measured = np.stack([run.measured(g) for g in run.panel.shared], 1)
    assert np.allclose(pearson(measured, held_out.to_numpy()), run.scores.pcc, atol=1e-4)


def test_a_held_out_prediction_does_not_depend_on_the_genes_own_values(run):
    gene = 5
    adata = make_adata(300, 1, 1.0, slice(0, N_SHARED))
    x = adata.X.toarray()
    x[:, gene] = np.random.default_rng(3).permutation(x[:, gene])
    adata.X = x
    other = fit(Section.from_adata(adata), run.reference, run.config, labels="cell_type")
    member = int(run.plan.hidden_features[:, gene].argmax())
    shown = run.predictor.visible_genes[member]
    assert gene not in shown
    assert np.allclose(
        run.predictor.standardisation_cells.inputs[member][:, shown],
        other.predictor.standardisation_cells.inputs[member][:, shown],
    )
    assert np.allclose(run.predictor.standardisation_cells.z[member], other.predictor.standardisation_cells.z[member])
    assert not np.allclose(run.predictor.standardisation_cells.z[-1], other.predictor.standardisation_cells.z[-1])


def test_the_fast_prediction_is_within_its_stated_error_of_the_exact_one(run):
    for gene in (f"Gene{N_SHARED}", "Gene3"):
        exact = next(iter(run.chunks([gene])))[1][:, 0]
        fast, _, error = run.low_rank_predictor.predict(run._gene_index(gene))
        assert np.sqrt(((fast - exact) ** 2).mean()) / exact.std() < max(2 * error, 0.02)
        assert error < 0.1


@pytest.mark.parametrize("merged", [False, True])
def test_genes_that_are_no_landmarks_are_painted_within_the_stated_error(run, monkeypatch, merged):
    from napari_inclust.imputation import low_rank
    from napari_inclust.training.inference import encode_cells

    monkeypatch.setattr(low_rank, "N_LANDMARK_GENES", 12)
    if merged:
        monkeypatch.setattr(low_rank, "MERGE_THRESHOLD", 0)
    n_genes = len(run.panel.shared) + run.panel.n_reference_only
    landmarks = low_rank._draw_landmark_genes(np.random.default_rng(0), N_SHARED, n_genes)
    assert len(set(landmarks)) == 12
    assert (landmarks < N_SHARED).sum() == 6
    monkeypatch.setattr(low_rank, "_CELLS_PER_CHUNK", 150)  # more than once
    rows = np.arange(run.section.n_cells)
    made = low_rank.LowRankPredictor(
        run.predictor,
        run.standardisation_rows,
        len(rows),
        lambda rows: encode_cells(run.trainer, "section", rows),
        n_genes,
    )
    others = np.setdiff1d(np.arange(n_genes), landmarks)
    exact, spreads = run.predictor.predict(others, encode_cells(run.trainer, "section", rows))
    for i, feature in enumerate(others):
        values, spread, error = made.predict(int(feature))
        assert np.sqrt(((values - exact[:, i]) ** 2).mean()) / exact[:, i].std() < max(1.5 * error, 0.02)
        assert (spread >= 0).all()
        assert np.corrcoef(spread, spreads[:, i])[0, 1] > 0.5


def test_chunks_give_the_same_whatever_their_size(run):
    genes = list(run.panel.reference_only)
    whole = next(iter(run.chunks(genes, 100)))[1]
    parts = np.hstack([c[1] for c in run.chunks(genes, 3)])
    assert np.allclose(whole, parts, atol=1e-5)


def test_predictions_of_a_few_cells_equal_those_among_all(run):
    from napari_inclust.training.inference import encode_cells

    features = np.array([2, N_SHARED + 1])
    some = encode_cells(run.trainer, "section", np.array([7, 100, 205]))
    assert np.allclose(
        run.predictor.predict(features, some)[0], run.predictor.predict(features)[0][[7, 100, 205]], atol=1e-4
    )


def test_a_gene_that_the_reference_lacks_is_refused_with_what_to_do(reference_adata):
    section = Section.from_adata(make_adata(60, 1, 1.0, slice(0, N_SHARED)))
    reference = Reference.from_adata(reference_adata[:, :20].copy())
    from napari_inclust.training.config import Config

    run = fit(
        section, reference, Config(members=2, epochs=1, steps=2, hidden=(8,), decoder_hidden=(8,), latent=4, threads=1)
    )
    assert run.measured("Gene22") is not None
    with pytest.raises(PanelError, match="Gene22 is measured in the section but the reference lacks it"):
        run.impute("Gene22")


def test_predicted_types_are_right_where_types_are_clear(run):
    assert (run.predicted_type == run.section.adata.obs["cell_type"].to_numpy()).mean() > 0.9


def test_a_saved_run_gives_the_same_genes_and_scores(run, tmp_path):
    path = run.save(tmp_path / "a.inclust")
    again = load_run(path, run.section, run.reference)
    assert np.array_equal(again.impute("Gene26").values, run.impute("Gene26").values)
    pd.testing.assert_frame_equal(again.scores, run.scores)
    assert again.provenance == run.provenance
    assert [e.terms for e in again.history] == [pytest.approx(e.terms) for e in run.history]
    assert [p.name for p in tmp_path.iterdir()] == ["a.inclust"]


def test_a_run_that_cannot_be_written_is_told(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write the run"):
        run.save(tmp_path / "file" / "a.inclust")


def test_a_run_of_other_data_another_version_or_a_damaged_one_is_refused(run, tmp_path, monkeypatch):
    path = run.save(tmp_path / "a.inclust")
    other = Section.from_adata(make_adata(300, 5, 1.0, slice(0, N_SHARED)), name="other")
    with pytest.raises(RunError, match="trained on another section than other"):
        load_run(path, other, run.reference)
    for n in (0, 100, path.stat().st_size // 2, path.stat().st_size - 10):
        (tmp_path / "b").write_bytes(path.read_bytes()[:n])
        with pytest.raises(RunError, match=r"is not a run, or is damaged .*Give a file that --save-run"):
            load_run(tmp_path / "b", run.section, run.reference)
    with pytest.raises(RunError, match="no run"):
        load_run(tmp_path / "nothing", run.section, run.reference)
    monkeypatch.setattr(archive, "FORMAT_VERSION", 99)
    with pytest.raises(RunError, match="format 3; this version reads format 99"):
        load_run(path, run.section, run.reference)


def test_the_as_published_preset_reads_out_its_own_head(section, reference):
    from napari_inclust.training.config import Config

    run = fit(
        section, reference, Config.preset("as-published", members=2, epochs=2, steps=10, threads=1), labels="cell_type"
    )
    assert [r.name for r in run.predictor.base_predictors] == ["head"]
    assert np.isfinite(run.impute("Gene1").values).all()


def test_all_zero_cells_and_genes_are_kept_and_never_become_nan(config):
    adata = make_adata(300, 1, 1.0, slice(0, N_SHARED))
    x = adata.X.toarray()
    x[:5], x[:, 3] = 0, 0
    adata.X = x
    reference = make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA))
    y = reference.X.toarray()
    y[:4], y[:, 7], y[:, N_SHARED + 2] = 0, 0, 0
    reference.X = y
    run = fit(Section.from_adata(adata), Reference.from_adata(reference), config, labels="cell_type")
    assert np.isfinite(run.scores.to_numpy()).all()
    assert run.scores.pcc["Gene3"] == 0
    for gene in ("Gene3", "Gene7", f"Gene{N_SHARED + 2}", f"Gene{N_SHARED}"):
        imputed = run.impute(gene)
        assert np.isfinite(imputed.values).all()
        assert np.isfinite(imputed.spread).all()


def test_a_shape_keeps_the_order_of_values_and_the_foreseen_mean():
    z = np.random.default_rng(0).normal(size=(20_000, 1))
    for shape in (ValueTransform(0.5, 1.0), ValueTransform(1.0, 1.5)):
        values = shape.apply(z, np.array([0.8]))
        assert (np.argsort(values[:, 0]) == np.argsort(z[:, 0])).all()
        positive, sd = shape.positive_mean_and_sd(np.array([0.8]))
        assert positive[0] == pytest.approx(np.clip(values, 0, None).mean(), rel=0.02)
        assert sd[0] == pytest.approx(values.std(), rel=0.02)


def test_a_genes_level_is_foreseen_without_the_genes_of_its_fold():
    rng = np.random.default_rng(0)
    mean, sd, fold = rng.gamma(2, 1, 40), rng.gamma(2, 1, 40), np.arange(30) % 3
    truth_mean, truth_sd = 0.3 * mean[:30], 0.5 * sd[:30]
    level = SectionScale(mean, sd, truth_mean, truth_sd, fold)
    assert np.corrcoef(np.log(level.mean), np.log(0.3 * mean))[0, 1] > 0.98
    changed = truth_mean.copy()
    changed[fold == 1] *= 10
    assert np.array_equal(
        SectionScale(mean, sd, changed, truth_sd, fold).mean[:30][fold == 1], level.mean[:30][fold == 1]
    )


def test_run_is_frozen(run):
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.labels = "other"
    assert isinstance(run, Run)


def test_of_a_very_large_panel_the_most_variable_genes_are_looked_at(run, monkeypatch):
    from napari_inclust.imputation import gene_predictors

    monkeypatch.setattr(gene_predictors, "MAX_VISIBLE_GENES", 10)
    shown = gene_predictors.visible_genes_by_member(run.plan, run.predictor.reference_genes)
    assert [len(s) for s in shown] == [10] * 4
    hidden = np.flatnonzero(run.plan.hidden_features[0])
    assert not set(shown[0]) & set(hidden)
    rest = np.setdiff1d(np.arange(N_SHARED), shown[-1])
    assert run.predictor.reference_genes.sd[shown[-1]].min() >= run.predictor.reference_genes.sd[rest].max()
