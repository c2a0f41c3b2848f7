"""Domains as a file: what comes back, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_inclust.errors import DataError, OutputError
from napari_inclust.io.runs.domain_store import load_domains, save_domains
from napari_inclust.spatial_domains.find import domains

from ..gui.fakes import small_section


@pytest.fixture(scope="module")
def found() -> Any:
    """True domains of a small section."""
    return domains(small_section(120), [2, 3], method="smoothed-pca", section_key="sample")


def test_true_domains_come_back(found: Any, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    save_domains(found, path)
    back = load_domains(path, found.section)
    assert (back.method, back.chosen, back.notes, list(back.solutions)) == (
        found.method,
        found.chosen,
        found.notes,
        [2, 3],
    )
    assert back.provenance == json.loads(json.dumps(found.provenance, default=lambda v: v.tolist()))
    for one, other in [
        *zip(back.solutions.values(), found.solutions.values(), strict=True),
        (back.baseline, found.baseline),
    ]:
        assert np.array_equal(one.labels, other.labels)
        assert np.array_equal(one.confidence, other.confidence)
        assert (one.names, one.colours) == (other.names, other.colours)
    assert np.array_equal(back.sections, found.sections)
    assert len(set(back.sections)) == 2
    np.testing.assert_allclose(back.table.to_numpy(), found.table.to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(back.space, found.space, rtol=1e-3, atol=1e-3)


def test_other_cells_are_refused(found: Any, tmp_path: Path) -> None:
    save_domains(found, tmp_path / "d.npz")
    with pytest.raises(DataError, match="found in other cells than those of small"):
        load_domains(tmp_path / "d.npz", small_section(120, seed=5))


def _replace_item(path: Path, **changes: Any) -> None:
    with np.load(path) as arrays:
        kept = dict(arrays)
    about = json.loads(kept["about"].tobytes())
    kept |= {k: v for k, v in changes.items() if isinstance(v, np.ndarray)}
    about |= {k: v for k, v in changes.items() if not isinstance(v, np.ndarray)}
    kept["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    packed = io.BytesIO()
    np.savez_compressed(packed, **kept)
    path.write_bytes(packed.getvalue())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "format 99"),
        ({"chosen": 9}, "damaged"),
        ({"table": 3}, "damaged"),
        ({"k2_labels": np.full(120, 9)}, "k2 does not fit 120 cells"),
        ({"k2_labels": np.zeros(3, int)}, "k2 does not fit 120 cells"),
        ({"space": np.zeros((3, 2))}, "damaged"),
        ({"space": np.zeros((2_000_000, 2))}, "would unpack to"),
    ],
)
def test_a_damaged_file_is_refused(found: Any, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / "d.npz"
    save_domains(found, path)
    _replace_item(path, **changes)
    with pytest.raises(DataError, match=words):
        load_domains(path, found.section)


def test_a_pickle_is_never_read(found: Any, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    save_domains(found, path)
    _replace_item(path, space=np.array([print], dtype=object))
    with pytest.raises(DataError, match="allow_pickle"):
        load_domains(path, found.section)


def test_a_folder_that_is_not_there(found: Any, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_domains(found, tmp_path / "absent" / "d.npz")
