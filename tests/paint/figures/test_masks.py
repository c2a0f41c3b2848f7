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
from napari_inclust.paint.figures.masks import DECODER, ENCODER, MaskDiagram, draw_masks
from napari_inclust.training.build_plan import build_imputation_plan, build_plan

from ...gui.fakes import small_reference, small_section


@pytest.fixture(scope="module")
def plans() -> dict[str, Any]:
    section, reference = small_section(), small_reference()
    sets = [Dataset.from_adata(d.adata, name=d.name) for d in (section, reference)]
    return {
        "impute": build_imputation_plan(section, reference, align(section, reference), members=4, seed=0, components=6),
        "integrate": build_plan("integrate", sets),
    }


def _on(masks: MaskDiagram, side: str) -> dict[tuple[str, str], bool]:
    return {
        (masks.data_sets[t.row], masks.range_name(t.feature_range)): t.active for t in masks.tiles() if t.side == side
    }


def test_imputation_shows_shared_genes_and_judges_components_on_the_reference(plans: dict[str, Any]) -> None:
    masks = MaskDiagram.from_plan(plans["impute"])
    assert [(s.block, s.n_features) for s in masks.feature_ranges] == [("genes", 20), ("components", 6)]
    assert _on(masks, ENCODER) == {
        ("reference", "genes"): True, ("reference", "components"): False, ("section", "genes"): True, ("section", "components"): False,
    }  # fmt: skip
    assert _on(masks, DECODER)["reference", "components"]
    assert not _on(masks, DECODER)["section", "components"]
    hidden = {(masks.data_sets[t.row], t.side, masks.range_name(t.feature_range)): t.hidden for t in masks.tiles()}
    assert hidden["section", DECODER, "genes"] == hidden["reference", ENCODER, "genes"] == 0.25
    assert hidden["reference", DECODER, "genes"] == hidden["reference", DECODER, "components"] == 0
    assert "4 members" in masks.hatching_note


def test_pieces_of_a_block_are_named_by_whose_they_are(plans: dict[str, Any]) -> None:
    masks = MaskDiagram.from_plan(plans["integrate"])
    assert {masks.range_name(i): s.n_features for i, s in enumerate(masks.feature_ranges)} == {
        "rna, shared": 20,
        "rna, small": 4,
        "rna, small reference": 20,
    }
    assert _on(masks, DECODER)["small", "rna, small"]
    assert not _on(masks, DECODER)["small", "rna, small reference"]
    assert masks.hatching_note == ""


@pytest.mark.parametrize("task", ["impute", "integrate"])
def test_tiles_fill_the_sides_without_overlap(plans: dict[str, Any], task: str) -> None:
    tiles = sorted((t for t in MaskDiagram.from_plan(plans[task]).tiles() if t.row == 0), key=lambda t: t.left)
    assert tiles[-1].left + tiles[-1].width == pytest.approx(1)
    assert all(a.left + a.width <= b.left + 1e-9 for a, b in pairwise(tiles))


def test_the_drawing_is_filled_where_the_mask_is_on(plans: dict[str, Any]) -> None:
    masks = MaskDiagram.from_plan(plans["integrate"])
    figure = draw_masks(masks, title="integrate")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    for t in masks.tiles():
        x, y = figure.axes[0].transData.transform((t.left + t.width / 2, t.row + 0.5))
        colour = pixels[len(pixels) - 1 - round(y), round(x)]
        expected = np.round(255 * np.array(to_rgb(masks.colour(t.feature_range)))) if t.active else [255, 255, 255]
        assert np.abs(colour - expected).max() <= 2
