"""`inclust info`: what a file is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ..io.vendor_folders import write_store, write_xenium


def test_info_says_what_a_section_is(inclust, pair):
    facts = json.loads(inclust("info", pair[0], "--json").stdout)
    assert facts["what"] == "tissue section"
    assert (facts["cells"], facts["genes"]) == (200, 134)
    assert "linear" in facts["values"]
    assert facts["unit"] == "the file says micrometre"
    assert facts["labels"]["cell_class"].endswith("classes")


def test_info_says_that_a_file_without_places_is_a_reference(inclust, pair):
    said = inclust("info", pair[1])
    assert said.exit_code == 0
    assert "a reference" in said.stdout
    assert "raw counts" in said.stdout
    assert "cell_type" in said.stdout


def test_info_of_two_files_says_how_they_fit(inclust, pair):
    facts = json.loads(inclust("info", pair[0], pair[1], "--json").stdout)
    assert facts["genes"]["shared"] == 112
    assert facts["genes"]["to impute"] == 22


def test_info_of_a_broken_file_is_an_error(inclust, pair):
    pair[0].write_bytes(b"nothing")
    result = inclust("info", pair[0])
    assert result.exit_code == 3
    assert result.stdout == ""


def test_info_of_an_instrument_folder_says_its_images_and_transcripts_and_what_is_missing(
    inclust, shared, small_pair, tmp_path
):
    facts = json.loads(inclust("info", shared / "data" / "merscope_brain" / "region_0", "--json").stdout)
    assert facts["format"] == "MERSCOPE folder"
    assert facts["images"]["DAPI"] == "2,071 x 2,301 pixels of 0.2173 um, 3 resolutions, z 0, 1"
    assert facts["transcripts"] == "detected_transcripts.csv"
    assert facts["missing"] == "nothing"
    assert facts["genes"] == 450
    assert facts["controls"].startswith("109 control probes (Blank")
    cells = small_pair[1]
    xy = np.c_[np.arange(cells.n_obs) % 12, np.arange(cells.n_obs) // 12] * 20.0
    said = inclust("info", write_xenium(tmp_path / "x", cells, xy)).stdout
    assert f"transcripts.parquet, {cells.X.nnz:,} molecules" in said
    assert "pixels of 0.2125 um" in said


def test_info_of_a_spatialdata_store_says_its_systems_and_what_is_missing(inclust, small_pair, tmp_path):
    facts = json.loads(inclust("info", write_store(tmp_path / "s.zarr", small_pair[0]), "--json").stdout)
    assert facts["systems"] == "global, microns"
    assert facts["tables"] == "other, table"
    assert facts["label images"] == "none found"
    assert "tissue images" in facts["missing"]
    assert "the unit of the places" in facts["missing"]


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("merfish_hypothalamus", 5584, "1 gene hold"),
        ("insitu_drosophila", 3039, "three-dimensional"),
        ("starmap_mpfc", 3190, "pixels"),
    ],
)
def test_info_of_the_real_sets(inclust, shared, name, cells, said):
    result = inclust("info", shared / "data" / f"{name}.h5ad")
    assert result.exit_code == 0, result.stderr
    assert f"{cells:,}" in result.stdout
    assert said in result.stdout


def test_a_folder_of_no_kind_says_what_lies_in_it(inclust, pair):
    result = inclust("info", pair[0].parent)
    assert result.exit_code == 3
    assert "It holds reference.h5ad (AnnData), spatial.h5ad (AnnData): name one of these." in result.stderr


@pytest.mark.parametrize("header", ["x_px,y_px,z,target,cell_ID", "Gene,x,y"])
def test_a_table_of_molecules_is_not_taken_for_cells(inclust, tmp_path, header):
    words = ["Gad1" if name in ("target", "Gene") else "1.5" for name in header.split(",")]
    (tmp_path / "molecules.csv").write_text("\n".join([header, ",".join(words), ",".join(words)]))
    result = inclust("info", tmp_path / "molecules.csv")
    assert result.exit_code == 3
    assert "has a row a molecule" in result.stderr
