"""Cells in the plane."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_inclust.data.normalize import lognormalise
from napari_inclust.data.section import Section
from napari_inclust.imputation.embedding import embedding_features, measured_components, pca, umap
from napari_inclust.imputation.fit import fit
from napari_inclust.io.demo import demo_section
from napari_inclust.utils import pca as pca_module


@pytest.fixture(scope="module")
def groups() -> np.ndarray:
    """Three groups of cells, far apart."""
    random = np.random.default_rng(0)
    return (random.normal(size=(150, 6)) + 20 * np.eye(6)[np.arange(150) % 3]).astype(np.float32)


def test_components_are_those_of_a_decomposition():
    section = demo_section()
    x, source = embedding_features(section, None)
    dense = lognormalise(section.matrix, section.values.kind).toarray().astype(np.float64)
    u, s, _ = np.linalg.svd(dense - dense.mean(0), full_matrices=False)
    for i in range(3):
        assert abs(np.corrcoef(x[:, i], u[:, i] * s[i])[0, 1]) == pytest.approx(1, abs=1e-4)
    assert "no run yet" in source
    assert measured_components(section, 2).shape == (section.n_cells, 2)


def test_pca_places_every_cell(groups):
    found = pca(groups, "something")
    assert (found.xy == groups[:, :2]).all()
    assert (found.nearest_embedded == np.arange(150)).all()
    assert found.note == "PCA of something, 150 cells."
    assert pca(groups[:, :1], "one component").xy[:, 1].max() == 0


@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
def test_umap_keeps_groups_and_the_others_follow_the_sample(groups):
    found = umap(groups, "something", max_cells=60)
    assert found.xy.shape == (60, 2)
    group = found.embedded_rows % 3
    middle = np.array([found.xy[group == g].mean(0) for g in range(3)])
    assert (np.linalg.norm(found.xy[:, None] - middle, axis=2).argmin(1) == group).all()
    assert (
        found.embedded_rows[found.nearest_embedded] % 3 == np.arange(150) % 3
    ).all()  # each cell goes with one of its own group
    assert (
        found.embedded_rows[found.nearest_embedded[found.embedded_rows]] == found.embedded_rows
    ).all()  # those placed with themselves
    assert "60 of 150 cells" in found.note
    assert (umap(groups, "something", max_cells=60).xy == found.xy).all()  # the same every time


def test_a_run_gives_its_latent_and_probabilities_of_the_types(section, reference, config):
    run = fit(section, reference, config, labels="cell_type")
    x, source = embedding_features(section, run)
    assert (len(x), source) == (section.n_cells, "the run's latent")
    assert np.abs(x.T @ x - np.diag((x**2).sum(0))).max() < 1e-3 * (x**2).sum(0).max()  # principal components
    rows = np.array([5, 17, 200])
    table = run.type_probabilities(rows)
    assert list(table.index) == list(section.adata.obs_names[rows])
    assert table.sum(axis=1).to_numpy() == pytest.approx(1)
    assert list(table.idxmax(axis=1)) == list(run.predicted_type[rows])
    assert fit(section, reference, config).type_probabilities(rows) is None


def test_many_genes_are_placed_as_few_are_and_never_by_a_matrix_of_all_pairs_of_them(monkeypatch):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 60)
    section = Section.from_adata(
        AnnData(
            rng.poisson(1 + 3 * np.eye(3)[kind][:, rng.integers(0, 3, 40)]).astype(np.float32),
            obsm={"spatial": rng.random((60, 2))},
        )
    )
    exact = measured_components(section, 2)
    monkeypatch.setattr(pca_module, "MAX_EXACT_SIZE", 20)
    monkeypatch.setattr(np.linalg, "eigh", None)
    many = measured_components(section, 2)
    assert np.abs([np.corrcoef(a, b)[0, 1] for a, b in zip(exact.T, many.T, strict=True)]) == pytest.approx(
        [1, 1], abs=1e-4
    )
