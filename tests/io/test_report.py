"""`inclust report`: a saved run as one page that needs nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_inclust import load_run
from napari_inclust.io.report.html import environment
from napari_inclust.qc.reference_check import check_reference

SECTIONS = (
    "Data", "Genes", "Masks", "Training", "Held-out scores", "Calibration", "Predicted scores", "Smoothness", "Common factor", "Maps", "Cell trust", "Settings", "Versions",
)  # fmt: skip
VOID = {"meta", "br", "link", "img"}
HOSTILE = "<script>$x_{</b>&\"'"


class Page(HTMLParser):
    """Headings, rows of the sortable table, attributes that point somewhere, figures, text; tags must close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.rows, self.pointers, self.tags, self.text = [], [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.pointers += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td" and "data-v" in dict(attrs):
            self.rows[-1].append(dict(attrs)["data-v"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture
def saved(inclust, small_pair, pair, tmp_path):
    """A saved run, one of whose shared genes has a name that no page and no plot should take for its own language."""
    gene = next(g for g in small_pair[0].var_names if g in small_pair[1].var_names)
    for adata, path in zip(small_pair, pair, strict=False):
        adata = adata.copy()
        adata.var_names = [HOSTILE if g == gene else g for g in adata.var_names]
        adata.write_h5ad(path)
    words = ("--config", pair[2], "--labels", "cell_type", "--save-run", tmp_path / "kept.inclust", "--quiet")
    assert inclust("score", pair[0], pair[1], "-o", tmp_path / "scores.csv", *words).exit_code == 0
    return tmp_path / "kept.inclust"


def test_page_tells_everything_with_the_numbers_of_the_run_and_points_nowhere_else(inclust, saved, tmp_path):
    result = inclust("report", saved, "-o", tmp_path / "report.html", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page, run = Page(text), load_run(saved)
    assert tuple(page.headings) == SECTIONS
    assert page.tags.count("svg") == 9
    assert page.tags.count("script") == 1
    assert all(pointer.startswith(("#", "data:image/png;base64,")) for pointer in page.pointers)
    assert not re.search(r"https?:|url\((?!#)|@import", text)

    rows = {row[0]: row[1:] for row in page.rows if row}
    columns = ["pcc", "spearman", "ssim", "rmse", "js", "pcc_within_type", "pcc_gene_mean", "pcc_type_mean", "pcc_knn"]
    assert set(rows) == set(run.scores.index)
    assert HOSTILE in rows
    for gene, row in rows.items():
        np.testing.assert_array_equal([float(v or "nan") for v in row[:-1]], run.scores.loc[gene, columns])
        assert int(row[-1]) == run.plan.hidden_features[:, run.panel.shared.index(gene)].argmax() + 1
    pearson = [float(row[0]) for row in rows.values()]
    assert pearson == sorted(pearson, reverse=True)

    for said in (
        run.provenance["data"]["section"]["fingerprint"], run.provenance["versions"]["torch"], f"{run.choices.refinements[-1][3]:.3f}", f"{run.scores['pcc'].median():.3f}",
        f"rank correlation {run.gene_trust.rank_correlation:.2f}", f"{run.calibration.coverage['coverage'].iloc[0]:.3f}", "not a measurement", "µm", "seed 0",
    ):  # fmt: skip
        assert said in page.text
    light = check_reference(run.section, run.reference, run.panel, labels=run.labels)
    assert f"Reference check: {light.light}" in page.text
    assert all(r.found in page.text for r in light.findings)
    best, worst = run.scores["pcc"].idxmax(), run.scores["pcc"].idxmin()
    assert f"Best: {best}, held-out Pearson {run.scores['pcc'].max():.3f}" in page.text
    assert f"Worst: {worst}, held-out Pearson {run.scores['pcc'].min():.3f}" in page.text
    assert "$\\mathdefault" not in text


def test_the_error_of_predicted_scores_is_that_of_hidden_genes(saved):
    trust, run = load_run(saved).gene_trust, load_run(saved)
    assert trust.mean_absolute_error == pytest.approx(np.abs(trust.cross_validated_scores - run.scores["pcc"]).mean())


def test_a_file_that_is_no_run_is_told_and_an_older_page_stays(inclust, tmp_path):
    (tmp_path / "bad.inclust").write_text("not a run")
    (tmp_path / "report.html").write_text("before")
    result = inclust("report", tmp_path / "bad.inclust", "-o", tmp_path / "report.html")
    assert result.exit_code == 4
    assert "not a run" in result.stderr
    assert (tmp_path / "report.html").read_text() == "before"
    assert inclust("report", tmp_path / "none.inclust", "-o", tmp_path / "report.html").exit_code == 4
    assert inclust("report", tmp_path / "bad.inclust", "-o", tmp_path / "report.pdf").exit_code == 5


def test_headings_stand_over_what_they_head_and_only_long_words_are_broken():
    table = environment().get_template("macros.html.j2").module.table
    text = table(["file", "cells"], [["a" * 60, 5], ["short.h5ad", 7]], sortable=True)
    assert re.findall(r"<th( class=t)?>", text) == [" class=t", ""]
    assert re.findall(r'<td class="(t|t long)"', text) == ["t long", "t"]
    assert table(["nothing"], []).count("<td") == 0


def test_a_loaded_run_tells_where_it_was_trained(saved):
    run = load_run(saved)
    assert replace(run, provenance=run.provenance | {"device": "cuda: some card"}).device == "cuda: some card"
