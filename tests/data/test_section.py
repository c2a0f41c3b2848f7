"""A data set is checked before anything is done with it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.data.section import Reference, Section
from napari_inclust.errors import DataError


def test_the_callers_object_is_never_changed(section_adata):
    before = section_adata.copy()
    Section.from_adata(section_adata)
    assert (section_adata.X != before.X).nnz == 0
    assert section_adata.obs.equals(before.obs)
    assert list(section_adata.uns) == list(before.uns)


def test_duplicate_gene_and_cell_names_are_named(reference_adata):
    reference_adata.var_names = ["Gene0", "Gene0", *reference_adata.var_names[2:]]
    with pytest.raises(DataError, match="duplicate gene names: Gene0"):
        Reference.from_adata(reference_adata)
    reference_adata.var_names_make_unique()
    reference_adata.obs_names = ["a", "a", *reference_adata.obs_names[2:]]
    with pytest.raises(DataError, match="duplicate cell names: a"):
        Reference.from_adata(reference_adata)


def test_an_empty_data_set_is_refused(section_adata):
    with pytest.raises(DataError, match="is empty: 0 cells x 24 genes"):
        Section.from_adata(section_adata[:0].copy())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.obsm.pop("spatial"), r"obsm\['spatial'\] is missing"),
        (lambda a: a.obsm["spatial"].__setitem__((3, 0), np.nan), "1 of 300 cells .* NaN or infinite coordinates"),
        (lambda a: a.obsm.__setitem__("spatial", np.zeros((300, 3))), "three-dimensional .*--plane xy"),
        (lambda a: a.obsm.__setitem__("spatial", np.zeros((300, 1))), r"shape \(300, 1\); expected \(300, 2\)"),
        (lambda a: a.obsm.__setitem__("spatial", np.full((300, 2), "x")), "is not numeric"),
    ],
    ids=["missing", "nan", "three-dimensional", "one column", "text"],
)
def test_coordinates_that_cannot_be_used_are_refused(section_adata, spoil, message):
    spoil(section_adata)
    with pytest.raises(DataError, match=message):
        Section.from_adata(section_adata)


def test_units_of_the_file_become_micrometres(section_adata):
    section_adata.uns["spatial_unit"] = "millimetre"
    section = Section.from_adata(section_adata)
    assert np.allclose(section.xy, section_adata.obsm["spatial"] * 1000)
    assert section.unit_note == "the file says millimetre"
    section_adata.uns["spatial_unit"] = "pixel"
    assert "distances are in pixels" in Section.from_adata(section_adata).unit_note
    assert np.allclose(Section.from_adata(section_adata, pixel_size=0.5).xy, section_adata.obsm["spatial"] * 0.5)


def test_counts_are_found_where_x_is_normalised_or_scaled(reference_adata):
    counts = reference_adata.X.copy()
    reference_adata.layers["counts"] = counts
    reference_adata.X = np.log1p(counts.toarray() / 3)
    found = Reference.from_adata(reference_adata)
    assert found.values_source == "layers/counts"
    assert found.values.kind == "counts"
    assert (found.matrix != counts).nnz == 0
    reference_adata.X = counts.toarray() - 1.5
    assert Reference.from_adata(reference_adata).values_source == "layers/counts"
    del reference_adata.layers["counts"]
    with pytest.raises(DataError, match=r"negative values.*give raw counts"):
        Reference.from_adata(reference_adata)


def test_the_fingerprint_changes_with_a_value_a_gene_name_or_a_cell_name(section_adata):
    first = Section.from_adata(section_adata).fingerprint
    assert Section.from_adata(section_adata.copy()).fingerprint == first
    changed = section_adata.copy()
    changed.X.data[0] += 1
    renamed = section_adata.copy()
    renamed.obs_names = ["x", *renamed.obs_names[1:]]
    assert len({first, Section.from_adata(changed).fingerprint, Section.from_adata(renamed).fingerprint}) == 3
