"""Figures: what is drawn, where, and that imputed genes are called so; files by suffix; `inclust figure`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

from napari_inclust.errors import InclustError, OutputError
from napari_inclust.paint.compare import subtract_measured, swipe_values
from napari_inclust.paint.figures.figure import blend_pane, category_pane, draw_figure, gene_pane, write_figure
from napari_inclust.paint.raster.cell_raster import CentroidRaster, SegmentationRaster
from napari_inclust.paint.values import NORMALISED_COUNTS, CellCategories, CellValues

XY = np.array([(100.0 * (i % 4), 100.0 * (i // 4)) for i in range(12)])
VALUES = np.arange(12, dtype=np.float32) / 11


def gene(name="Sox2", kind="imputed", values=VALUES, **kwargs):
    return CellValues(name, values, kind, **kwargs)


def pixels(figure):
    """What the figure looks like: (rows, columns, 3) from 0 to 255."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def at(figure, axes, x, y):
    """Colour at a place in micrometres."""
    image = pixels(figure)
    column, row = axes.transData.transform((x, y))
    return image[image.shape[0] - 1 - int(row), int(column)]


@pytest.mark.parametrize("dark", [False, True])
def test_every_cell_has_the_colour_of_its_value_at_its_place(dark):
    from matplotlib import colormaps

    figure = draw_figure(CentroidRaster(XY), [gene_pane(gene(), (0.0, 1.0), "viridis")], width=4, dpi=100, dark=dark)
    for row in (0, 3, 7, 11):
        assert (
            np.abs(at(figure, figure.axes[0], *XY[row]) - np.array(colormaps["viridis"](VALUES[row])[:3]) * 255).max()
            <= 3
        )
    assert (at(figure, figure.axes[0], -180, -180) == (0 if dark else 255)).all()  # no cell: paper


def test_a_segmentation_keeps_its_place_when_it_is_turned():
    image = np.zeros((40, 60), dtype=np.int32)
    image[5:15, 40:55] = 1
    turned = np.array([[0, 2.0, 10], [2.0, 0, 30], [0, 0, 1]])  # (row, column) to (y, x): columns become rows
    figure = draw_figure(
        SegmentationRaster(image, turned, 1),
        [gene_pane(gene(values=np.ones(1, dtype=np.float32)), (0, 2), "gray")],
        width=4,
        dpi=100,
    )
    y, x, _ = turned @ (10, 47, 1)
    assert np.abs(at(figure, figure.axes[0], x, y) - 128).max() <= 3
    assert (at(figure, figure.axes[0], y, x) == 255).all()


def test_a_figure_of_several_genes_looks_as_it_did(tmp_path):
    """Against a picture made of plain arithmetic: the cells of each pane, cut out of the figure."""
    from matplotlib import colormaps

    panes = [
        gene_pane(gene(), (0, 1), "magma"),
        gene_pane(gene("Gad1", "measured", VALUES[::-1].copy()), (0, 1), "magma"),
    ]
    panes.append(
        blend_pane(
            {"red": gene(), "blue": gene("Gad1", "measured", VALUES[::-1].copy())}, {"red": (0, 1), "blue": (0, 1)}
        )
    )
    raster = CentroidRaster(XY)
    figure = draw_figure(raster, panes, columns=3, width=9, dpi=100)
    path = write_figure(figure, tmp_path / "three.png")
    from matplotlib.image import imread

    shown = (imread(path)[..., :3] * 255).round().astype(int)
    tables = [
        colormaps["magma"](VALUES)[:, :3],
        colormaps["magma"](VALUES[::-1])[:, :3],
        np.c_[VALUES, 0 * VALUES, VALUES[::-1]],
    ]
    pictures = [ax for ax in figure.axes if ax.images]
    for ax, table in zip(pictures, tables, strict=True):
        box = ax.get_window_extent()
        rows, columns = np.mgrid[0 : int(box.height), 0 : int(box.width)]
        x, y = ax.transData.inverted().transform(np.c_[columns.ravel() + box.x0 + 0.5, rows.ravel() + box.y0 + 0.5]).T
        distance = np.hypot(x[:, None] - XY[:, 0], y[:, None] - XY[:, 1])
        nearest = distance.argmin(1)
        wanted = np.where((distance.min(1) < raster.radius)[:, None], table[nearest] * 255, 255)
        seen = shown[shown.shape[0] - 1 - (rows.ravel() + int(np.ceil(box.y0))), columns.ravel() + int(np.ceil(box.x0))]
        assert (np.abs(seen - wanted).max(1) <= 3).mean() > 0.95  # but for a pixel at the edges of cells


