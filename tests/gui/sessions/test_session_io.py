"""A session as a file: all that was chosen comes back; bad files change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_inclust.errors import RunError
from napari_inclust.gui.controllers.reliability_controller import UNCERTAINTY_SPREAD
from napari_inclust.gui.controllers.tissue import load_image_state
from napari_inclust.gui.sessions.sidecars import read_linked_files
from napari_inclust.gui.state.status import IDLE
from napari_inclust.io.runs import load as saved_runs
from napari_inclust.paint.layers import canvas
from napari_inclust.paint.limits import PercentileLimits
from napari_inclust.spatial.regions import Region
from napari_inclust.training.config import Config

from ..fakes import FakeRun, fake_find, small_reference, small_section


@pytest.fixture
def saved(opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A viewer with much chosen, its session file, and a way to load the fake run."""
    from napari_inclust.io.readers.dispatch import read_reference, read_section

    viewer, bench, dock = opened
    for name, data in (("section", small_section()), ("reference", small_reference())):
        data.adata.write_h5ad(tmp_path / f"{name}.h5ad")
    s = bench.session
    s.open_section(read_section(tmp_path / "section.h5ad"))
    s.open_reference(read_reference(tmp_path / "reference.h5ad"), "cell_type")
    s.add_run(FakeRun(s.section, s.reference, Config(seed=7)))
    s.add_run(FakeRun(s.section, s.reference))
    monkeypatch.setattr(
        saved_runs,
        "load_run",
        lambda path, section, reference: FakeRun(section, reference, Config(seed=7 if ".run1" in path.name else 0)),
    )
    for gene in ("Gene6", "Gene31"):
        s.select_gene(gene)
        qtbot.waitUntil(lambda gene=gene: bench.canvas_controller.painter.gene_layer().cell_values.name == gene)
    s.set_view("imputed")
    bench.gene_controller.toggle_blend_channel("red")
    s.select_gene("Gene10")
    qtbot.waitUntil(lambda: bench.canvas_controller.painter.gene_layer().cell_values.name == "Gene10")
    s.look.set_limits_policy(PercentileLimits(2, 95))
    s.look.set_separate_limits(True)
    s.look.set_manual_limits(s.displayed_values()[0], 0.5, 1.5)
    s.look.set_threshold(s.displayed_values()[0], 1.2)
    s.look.set_colormap("magma")
    s.toggle_star("Gene7")
    s.add_gene_sets({"mine": ("Gene4", "Gene31")})
    bench.reliability_controller.set_fade(0.25)
    bench.reliability_controller.set_uncertainty(UNCERTAINTY_SPREAD, as_veil=True)
    bench.region_controller.add([Region("left", np.array([(0.0, 0.0), (50, 0), (50, 100), (0, 100)]))])
    qtbot.waitUntil(
        lambda: (
            bench.reliability_controller.gene_interval is not None
            and bench.reliability_controller.gene_interval.imputed.name == "Gene10"
        ),
        timeout=10_000,
    )
    canvas.camera(viewer).zoom, canvas.camera(viewer).center = 3.5, (0.0, 40.0, 60.0)
    path = tmp_path / "mine.inclust.json"
    bench.session_io.save(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=10_000)
    assert "The session is in" in bench.session_io.message
    assert bench.session_io.message.endswith("Beside it: run in mine.inclust, 1 other run (.inclust).")
    return viewer, bench, dock, path


