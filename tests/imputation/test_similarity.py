"""Cells that are alike: the mean of a noisy cell's likes lies nearer to what the cell is than the cell itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_inclust.imputation.similarity import CellSimilarity
from napari_inclust.training.inference import EncodedCells

GENES, KINDS = 40, 4


def cells(values):
    """As two members see them: the second lacks the first ten genes."""
    nothing = np.zeros((2, len(values), 1), dtype=np.float32)
    second = values.copy()
    second[:, :10] = 0
    return EncodedCells(np.stack([values, second]).astype(np.float32), nothing, nothing, nothing)


@pytest.fixture(scope="module")
def made():
    """Noisy cells of four kinds, what each is without the noise, and the likeness of some of them."""
    random = np.random.default_rng(0)
    kinds = random.normal(size=(KINDS, GENES))
    true = kinds[random.integers(0, KINDS, 600)]
    noisy = true + 1.5 * random.normal(size=true.shape)
    shown = [np.arange(GENES), np.arange(10, GENES)]
    return (
        cells(true[300:]),
        cells(noisy[300:]),
        CellSimilarity.fit(cells(noisy[:300]), cells(kinds.repeat(20, 0)), shown),
    )


@pytest.mark.parametrize("member", [0, 1])
def test_the_mean_of_like_cells_is_nearer_to_the_truth_than_the_cell(made, member):
    true, noisy, likeness = made

    def cosine(found):
        wanted = likeness.embed(true, member)
        return ((found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)).mean()

    assert cosine(likeness.smoothed_embedding(noisy, member)) > cosine(likeness.embed(noisy, member)) + 0.1


def test_weights_are_shares_of_the_anchors_that_are_given(made):
    _, noisy, likeness = made
    assert likeness.design_matrix(noisy, 0).sum(1) == pytest.approx(np.ones(300), abs=1e-5)
    assert replace(likeness, standardisation_cells=cells(noisy.inputs[0][:50])).design_matrix(noisy, 1).shape == (
        300,
        50,
    )


def test_what_a_member_does_not_see_does_not_matter(made):
    _, noisy, likeness = made
    other = noisy.inputs[0].copy()
    other[:, :10] += 7
    assert np.array_equal(likeness.smoothed_embedding(cells(other), 1), likeness.smoothed_embedding(noisy, 1))
