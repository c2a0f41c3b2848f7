"""The picture of a plan's masks: what it shows is what the plan says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from napari_inclust.data.dataset import Dataset
from napari_inclust.data.panel import align
from napari_inclust.paint.figures.masks import DECODER, ENCODER, Masks, draw
from napari_inclust.training.build_plan import compose, imputation

from ..gui.fakes import small_reference, small_section


@pytest.fixture(scope="module")
def plans() -> dict[str, Any]:
    section, reference = small_section(), small_reference()
    sets = [Dataset.from_adata(d.adata, name=d.name) for d in (section, reference)]
    return {
        "impute": imputation(section, reference, align(section, reference), members=4, seed=0, components=6),
        "integrate": compose("integrate", sets),
    }


def _on(masks: Masks, side: str) -> dict[tuple[str, str], bool]:
    return {(masks.rows[t.row], masks.name(t.piece)): t.on for t in masks.tiles() if t.side == side}


def test_imputation_shows_shared_genes_and_judges_components_on_the_reference(plans: dict[str, Any]) -> None:
    masks = Masks.of(plans["impute"])
    assert [(s.block, s.features) for s in masks.pieces] == [("genes", 20), ("components", 6)]
    assert _on(masks, ENCODER) == {
        ("reference", "genes"): True, ("reference", "components"): False, ("section", "genes"): True, ("section", "components"): False,
    }  # fmt: skip
    assert _on(masks, DECODER)["reference", "components"]
    assert not _on(masks, DECODER)["section", "components"]
    hidden = {(masks.rows[t.row], t.side, masks.name(t.piece)): t.hidden for t in masks.tiles()}
    assert hidden["section", DECODER, "genes"] == hidden["reference", ENCODER, "genes"] == 0.25
    assert hidden["reference", DECODER, "genes"] == hidden["reference", DECODER, "components"] == 0
    assert "4 members" in masks.said


def test_pieces_of_a_block_are_named_by_whose_they_are(plans: dict[str, Any]) -> None:
    masks = Masks.of(plans["integrate"])
    assert {masks.name(i): s.features for i, s in enumerate(masks.pieces)} == {"rna, shared": 20, "rna, small": 4, "rna, small reference": 20}
    assert _on(masks, DECODER)["small", "rna, small"]
    assert not _on(masks, DECODER)["small", "rna, small reference"]
    assert masks.said == ""


@pytest.mark.parametrize("task", ["impute", "integrate"])
def test_tiles_fill_the_sides_without_overlap(plans: dict[str, Any], task: str) -> None:
    tiles = sorted((t for t in Masks.of(plans[task]).tiles() if t.row == 0), key=lambda t: t.left)
    assert tiles[-1].left + tiles[-1].width == pytest.approx(1)
    assert all(a.left + a.width <= b.left + 1e-9 for a, b in pairwise(tiles))


def test_the_drawing_is_filled_where_the_mask_is_on(plans: dict[str, Any]) -> None:
    masks = Masks.of(plans["integrate"])
    figure = draw(masks, title="integrate")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    for t in masks.tiles():
        x, y = figure.axes[0].transData.transform((t.left + t.width / 2, t.row + 0.5))
        colour = pixels[len(pixels) - 1 - round(y), round(x)]
        expected = np.round(255 * np.array(to_rgb(masks.colour(t.piece)))) if t.on else [255, 255, 255]
        assert np.abs(colour - expected).max() <= 2