def test_all_that_was_chosen_comes_back(saved: Any, qtbot: Any) -> None:
    viewer, bench, dock, path = saved
    s = bench.session
    before = json.loads(path.read_text())
    assert before["files"] == {"section": "section.h5ad", "reference": "reference.h5ad"}
    assert (path.parent / before["run"]).read_text() == "fake run"
    shown = bench.canvas_controller.painter.gene_layer()
    now = shown.cell_values.values, tuple(shown.contrast_limits)
    s.close_section()
    s.look.set_colormap("gray")
    s.look.set_limits_policy(PercentileLimits())
    s.look.set_separate_limits(False)
    s.toggle_star("Gene7")
    s.gene_sets.clear()
    bench.reliability_controller.set_fade(0)
    canvas.camera(viewer).zoom = 1.0
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=10_000)
    assert bench.session_io.message == "Opened mine.inclust.json."
    layer = bench.canvas_controller.painter.gene_layer()
    assert layer.cell_values.name == "Gene10"
    assert layer.cell_values.kind == "held-out"
    assert np.array_equal(layer.cell_values.values, now[0])
    assert tuple(layer.contrast_limits) == pytest.approx(now[1])
    assert layer.threshold == pytest.approx(1.2)
    assert layer.colormap.name == "magma"
    assert s.look.limits_policy == PercentileLimits(2, 95)
    assert s.look.separate_limits
    assert s.starred_genes == {"Gene7"}
    assert s.labels_key == "cell_type"
    assert [run.config.seed for run in s.runs] == [7, 0]
    assert s.run is s.runs[1]
    assert dock.data.section.path() == str(path.parent / "section.h5ad")
    assert s.gene_sets == {"mine": ("Gene4", "Gene31")}
    assert s.recent_genes[:2] == ["Gene10", "Gene31"]
    assert s.blend["red"].name == "Gene31"
    assert s.blend["red"].is_imputed
    assert [r.name for r in bench.region_controller.regions] == ["left"]
    assert canvas.camera(viewer).zoom == pytest.approx(3.5)
    assert canvas.camera(viewer).center[-2:] == pytest.approx((40.0, 60.0))
    qtbot.waitUntil(lambda: bench.reliability_controller.faded_cells() is not None, timeout=10_000)
    qtbot.waitUntil(lambda: bench.canvas_controller.painter.overlays.uncertainty is not None, timeout=10_000)
    assert bench.reliability_controller.uncertainty_as_veil


def test_another_run_that_cannot_be_read_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(file: Path, section: Any, reference: Any) -> str:
        if file.name == "mine.run1.inclust":
            raise RunError("it is damaged.")
        return file.name

    monkeypatch.setattr(saved_runs, "load_run", load)
    state = {"run": "mine.inclust", "runs": ["mine.run1.inclust", "mine.inclust"]}
    assert read_linked_files(tmp_path, state, None, None) == (
        ["mine.inclust"],
        "mine.inclust",
        None,
        None,
        ("the run mine.run1.inclust (it is damaged.)",),
    )
    with pytest.raises(RunError):
        read_linked_files(tmp_path, state | {"run": "mine.run1.inclust"}, None, None)


