"""A session as a file: all that was chosen comes back; bad files change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_inclust.errors import RunError
from napari_inclust.gui.controllers.reliability_controller import SPREAD
from napari_inclust.gui.controllers.tissue import read_shown
from napari_inclust.gui.sessions.sidecars import read_beside
from napari_inclust.gui.state.domains import IDLE
from napari_inclust.io.runs import imputation_runs
from napari_inclust.paint.layers import canvas
from napari_inclust.paint.limits import Percentile
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
    s.set_run(FakeRun(s.section, s.reference, Config(seed=7)))
    s.set_run(FakeRun(s.section, s.reference))
    monkeypatch.setattr(
        imputation_runs, "load_run", lambda path, section, reference: FakeRun(section, reference, Config(seed=7 if ".run1" in path.name else 0))
    )
    for gene in ("Gene6", "Gene31"):
        s.choose(gene)
        qtbot.waitUntil(lambda gene=gene: bench.scene.painter.gene_layer().painted.name == gene)
    s.set_view("imputed")
    s.put("red")
    s.choose("Gene10")
    qtbot.waitUntil(lambda: bench.scene.painter.gene_layer().painted.name == "Gene10")
    s.look.set_policy(Percentile(2, 95))
    s.look.set_own(True)
    s.look.set_manual(s.shown()[0], 0.5, 1.5)
    s.look.set_threshold(s.shown()[0], 1.2)
    s.look.set_colormap("magma")
    s.star("Gene7")
    s.add_sets({"mine": ("Gene4", "Gene31")})
    bench.judging.set_fade(0.25)
    bench.judging.set_uncertainty(SPREAD, veil=True)
    bench.regions.add([Region("left", np.array([(0.0, 0.0), (50, 0), (50, 100), (0, 100)]))])
    qtbot.waitUntil(lambda: bench.judging.about is not None and bench.judging.about.imputed.name == "Gene10", timeout=10_000)
    canvas.camera(viewer).zoom, canvas.camera(viewer).center = 3.5, (0.0, 40.0, 60.0)
    path = tmp_path / "mine.inclust.json"
    bench.restore.save(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=10_000)
    assert "The session is in" in bench.restore.message
    assert bench.restore.message.endswith("Beside it: run in mine.inclust, 1 other run (.inclust).")
    return viewer, bench, dock, path


def test_all_that_was_chosen_comes_back(saved: Any, qtbot: Any) -> None:
    viewer, bench, dock, path = saved
    s = bench.session
    before = json.loads(path.read_text())
    assert before["files"] == {"section": "section.h5ad", "reference": "reference.h5ad"}
    assert (path.parent / before["run"]).read_text() == "fake run"
    shown = bench.scene.painter.gene_layer()
    now = shown.painted.values, tuple(shown.contrast_limits)
    s.close_section()
    s.look.set_colormap("gray")
    s.look.set_policy(Percentile())
    s.look.set_own(False)
    s.stars.clear()
    s.gene_sets.clear()
    bench.judging.set_fade(0)
    canvas.camera(viewer).zoom = 1.0
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=10_000)
    assert bench.restore.message == "Opened mine.inclust.json."
    layer = bench.scene.painter.gene_layer()
    assert layer.painted.name == "Gene10"
    assert layer.painted.kind == "held-out"
    assert np.array_equal(layer.painted.values, now[0])
    assert tuple(layer.contrast_limits) == pytest.approx(now[1])
    assert layer.least == pytest.approx(1.2)
    assert layer.colormap.name == "magma"
    assert s.look.policy == Percentile(2, 95)
    assert s.look.own
    assert s.stars == {"Gene7"}
    assert s.labels == "cell_type"
    assert [run.config.seed for run in s.runs] == [7, 0]
    assert s.run is s.runs[1]
    assert dock.data.section.path() == str(path.parent / "section.h5ad")
    assert s.gene_sets == {"mine": ("Gene4", "Gene31")}
    assert s.recent[:2] == ["Gene10", "Gene31"]
    assert s.blend["red"].name == "Gene31"
    assert s.blend["red"].is_imputed
    assert [r.name for r in bench.regions.items] == ["left"]
    assert canvas.camera(viewer).zoom == pytest.approx(3.5)
    assert canvas.camera(viewer).center[-2:] == pytest.approx((40.0, 60.0))
    qtbot.waitUntil(lambda: bench.judging.faded() is not None, timeout=10_000)
    qtbot.waitUntil(lambda: bench.scene.painter.overlays.uncertainty is not None, timeout=10_000)
    assert bench.judging.veil


def test_another_run_that_cannot_be_read_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(file: Path, section: Any, reference: Any) -> str:
        if file.name == "mine.run1.inclust":
            raise RunError("it is damaged.")
        return file.name

    monkeypatch.setattr(imputation_runs, "load_run", load)
    state = {"run": "mine.inclust", "runs": ["mine.run1.inclust", "mine.inclust"]}
    assert read_beside(tmp_path, state, None, None) == (["mine.inclust"], "mine.inclust", None, None, ("the run mine.run1.inclust (it is damaged.)",))
    with pytest.raises(RunError):
        read_beside(tmp_path, state | {"run": "mine.run1.inclust"}, None, None)


def test_pictures_of_the_tissue_come_back(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    import tifffile

    viewer, bench, dock = opened
    section = replace(small_section(), path=tmp_path / "section.h5ad")
    section.adata.write_h5ad(section.path)
    bench.session.open_section(section)
    picture, path = tmp_path / "stain.tif", tmp_path / "mine.inclust.json"
    tifffile.imwrite(picture, np.random.default_rng(0).integers(0, 255, (3, 40, 50), dtype=np.uint8), photometric="minisblack")
    bench.tissue.add(picture, 2.0)
    qtbot.waitUntil(lambda: bool(bench.tissue.shown) and not bench.tissue.busy, timeout=10_000)
    names = [layer.name for layer in viewer.layers if layer.name.startswith("stain")]
    viewer.layers[names[0]].opacity = 0.4
    where = viewer.layers[names[0]].affine.affine_matrix
    bench.restore.save(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert json.loads(path.read_text())["images"]["added"] == [["stain.tif", 2.0]]
    bench.session.close_section()
    assert not [layer for layer in viewer.layers if layer.name.startswith("stain")]
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert bench.restore.message == "Opened mine.inclust.json."
    assert [layer.name for layer in viewer.layers if layer.name.startswith("stain")] == names
    assert viewer.layers[names[0]].opacity == pytest.approx(0.4)
    np.testing.assert_allclose(viewer.layers[names[0]].affine.affine_matrix, where)
    assert set(dock.data.tissue.ticked()) == set(bench.tissue.shown)
    picture.unlink()
    shown, lost = read_shown(section, {}, [(str(picture), 2.0)], bench.tissue.shown, None, molecules=False)
    assert (shown.images, shown.names, shown.added) == ([], (), [])
    assert len(lost) == 1
    assert lost[0].startswith(f"the image {picture} (")


def test_what_is_gone_is_told(saved: Any, qtbot: Any) -> None:
    _, bench, _, path = saved
    state = json.loads(path.read_text())
    state["gene"], state["colour"] = "Nothing", "gone"
    path.write_text(json.dumps(state))
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=10_000)
    assert bench.restore.message.endswith("Not there any more: the column gone, the gene Nothing.")
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
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=10_000)
    assert bench.restore.wrong
    assert words in bench.restore.message
    assert bench.session.section is section
    assert bench.session.gene == gene


def test_a_section_without_a_file_has_no_session(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, _ = opened
    bench.session.open_section(small_section())
    bench.restore.save(tmp_path / "x.inclust.json")
    assert "never a file" in bench.restore.message
    assert list(tmp_path.iterdir()) == []


def test_a_true_run_comes_back_with_the_same_values(opened: Any, real_core: None, qtbot: Any, pair: Any, tmp_path: Path) -> None:
    from napari_inclust import Config, fit
    from napari_inclust.io.readers.dispatch import read_reference, read_section

    _, bench, _ = opened
    s = bench.session
    s.open_section(read_section(pair[0]))
    s.open_reference(read_reference(pair[1]))
    config = Config(epochs=2, members=2, steps=2, batch=32, latent=4, hidden=(16,), decoder_hidden=(16,), threads=1, readouts=("decoder",))
    s.set_run(fit(s.section, s.reference, config))
    gene = s.run.panel.reference_only[0]
    s.choose(gene)
    qtbot.waitUntil(lambda: bench.scene.painter.gene_layer() is not None and bench.scene.painter.gene_layer().painted.name == gene, timeout=30_000)
    before = bench.scene.painter.gene_layer().painted.values
    qtbot.waitUntil(lambda: bench.judging.cells is not None or bench.judging.wrong, timeout=60_000)
    path = tmp_path / "true.inclust.json"
    bench.restore.save(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    s.close_section()
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=60_000)
    assert not bench.restore.wrong, bench.restore.message
    layer = bench.scene.painter.gene_layer()
    assert layer.painted.name == gene
    assert layer.painted.is_imputed
    np.testing.assert_allclose(layer.painted.values, before, rtol=1e-4, atol=1e-5)
    qtbot.waitUntil(lambda: bench.judging.cells is not None or bench.judging.wrong, timeout=60_000)


@pytest.fixture
def with_domains(saved: Any, qtbot: Any) -> Any:
    """The same, with domains that were named and merged, and a selection."""
    _, bench, _, path = saved
    bench.finding.find = fake_find()
    bench.finding.start(None)
    qtbot.waitUntil(lambda: bench.finding.found is not None and bench.finding.state == IDLE, timeout=20_000)
    bench.finding.rename(0, "bark")
    bench.finding.choose(4)
    bench.finding.select(frozenset({1, 2}))
    bench.finding.merge()
    bench.finding.select(frozenset({2}))
    bench.finding.shade(True)
    bench.finding.outline(True)
    qtbot.waitUntil(lambda: bench.finding.lines is not None, timeout=20_000)
    cells = np.arange(60) % 7 == 3
    bench.selection.select(cells, "every seventh")
    bench.scene.bring("domains")
    bench.restore.save(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert not bench.restore.wrong
    return bench, path, bench.finding.found, cells


def test_domains_and_selection_come_back(with_domains: Any, qtbot: Any) -> None:
    bench, path, before, cells = with_domains
    bench.session.close_section()
    assert bench.finding.found is None
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert bench.restore.message == "Opened mine.inclust.json."
    found = bench.finding.found
    assert found.section is bench.session.section
    assert (list(found.solutions), found.chosen, found.method) == ([2, 3, 4], 4, before.method)
    for k, seg in found.solutions.items():
        assert np.array_equal(seg.labels, before.solutions[k].labels)
        assert np.array_equal(seg.confidence, before.solutions[k].confidence)
        assert (seg.names, seg.colours) == (before.solutions[k].names, before.solutions[k].colours)
    assert found.solutions[3].names[0] == "bark"
    assert found.solutions[4].k == 3
    np.testing.assert_allclose(found.space, before.space, atol=2e-3)
    assert found.table["stability"].to_dict() == before.table["stability"].to_dict()
    assert np.array_equal(found.xy, before.xy)
    assert (bench.finding.selected, bench.finding.shaded, bench.finding.outlined) == (frozenset({2}), True, True)
    painted = bench.scene.painter.overlays.domains
    assert painted.visible
    assert np.array_equal(painted.types.codes, before.labels)
    assert not bench.scene.painter.gene_layer().visible
    assert np.array_equal(bench.selection.now.cells, cells)
    assert bench.selection.now.name == "every seventh"
    bench.finding.split()
    assert bench.finding.found.segmentation.k == 4


@pytest.mark.parametrize("damage", [lambda data: data[:400], lambda data: b"nothing", lambda data: data[:-3000] + bytes(3000)])
def test_domains_that_cannot_be_read_cost_nothing_else(with_domains: Any, qtbot: Any, damage: Any) -> None:
    bench, path, _, cells = with_domains
    beside = path.parent / "mine.domains.npz"
    beside.write_bytes(damage(beside.read_bytes()))
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert "Not there any more: the domains (" in bench.restore.message
    assert "mine.domains.npz holds no domains, or is damaged" in bench.restore.message
    assert bench.finding.found is None
    assert np.array_equal(bench.selection.now.cells, cells)
    assert bench.session.gene == "Gene10"


@pytest.mark.parametrize("text", ["AAAA", "!!", ""])
def test_a_damaged_selection_is_told(with_domains: Any, qtbot: Any, text: str) -> None:
    bench, path, _, _ = with_domains
    state = json.loads(path.read_text())
    state["selection"]["cells"] = text
    path.write_text(json.dumps(state))
    bench.restore.open(path)
    qtbot.waitUntil(lambda: not bench.restore.busy, timeout=20_000)
    assert bench.restore.wrong
    assert "damaged" in bench.restore.message
