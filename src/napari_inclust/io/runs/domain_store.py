"""Domains as a file of their own, with all solutions: plain arrays and JSON in one `.npz`.

Nothing in a file is ever unpickled or executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data.section import Section
from ...errors import DataError
from ...spatial_domains.edit import DomainSegmentation
from ...spatial_domains.inputs import section_codes, section_with_coordinates
from ...spatial_domains.result import Domains
from ..writers.atomic import as_output_error, atomic_output

FORMAT_VERSION = 1
_MAX_BYTES_PER_CELL = 4096  # more than any number of solutions takes: what the file may unpack to
_OVERHEAD_BYTES = 2**20


def save_domains(domains: Domains, path: Path) -> None:
    """Write all solutions with their names, colours and confidence.

    The space in which a domain can be split is stored in half precision.

    Raises
    ------
    OutputError
        A path that cannot be written to.
    """
    segmentations = {f"k{k}": seg for k, seg in domains.solutions.items()} | {"baseline": domains.baseline}
    table = domains.table.reset_index().astype(object)
    about = {
        "format": FORMAT_VERSION,
        "method": domains.method,
        "chosen": domains.chosen,
        "table": table.where(table.notna(), None).to_dict("list"),
        "names": {name: list(seg.names) for name, seg in segmentations.items()},
        "colours": {name: list(seg.colours) for name, seg in segmentations.items()},
        "notes": list(domains.notes),
        "provenance": domains.provenance,
    }
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about, default=_to_json).encode(), dtype=np.uint8),
        "space": domains.space.astype(np.float16),
    }
    for name, seg in segmentations.items():
        arrays[f"{name}_labels"] = seg.labels.astype(np.min_scalar_type(max(seg.n_domains - 1, 1)))
        arrays[f"{name}_confidence"] = seg.confidence
    with atomic_output(path) as part, as_output_error(path):
        packed = io.BytesIO()  # numpy would add its own suffix to a name
        np.savez_compressed(packed, **arrays)
        part.write_bytes(packed.getvalue())


def load_domains(path: Path, section: Section) -> Domains:
    """Read domains that `save_domains` wrote.

    Parameters
    ----------
    section
        The section in which they were found.

    Raises
    ------
    DataError
        Not such a file, damaged, or found in other cells.
    """
    try:
        with zipfile.ZipFile(path) as z:
            size = sum(part.file_size for part in z.infolist())
        if size > _MAX_BYTES_PER_CELL * section.n_cells + _OVERHEAD_BYTES:
            raise ValueError(f"it would unpack to {size:,} bytes, too many for {section.n_cells:,} cells")
        with np.load(path, allow_pickle=False) as arrays:
            about: dict[str, Any] = json.loads(arrays["about"].tobytes())
            known = about["format"]
            if known == FORMAT_VERSION:
                if about["provenance"]["data"] != section.fingerprint:
                    raise DataError(
                        f"the domains in {path} were found in other cells than those of {section.name}. "
                        "Find them again."
                    )
                return _build_domains(about, arrays, section)
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib, json and numpy raise many kinds on a damaged file
        raise DataError(
            f"{path} holds no domains, or is damaged ({type(error).__name__}: {error}). Find them again."
        ) from error
    raise DataError(
        f"{path} has domains of format {known}; this version reads format {FORMAT_VERSION}. Find them again."
    )


def _build_domains(metadata: dict[str, Any], arrays: Any, section: Section) -> Domains:
    facts = metadata["provenance"]
    xy = section_with_coordinates(section)[1]
    sections = section_codes(section, facts["section_key"] or None)[0]
    space = arrays["space"].astype(np.float32)
    if space.ndim != 2 or len(space) != section.n_cells:
        raise ValueError(f"space is {space.shape}")
    solutions = {
        int(name[1:]): _build_segmentation(metadata, arrays, name, section.n_cells)
        for name in metadata["names"]
        if name != "baseline"
    }
    table = pd.DataFrame(metadata["table"]).set_index("k").astype(float)
    if metadata["chosen"] not in solutions:
        raise ValueError(f"{metadata['chosen']} domains are not among those stored")
    baseline = _build_segmentation(metadata, arrays, "baseline", section.n_cells)
    return Domains(
        section,
        metadata["method"],
        solutions,
        metadata["chosen"],
        table,
        baseline,
        space,
        xy,
        sections,
        tuple(metadata["notes"]),
        facts,
    )


def _build_segmentation(metadata: dict[str, Any], arrays: Any, name: str, n_cells: int) -> DomainSegmentation:
    names, colours = tuple(map(str, metadata["names"][name])), tuple(map(str, metadata["colours"][name]))
    labels, confidence = arrays[f"{name}_labels"].astype(np.intp), arrays[f"{name}_confidence"].astype(np.float32)
    if (
        labels.shape != (n_cells,)
        or confidence.shape != (n_cells,)
        or len(names) != len(colours)
        or not 0 <= labels.min() <= labels.max() < len(names)
    ):
        raise ValueError(f"{name} does not fit {n_cells} cells")
    return DomainSegmentation(labels, confidence, names, colours)


def _to_json(value: Any) -> Any:
    """Convert what JSON does not know: numbers and arrays of numpy."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else str(value)