def test_pictures_of_the_tissue_come_back(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    import tifffile

    viewer, bench, dock = opened
    section = replace(small_section(), paths=(tmp_path / "section.h5ad",))
    section.adata.write_h5ad(section.path)
    bench.session.open_section(section)
    picture, path = tmp_path / "stain.tif", tmp_path / "mine.inclust.json"
    tifffile.imwrite(
        picture, np.random.default_rng(0).integers(0, 255, (3, 40, 50), dtype=np.uint8), photometric="minisblack"
    )
    bench.image_controller.add_image(picture, 2.0)
    qtbot.waitUntil(
        lambda: bool(bench.image_controller.shown_channels) and not bench.image_controller.busy, timeout=10_000
    )
    names = [layer.name for layer in viewer.layers if layer.name.startswith("stain")]
    viewer.layers[names[0]].opacity = 0.4
    where = viewer.layers[names[0]].affine.affine_matrix
    bench.session_io.save(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert json.loads(path.read_text())["images"]["added"] == [["stain.tif", 2.0]]
    bench.session.close_section()
    assert not [layer for layer in viewer.layers if layer.name.startswith("stain")]
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert bench.session_io.message == "Opened mine.inclust.json."
    assert [layer.name for layer in viewer.layers if layer.name.startswith("stain")] == names
    assert viewer.layers[names[0]].opacity == pytest.approx(0.4)
    np.testing.assert_allclose(viewer.layers[names[0]].affine.affine_matrix, where)
    assert set(dock.data.tissue_images.ticked_channels()) == set(bench.image_controller.shown_channels)
    picture.unlink()
    shown, lost = load_image_state(
        section, {}, [(str(picture), 2.0)], bench.image_controller.shown_channels, None, molecules_shown=False
    )
    assert (shown.images, shown.channels, shown.added_images) == ([], (), [])
    assert len(lost) == 1
    assert lost[0].startswith(f"the image {picture} (")


def test_what_is_gone_is_told(saved: Any, qtbot: Any) -> None:
    _, bench, _, path = saved
    state = json.loads(path.read_text())
    state["gene"], state["colour"] = "Nothing", "gone"
    path.write_text(json.dumps(state))
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=10_000)
    assert bench.session_io.message.endswith("Not there any more: the column gone, the gene Nothing.")
    assert bench.session.gene is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: "no json", "no session, or is damaged"),
        (lambda state: json.dumps([1]), "no session, or is damaged"),
        (lambda state: json.dumps(state | {"format": 99}), "format 99"),
        (lambda state: json.dumps(state | {"files": {}}), "names no section"),
        (lambda state: json.dumps(state | {"files": {"section": "absent.h5ad"}}), "absent.h5ad"),
    ],
)
def test_a_bad_session_changes_nothing(saved: Any, qtbot: Any, change: Any, words: str) -> None:
    _, bench, _, path = saved
    section, gene = bench.session.section, bench.session.gene
    path.write_text(change(json.loads(path.read_text())))
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=10_000)
    assert bench.session_io.is_error
    assert words in bench.session_io.message
    assert bench.session.section is section
    assert bench.session.gene == gene