def test_the_scale_bar_has_the_length_that_it_says():
    figure = draw_figure(CentroidRaster(XY), [gene_pane(gene(), (0, 1), "viridis")], width=4, dpi=100)
    ax = figure.axes[0]
    length = np.ptp(ax.lines[0].get_xdata())
    assert any(t.get_text() == f"{length:g} µm" for t in ax.texts)
    low, high = ax.get_xlim()
    assert 0.09 < length / (high - low) <= 0.25


def test_imputed_genes_are_marked_and_bars_say_their_unit():
    figure = draw_figure(
        CentroidRaster(XY),
        [
            gene_pane(gene(predicted_score=0.41), (0, 1), "viridis"),
            gene_pane(gene("Gad1", "held-out", score=0.7).to_linear(), (0, 2), "viridis"),
        ],
    )
    texts = [t.get_text() for t in figure.texts]
    assert texts == ["Sox2\nimputed (predicted score ~0.41)", "Gad1\nimputed, held out (score 0.70)"]
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["log-normalised", NORMALISED_COUNTS]
    blend = draw_figure(CentroidRaster(XY), [blend_pane({"red": gene()}, {"red": (0, 1)})])
    assert "imputed (no score)" in blend.legends[0].get_texts()[0].get_text()


def test_types_have_a_legend_and_a_threshold_greys():
    import pandas as pd

    types = CellCategories.from_column("cell_type", pd.Series(["a", "b", None] * 4))
    figure = draw_figure(
        CentroidRaster(XY),
        [category_pane(types), gene_pane(gene(), (0, 1), "viridis", threshold=0.5)],
        width=8,
        dpi=100,
    )
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "b"]
    assert np.ptp(at(figure, [ax for ax in figure.axes if ax.images][1], *XY[2])) <= 3
    many = category_pane(CellCategories.from_column("t", pd.Series([str(i) for i in range(40)])))
    assert many.legend[-1][0] == "and 10 more"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files_are_complete_or_not_there_and_the_same_twice(tmp_path, suffix, monkeypatch):
    def make(name):
        return write_figure(
            draw_figure(CentroidRaster(XY), [gene_pane(gene(), (0, 1), "viridis")], width=3, dpi=80),
            tmp_path / f"{name}{suffix}",
        )

    one, two = make("one").read_bytes(), make("two").read_bytes()
    assert one == two
    if suffix == ".svg":
        assert "Sox2" in one.decode()  # text stays text
        assert len(re.findall("<image", one.decode())) == 2  # the cells and the bar
    figure = draw_figure(CentroidRaster(XY), [gene_pane(gene(), (0, 1), "viridis")], width=3, dpi=80)
    monkeypatch.setattr(
        figure, "savefig", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OutputError, match="disk is full"):
        write_figure(figure, tmp_path / f"one{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == one
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"one{suffix}", f"two{suffix}"]


def test_nothing_to_draw_is_told():
    with pytest.raises(InclustError, match="at least one gene"):
        draw_figure(CentroidRaster(XY), [])
    with pytest.raises(InclustError, match="at least one gene"):
        blend_pane({}, {})


