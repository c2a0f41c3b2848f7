"""A saved run finds the data that it was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust import Config, fit, load_run, read_reference, read_section
from napari_inclust.errors import DataError, RunError

from ..io.vendor_folders import write_store
from ..synthetic import N_EXTRA, N_SHARED, make_adata

TINY = Config(members=2, epochs=1, steps=2, hidden=(8,), decoder_hidden=(8,), latent=4, components=3, threads=1)


@pytest.fixture
def files(tmp_path):
    """A section with three-dimensional places, and a reference."""
    section = make_adata(120, 1, 1.0, slice(0, N_SHARED))
    section.obsm["spatial"] = np.hstack([section.obsm["spatial"], np.zeros((120, 1))])
    section.write_h5ad(tmp_path / "a section.h5ad")
    make_adata(100, 2, 2.0, slice(0, N_SHARED + N_EXTRA)).write_h5ad(tmp_path / "référence.h5ad")
    return tmp_path / "a section.h5ad", tmp_path / "référence.h5ad"


def test_a_run_opens_its_data_from_where_they_were(files, tmp_path):
    run = fit(read_section(files[0], plane="xz"), read_reference(files[1]), TINY)
    run.save(tmp_path / "run.inclust")
    again = load_run(tmp_path / "run.inclust")
    assert np.array_equal(again.impute("Gene25").values, run.impute("Gene25").values)


def test_a_run_whose_data_are_gone_or_never_were_files_says_so(files, tmp_path):
    section, reference = read_section(files[0], plane="xy"), read_reference(files[1])
    fit(section, reference, TINY).save(tmp_path / "run.inclust")
    files[1].unlink()
    with pytest.raises(DataError, match=r"no file .*référence"):
        load_run(tmp_path / "run.inclust")
    assert load_run(tmp_path / "run.inclust", reference=reference).panel.n_shared == N_SHARED

    from napari_inclust.data.section import Reference

    fit(section, Reference.from_adata(reference.adata), TINY).save(tmp_path / "run.inclust")
    with pytest.raises(RunError, match=r"was never a file .*Give it: load_run\(path, reference=\.\.\.\)"):
        load_run(tmp_path / "run.inclust")


def test_a_run_reads_its_section_again_as_it_was_chosen(small_pair, pair, tmp_path):
    store = write_store(tmp_path / "s.zarr", small_pair[0], usual="first")  # two tables, none the usual one
    section = read_section(store, table="other", system="microns")
    fit(section, read_reference(pair[1]), TINY).save(tmp_path / "a.inclust")
    again = load_run(tmp_path / "a.inclust")
    assert again.section.n_cells == 50
    assert "'microns'" in again.section.unit_note
