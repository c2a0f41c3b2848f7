"""Sections side by side: each at its place, the chosen gene in all, in equal colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_inclust.paint.layers import canvas
from napari_inclust.paint.layers.additional_sections import Placement

from ..conftest import expected_colour, pixel_of
from ..fakes import FakeRun, small_reference, small_section
from ..mouse import LEFT, drag
from ..mouse import pick as mouse_pick


@pytest.fixture
def three(opened: Any, qtbot: Any, tmp_path: Path) -> Any:
    """Three sections that were opened one after the other; the third lacks Gene5, the first is open."""
    viewer, bench, dock = opened
    paths = []
    for i, name in enumerate(("a", "b", "c")):
        adata = small_section(seed=i).adata
        if name == "c":
            adata = adata[:, [g for g in adata.var_names if g != "Gene5"]].copy()
        paths.append(str(tmp_path / f"{name}.h5ad"))
        adata.write_h5ad(paths[-1])
    for path in (*paths[1:], paths[0]):
        bench.loading_controller.load_section(path)
        qtbot.waitUntil(lambda: not bench.loading_controller.busy, timeout=20_000)
    dock.tabs.setCurrentIndex(dock.titles.index("Data"))
    bench.session.select_gene("Gene5")
    return viewer, bench, dock.data.additional_sections_list, paths


def tick(view: Any, bench: Any, path: str, qtbot: Any, on: bool = True) -> None:
    item = next(
        i for i in map(view.sections.item, range(view.sections.count())) if i.data(Qt.ItemDataRole.UserRole) == path
    )
    view.sections.setCurrentItem(item)
    item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
    qtbot.waitUntil(lambda: not bench.additional_sections.busy, timeout=20_000)
    if on:
        qtbot.waitUntil(
            lambda: bench.additional_sections.section_layers.sections[path].tissue_layer is not None, timeout=20_000
        )


def canvas_place(guest: Any, row: int) -> tuple[float, float]:
    x, y = guest.section.xy[row]
    moved = guest.raster.matrix @ (y, x, 1.0)
    return float(moved[0]), float(moved[1])


def test_the_gene_is_painted_in_all_in_equal_colours(three: Any, qtbot: Any) -> None:
    viewer, bench, view, (_, b, c) = three
    assert [view.sections.item(i).text() for i in range(view.sections.count())] == ["b.h5ad", "c.h5ad"]
    tick(view, bench, b, qtbot)
    tick(view, bench, c, qtbot)
    leader, guests = bench.canvas_controller.painter.gene_layer(), bench.additional_sections.section_layers.sections
    qtbot.waitUntil(lambda: guests[b].gene_layer is not None, timeout=20_000)
    assert guests[b].gene_layer.name == "Gene5 · measured · b"
    assert guests[c].gene_layer is None  # it was not measured there: grey
    counts = np.asarray(guests[b].section.matrix.todense())
    row = int(np.argmax(counts[:, 5] / counts.sum(1)))
    for limits in ((0.0, 4.0), (1.0, 6.0)):
        leader.contrast_limits = limits
        assert tuple(guests[b].gene_layer.contrast_limits) == limits
        y, x = canvas_place(guests[b], row)
        value = float(guests[b].gene_layer.cell_values.values[row])
        assert np.abs(pixel_of(viewer, y, x, qtbot) - expected_colour(leader, value)).max() <= 3
    leader.colormap = "magma"
    assert guests[b].gene_layer.colormap.name == "magma"
    assert guests[b].cell_text(y, x).startswith(f"cell_{row} of b · Gene5")
    bench.session.select_gene("Gene7")
    qtbot.waitUntil(
        lambda: guests[c].gene_layer is not None and guests[b].gene_layer.cell_values.name == "Gene7", timeout=20_000
    )
    leader.visible = False
    assert not guests[c].gene_layer.visible


def test_sections_do_not_overlap_and_keep_their_scale(three: Any, qtbot: Any) -> None:
    _, bench, view, (_, b, c) = three
    for path in (b, c):
        tick(view, bench, path, qtbot)
    boxes = [
        bench.session.section.xy[:, ::-1],
        *(
            np.array([canvas_place(g, r) for r in range(60)])
            for g in bench.additional_sections.section_layers.sections.values()
        ),
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        apart = (boxes[one].min(0) > boxes[other].max(0)) | (boxes[other].min(0) > boxes[one].max(0))
        assert apart.any()
    assert np.linalg.norm(boxes[1][1] - boxes[1][0]) == pytest.approx(20)  # micrometres between neighbours in the file
    before = boxes[1]
    view.sections.setCurrentRow(0)
    view.shift_right.setValue(30)
    view.rotation.setValue(90)
    after = np.array([canvas_place(bench.additional_sections.section_layers.sections[b], r) for r in range(60)])
    centre = (before.min(0) + before.max(0)) / 2
    off = before - centre
    expected = np.add(centre, (0, 30)) + np.column_stack(
        [off[:, 1], -off[:, 0]]
    )  # clockwise: what lay to the right lies below
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert view.rotation.suffix() == "°"
    assert "µm" in view.shift_right.suffix()


def test_another_section_is_opened_and_the_one_before_lies_beside_it(three: Any, qtbot: Any) -> None:
    _, bench, view, (a, b, _) = three
    tick(view, bench, b, qtbot)
    bench.loading_controller.load_section(b)
    qtbot.waitUntil(
        lambda: not bench.loading_controller.busy and list(bench.additional_sections.section_layers.sections) == [a],
        timeout=20_000,
    )
    assert bench.additional_sections.shown_paths == [a]
    tick(view, bench, a, qtbot, on=False)
    assert bench.additional_sections.shown_paths == []
    assert not any(layer.name.endswith("· a") for layer in bench.canvas_controller.painter._viewer().layers)


def test_imputed_values_come_from_a_run_of_that_section(three: Any, qtbot: Any) -> None:
    _, bench, view, (_, b, c) = three
    s = bench.session
    s.open_reference(small_reference())
    for path in (b, c):
        tick(view, bench, path, qtbot)
    guests = bench.additional_sections.section_layers.sections
    s.runs.append(FakeRun(guests[b].section, s.reference))
    s.add_run(FakeRun(s.section, s.reference))
    s.select_gene("Gene31")
    qtbot.waitUntil(
        lambda: guests[b].gene_layer is not None and guests[b].gene_layer.cell_values.name == "Gene31", timeout=20_000
    )
    assert guests[b].gene_layer.cell_values.is_imputed
    assert "imputed" in guests[b].gene_layer.name
    assert guests[c].gene_layer is None  # no run of it: grey, not a value of another section


def test_linked_views_and_a_removed_layer(three: Any, qtbot: Any) -> None:
    viewer, bench, view, (_, b, _) = three
    s = bench.session
    tick(view, bench, b, qtbot)
    guest = bench.additional_sections.section_layers.sections[b]
    qtbot.waitUntil(lambda: guest.gene_layer is not None, timeout=20_000)
    viewer.layers.remove(guest.gene_layer)
    s.select_gene("Gene8")
    qtbot.waitUntil(
        lambda: guest.gene_layer is not None and guest.gene_layer.cell_values.name == "Gene8", timeout=20_000
    )
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    s.set_view("side by side")
    qtbot.waitUntil(lambda: canvas.grid(viewer).enabled, timeout=20_000)
    assert not guest.gene_layer.visible
    assert not guest.tissue_layer.visible
    s.set_view("measured")
    qtbot.waitUntil(lambda: not canvas.grid(viewer).enabled, timeout=20_000)
    assert guest.gene_layer.visible
    assert guest.tissue_layer.visible


def test_a_section_in_pixels_is_refused(three: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, view, (a, _, _) = three
    adata = small_section().adata
    adata.uns["spatial_unit"] = "pixel"
    adata.write_h5ad(tmp_path / "pixels.h5ad")
    bench.loading_controller.load_section(tmp_path / "pixels.h5ad")
    qtbot.waitUntil(lambda: not bench.loading_controller.busy, timeout=20_000)
    bench.loading_controller.load_section(a)
    qtbot.waitUntil(lambda: not bench.loading_controller.busy, timeout=20_000)
    bench.additional_sections.set_shown(str(tmp_path / "pixels.h5ad"), on=True)
    qtbot.waitUntil(lambda: bool(bench.additional_sections.error_message), timeout=20_000)
    assert "Open it with a pixel size" in view.message.text()
    assert bench.additional_sections.shown_paths == []


def test_a_gene_that_cannot_be_painted_does_not_drop_the_section_being_read(
    three: Any, qtbot: Any, monkeypatch: Any
) -> None:
    _, bench, view, (_, b, c) = three
    tick(view, bench, b, qtbot)
    bench.additional_sections.set_shown(c, on=True)

    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("no values")

    monkeypatch.setattr("napari_inclust.gui.controllers.additional_sections._section_values", broken)
    bench.additional_sections._request_values()
    qtbot.waitUntil(lambda: "no values" in bench.additional_sections.error_message, timeout=20_000)
    qtbot.waitUntil(lambda: not bench.additional_sections.busy, timeout=20_000)
    assert bench.additional_sections.shown_paths == [b, c]


def test_placement_turns_clockwise() -> None:
    matrix = Placement(rotation=90).matrix(np.zeros(2), np.array([10.0, 10.0]), np.zeros(2))
    assert matrix @ (5, 10, 1) == pytest.approx((10, 5, 1))  # the right side comes to lie below


def test_a_session_keeps_what_lies_beside(three: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, view, (_, b, _) = three
    tick(view, bench, b, qtbot)
    bench.additional_sections.move_section(b, Placement(10, 20, 45))
    bench.session_io.save(tmp_path / "s.inclust.json")
    qtbot.waitUntil(lambda: not bench.session_io.busy, timeout=20_000)
    bench.session.close_section()
    assert bench.additional_sections.shown_paths == []
    bench.additional_sections.section_layers.placements.clear()
    bench.session_io.open(tmp_path / "s.inclust.json")
    qtbot.waitUntil(
        lambda: not bench.session_io.busy and list(bench.additional_sections.section_layers.sections) == [b],
        timeout=20_000,
    )
    assert not bench.session_io.is_error, bench.session_io.message
    assert bench.additional_sections.section_layers.placements[b] == Placement(10, 20, 45)
    qtbot.waitUntil(lambda: bench.additional_sections.section_layers.sections[b].gene_layer is not None, timeout=20_000)


def test_an_area_on_a_section_beside_says_which_one_is_open(three: Any, qtbot: Any) -> None:
    viewer, bench, view, (a, b, _) = three
    (plugin,) = bench.docks
    dock = plugin.dock
    tick(view, bench, b, qtbot)
    guest = bench.additional_sections.section_layers.sections[b]
    np.testing.assert_allclose(guest.xy[7][::-1], canvas_place(guest, 7))
    over = [guest.xy.min(0)[::-1] - 9, guest.xy.max(0)[::-1] + 9]
    dock.tabs.setCurrentIndex(dock.titles.index("Cells"))
    qtbot.mouseClick(dock.cells.selection_bar.tool_buttons["rectangle"], LEFT)
    viewer.reset_view()
    qtbot.wait(30)
    drag(viewer, over, qtbot)
    said = dock.cells.selection_bar.message
    qtbot.waitUntil(lambda: "That area lies on b, beside a, which is open." in said.text(), timeout=5_000)
    assert bench.selected_cells.current is None
    drag(viewer, [bench.session.section.xy.min(0)[::-1] - 9, bench.session.section.xy.max(0)[::-1] + 9], qtbot)
    qtbot.waitUntil(
        lambda: bench.selected_cells.current is not None and bench.selected_cells.current.n_cells == 60, timeout=5_000
    )
    assert said.text() == ""
    dock.tabs.setCurrentIndex(dock.titles.index("Regions"))
    qtbot.mouseClick(dock.regions.tool_buttons["rectangle"], LEFT)
    drag(viewer, over, qtbot)
    qtbot.waitUntil(lambda: "lies on b" in dock.regions.message.text(), timeout=5_000)
    for note in (
        dock.cells.additional_sections_note,
        dock.domains.additional_sections_note,
        dock.regions.additional_sections_note,
    ):
        assert note.message.text().startswith("This dock works on a.")
    note = dock.regions.additional_sections_note
    mouse_pick(note.section, "b.h5ad", qtbot)
    qtbot.waitUntil(
        lambda: bench.session.section.name == "b" and list(bench.additional_sections.section_layers.sections) == [a],
        timeout=20_000,
    )
    assert note.section.currentText() == "b.h5ad"
    assert note.message.text().startswith("This dock works on b.")
    tick(view, bench, a, qtbot, on=False)
    assert note.isHidden()