def test_difference_and_swipe_say_what_they_are():
    measured, imputed = gene(kind="measured"), gene(kind="held-out", values=VALUES + 0.5, score=0.7)
    d = subtract_measured(measured, imputed)
    assert np.allclose(d.values, 0.5)
    assert d.title == "Sox2 difference · imputed - measured (score 0.70)"
    assert d.is_imputed
    left = np.arange(12) < 5
    both = swipe_values(measured, imputed, left)
    assert np.array_equal(both.values, np.where(left, measured.values, imputed.values))
    assert "IMPUTED" not in both.value_text(0)
    assert "IMPUTED" in both.value_text(5)
    assert swipe_values(measured, imputed, left | True).kind_label == "measured"
    assert swipe_values(measured, imputed, left & False).kind_label == imputed.kind_label


def result(tmp_path: Path) -> Path:
    adata = AnnData(np.c_[VALUES, VALUES[::-1]].astype(np.float32))
    adata.var_names = ["Sox2", "Gad1"]
    adata.var["imputed"], adata.var["kind"], adata.var["score"] = True, ["imputed", "held-out"], [np.nan, 0.7]
    adata.obsm["spatial"] = XY
    path = tmp_path / "imputed.h5ad"
    adata.write_h5ad(path)
    return path


def test_the_command_draws_a_result(tmp_path, inclust):
    out = tmp_path / "genes.svg"
    done = inclust("figure", result(tmp_path), "--genes", "Sox2,Gad1", "-o", out, "--dpi", 60)
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert "imputed (no score)" in text
    assert "imputed, held out (score 0.70)" in text
    assert "µm" in text


def test_the_command_draws_a_saved_run_with_measured_beside_imputed(pair, tmp_path, inclust):
    run, out = tmp_path / "run.inclust", tmp_path / "genes.svg"
    trained = inclust("score", *pair[:2], "-o", tmp_path / "scores.csv", "--config", pair[2], "--save-run", run)
    assert trained.exit_code == 0, trained.output
    import pandas as pd

    from napari_inclust.io.readers.dispatch import read_reference, read_section

    shared = pd.read_csv(tmp_path / "scores.csv")["gene"][0]
    section = set(read_section(pair[0]).genes)
    unmeasured = next(g for g in read_reference(pair[1]).genes if g not in section)
    done = inclust("figure", run, "--genes", f"{shared},{unmeasured}", "-o", out, "--dpi", 60, "--json")
    assert done.exit_code == 0, done.output
    assert '"pictures": 3' in done.stdout
    text = out.read_text()
    assert text.count("imputed, held out (score") == 1
    assert "measured" in text
    assert unmeasured in text
    inclust("figure", run, "--genes", shared, "-o", tmp_path / "equal.svg", "--dpi", 60)
    inclust("figure", run, "--genes", shared, "-o", tmp_path / "own.svg", "--dpi", 60, "--own-limits")
    bars = {name: re.findall(r">([\d.]+)</text>", (tmp_path / f"{name}.svg").read_text()) for name in ("equal", "own")}
    assert len(bars["equal"]) % 2 == 0
    assert (
        bars["equal"][: len(bars["equal"]) // 2] == bars["equal"][len(bars["equal"]) // 2 :]
    )  # two bars with the same numbers
    assert bars["own"] != bars["equal"]


def test_the_command_refuses_what_it_cannot_draw(tmp_path, inclust):
    path = result(tmp_path)
    wrong = inclust("figure", path, "--genes", "Sox3", "-o", tmp_path / "a.png")
    assert wrong.exit_code == 3
    assert "Did you mean Sox2?" in wrong.stderr
    assert inclust("figure", path, "--genes", "Sox2", "-o", tmp_path / "a.jpeg").exit_code == 5
    assert inclust("figure", path, "--genes", "Sox2", "-o", tmp_path / "a.png", "--colormap", "jet").exit_code == 2
    plain = AnnData(np.ones((3, 2), dtype=np.float32))
    plain.write_h5ad(tmp_path / "plain.h5ad")
    refused = inclust("figure", tmp_path / "plain.h5ad", "--genes", "0", "-o", tmp_path / "a.png")
    assert refused.exit_code == 3
    assert "no result of" in refused.stderr
    (tmp_path / "broken.h5ad").write_text("x")
    assert inclust("figure", tmp_path / "broken.h5ad", "--genes", "0", "-o", tmp_path / "a.png").exit_code == 3