def test_a_section_without_a_file_has_no_session(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, _ = opened
    bench.session.open_section(small_section())
    bench.session_io.save(tmp_path / "x.inclust.json")
    assert "never a file" in bench.session_io.message
    assert list(tmp_path.iterdir()) == []


def test_a_true_run_comes_back_with_the_same_values(
    opened: Any, real_core: None, qtbot: Any, pair: Any, tmp_path: Path
) -> None:
    from napari_inclust import Config, fit
    from napari_inclust.io.readers.dispatch import read_reference, read_section

    _, bench, _ = opened
    s = bench.session
    s.open_section(read_section(pair[0]))
    s.open_reference(read_reference(pair[1]))
    config = Config(
        epochs=2,
        members=2,
        steps=2,
        batch=32,
        latent=4,
        hidden=(16,),
        decoder_hidden=(16,),
        threads=1,
        readouts=("decoder",),
    )
    s.add_run(fit(s.section, s.reference, config))
    gene = s.run.panel.reference_only[0]
    s.select_gene(gene)
    qtbot.waitUntil(
        lambda: (
            bench.canvas_controller.painter.gene_layer() is not None
            and bench.canvas_controller.painter.gene_layer().cell_values.name == gene
        ),
        timeout=30_000,
    )
    before = bench.canvas_controller.painter.gene_layer().cell_values.values
    qtbot.waitUntil(
        lambda: bench.reliability_controller.cell_reliability is not None or bench.reliability_controller.is_error,
        timeout=60_000,
    )
    path = tmp_path / "true.inclust.json"
    bench.session_io.save(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    s.close_section()
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=60_000)
    assert not bench.session_io.is_error, bench.session_io.message
    layer = bench.canvas_controller.painter.gene_layer()
    assert layer.cell_values.name == gene
    assert layer.cell_values.is_imputed
    np.testing.assert_allclose(layer.cell_values.values, before, rtol=1e-4, atol=1e-5)
    qtbot.waitUntil(
        lambda: bench.reliability_controller.cell_reliability is not None or bench.reliability_controller.is_error,
        timeout=60_000,
    )


@pytest.fixture
def with_domains(saved: Any, qtbot: Any) -> Any:
    """The same, with domains that were named and merged, and a selection."""
    _, bench, _, path = saved
    bench.domain_controller.search = fake_find()
    bench.domain_controller.start(None)
    qtbot.waitUntil(
        lambda: bench.domain_controller.domains is not None and bench.domain_controller.state == IDLE, timeout=20_000
    )
    bench.domain_controller.rename(0, "bark")
    bench.domain_controller.select_solution(4)
    bench.domain_controller.highlight(frozenset({1, 2}))
    bench.domain_controller.merge()
    bench.domain_controller.highlight(frozenset({2}))
    bench.domain_controller.show_confidence(True)
    bench.domain_controller.show_outlines(True)
    qtbot.waitUntil(lambda: bench.domain_controller.outline_segments is not None, timeout=20_000)
    cells = np.arange(60) % 7 == 3
    bench.selected_cells.select(cells, "every seventh")
    bench.canvas_controller.bring_to_front("domains")
    bench.session_io.save(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert not bench.session_io.is_error
    return bench, path, bench.domain_controller.domains, cells


def test_domains_and_selection_come_back(with_domains: Any, qtbot: Any) -> None:
    bench, path, before, cells = with_domains
    bench.session.close_section()
    assert bench.domain_controller.domains is None
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert bench.session_io.message == "Opened mine.inclust.json."
    found = bench.domain_controller.domains
    assert found.section is bench.session.section
    assert (list(found.solutions), found.chosen, found.method) == ([2, 3, 4], 4, before.method)
    for k, seg in found.solutions.items():
        assert np.array_equal(seg.labels, before.solutions[k].labels)
        assert np.array_equal(seg.confidence, before.solutions[k].confidence)
        assert (seg.names, seg.colours) == (before.solutions[k].names, before.solutions[k].colours)
    assert found.solutions[3].names[0] == "bark"
    assert found.solutions[4].n_domains == 3
    np.testing.assert_allclose(found.space, before.space, atol=2e-3)
    assert found.table["stability"].to_dict() == before.table["stability"].to_dict()
    assert np.array_equal(found.xy, before.xy)
    assert (
        bench.domain_controller.highlighted,
        bench.domain_controller.confidence_shown,
        bench.domain_controller.outlines_shown,
    ) == (frozenset({2}), True, True)
    painted = bench.canvas_controller.painter.overlays.domains
    assert painted.visible
    assert np.array_equal(painted.cell_categories.codes, before.labels)
    assert not bench.canvas_controller.painter.gene_layer().visible
    assert np.array_equal(bench.selected_cells.current.mask, cells)
    assert bench.selected_cells.current.name == "every seventh"
    bench.domain_controller.split()
    assert bench.domain_controller.domains.segmentation.n_domains == 4


@pytest.mark.parametrize(
    "damage", [lambda data: data[:400], lambda data: b"nothing", lambda data: data[:-3000] + bytes(3000)]
)
def test_domains_that_cannot_be_read_cost_nothing_else(with_domains: Any, qtbot: Any, damage: Any) -> None:
    bench, path, _, cells = with_domains
    beside = path.parent / "mine.domains.npz"
    beside.write_bytes(damage(beside.read_bytes()))
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert "Not there any more: the domains (" in bench.session_io.message
    assert "mine.domains.npz holds no domains, or is damaged" in bench.session_io.message
    assert bench.domain_controller.domains is None
    assert np.array_equal(bench.selected_cells.current.mask, cells)
    assert bench.session.gene == "Gene10"


@pytest.mark.parametrize("text", ["AAAA", "!!", ""])
def test_a_damaged_selection_is_told(with_domains: Any, qtbot: Any, text: str) -> None:
    bench, path, _, _ = with_domains
    state = json.loads(path.read_text())
    state["selection"]["cells"] = text
    path.write_text(json.dumps(state))
    bench.session_io.open(path)
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    assert bench.session_io.is_error
    assert "damaged" in bench.session_io.message
