"""Gene sets: read, matched, scored."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.data.gene_sets import match_genes, mean_z_score, parse_genes, read_gmt
from napari_inclust.errors import DataError


def test_a_pasted_list_may_be_separated_by_anything():
    assert parse_genes("Sox2, Gad1;Slc17a6\n Sox2\tOtx2") == ("Sox2", "Gad1", "Slc17a6", "Otx2")
    assert parse_genes(" \n") == ()


def test_gmt(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_text("NEURON\thttp://x\tSnap25\tSyt1\tSnap25\n\nGLIA\t\tGfap\n")
    assert read_gmt(path) == {"NEURON": ("Snap25", "Syt1"), "GLIA": ("Gfap",)}


@pytest.mark.parametrize(
    ("text", "words"), [("NEURON\tonly a description\n", "line 1"), ("", "no gene set"), ("just words\n", "line 1")]
)
def test_what_is_no_gmt_is_refused(tmp_path, text, words):
    path = tmp_path / "bad.gmt"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_gmt(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_gmt(tmp_path / "absent.gmt")


def test_names_match_without_regard_to_case_only_where_that_is_unique():
    found = match_genes(["SOX2", "Gad1", "abc", "nothing", "sox2"], ["Sox2", "Gad1", "Abc", "ABC"])
    assert found.matched == ("Sox2", "Gad1")
    assert found.missing == ("abc", "nothing")


def test_the_score_is_the_mean_of_z_scores_and_constant_genes_say_nothing():
    a, b = np.array([0.0, 1.0, 2.0], dtype=np.float32), np.array([5.0, 5.0, 11.0], dtype=np.float32)
    wanted = ((a - 1) / a.std() + (b - 7) / b.std()) / 2
    assert mean_z_score([a, np.ones(3, dtype=np.float32), b]) == pytest.approx(wanted)
    with pytest.raises(DataError, match="no gene of the set differs"):
        mean_z_score([np.ones(3)])
