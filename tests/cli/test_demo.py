"""`inclust demo`: the main job on the data of the package, drawn by a real canvas."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from napari_inclust import load_run
from napari_inclust.io import demo


def test_the_demo_leaves_out_what_is_no_truth():
    section, reference = demo.demo_section(with_hidden=True), demo.demo_reference()
    assert section.n_cells == 4832
    assert not any(gene.startswith("Blank") for gene in section.genes)
    assert "Ambiguous" not in set(section.adata.obs["cell_class"])
    assert not {"Ambiguous", "Unstable"} & set(reference.adata.obs[demo.LABEL_COLUMN])
    assert section.unit_note == "the file says micrometre"


def test_hidden_genes_are_measured_in_truth_and_not_shown_to_the_model():
    hidden = demo.hidden_genes()
    assert len(hidden) >= 20
    assert not set(hidden) & set(demo.demo_section().genes)
    truth = demo.hidden_truth()
    assert list(truth.columns) == list(hidden)
    assert (truth.to_numpy() > 0).any(axis=0).all()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from typer.testing import CliRunner

    from napari_inclust.cli.app import app

    folder = tmp_path_factory.mktemp("demo") / "results"
    result = CliRunner().invoke(
        app,
        [
            "demo",
            "-o",
            str(folder),
            "--no-window",
            "--preset",
            "fast",
            "--epochs",
            "3",
            "--members",
            "2",
            "--json",
            "--quiet",
        ],
        catch_exceptions=False,
    )
    return folder, result


def test_demo_writes_genes_scores_and_picture_and_says_how_well_it_did(made):
    folder, result = made
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert {summary["imputed"], summary["scores"], summary["picture"]} == {
        str(folder / name) for name in ("imputed.h5ad", "scores.csv", "tissue.png")
    }
    assert set(summary["median_hidden_scores"]) >= {"pcc", "pcc_gene_mean", "pcc_type_mean", "pcc_knn"}
    assert summary["seconds"] > 0
    assert list(ad.read_h5ad(folder / "imputed.h5ad").var_names) == list(demo.hidden_genes())


def test_the_demos_run_and_data_serve_other_commands(made, inclust, tmp_path):
    folder = made[0]
    run = load_run(folder / "run.inclust")
    assert run.section.genes == demo.demo_section().genes
    assert run.section.fingerprint == demo.demo_section().fingerprint
    assert run.reference.fingerprint == demo.demo_reference().fingerprint
    done = inclust("info", folder / "section.h5ad")
    assert done.exit_code == 0, done.stderr


def test_demo_scores_of_hidden_genes_are_against_the_truth(made):
    scores = pd.read_csv(made[0] / "scores.csv", index_col="gene")
    imputed, truth = ad.read_h5ad(made[0] / "imputed.h5ad"), demo.hidden_truth()
    assert scores["kind"].value_counts().to_dict() == {"held-out": 112, "hidden": len(truth.columns)}
    for gene in truth.columns[:5]:
        assert scores.loc[gene, "pcc"] == pytest.approx(
            np.corrcoef(truth[gene], imputed[:, gene].X.ravel())[0, 1], abs=1e-4
        )


def test_demo_picture_shows_tissue_in_every_panel(made):
    picture = imread(made[0] / "tissue.png")[..., :3]
    rows, columns = (np.array_split(np.arange(n), k) for n, k in zip(picture.shape[:2], (3, 2), strict=True))
    for row in rows:
        for column in columns:
            panel = picture[row[0] : row[-1], column[0] : column[-1]]
            coloured = (panel.max(-1) - panel.min(-1)) > 0.2  # neither the black canvas nor the white page
            assert coloured.mean() > 0.1


def test_with_a_display_the_viewer_opens_with_the_docks_and_the_run(made, make_napari_viewer, qtbot):
    from napari_inclust.gui.demo import open_demo_docks
    from napari_inclust.gui.viewer_context import get_viewer_context

    viewer = make_napari_viewer()
    open_demo_docks(viewer, made[0])
    session = get_viewer_context(viewer).session
    assert any("inClust+" in name for name in viewer.window.dock_widgets)
    assert session.run is not None
    qtbot.waitUntil(
        lambda: any(f"{demo.hidden_genes()[0]} · imputed" in layer.name for layer in viewer.layers), timeout=60_000
    )
    (shown,) = session.displayed_values()
    assert (shown.name, shown.kind) == (demo.hidden_genes()[0], "imputed")


def test_a_folder_that_cannot_be_made_is_refused(inclust, tmp_path):
    (tmp_path / "file").write_text("")
    result = inclust("demo", "-o", tmp_path / "file" / "results")
    assert result.exit_code == 5
    assert "cannot make the folder" in result.stderr
