"""MuData (`.h5mu`): the imputed genes as one more modality beside the measured ones, which stay as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import OutputError
from .atomic import atomic_output, open_store
from .imputation import fill

if TYPE_CHECKING:
    from anndata import AnnData

    from .imputation import ImputedOutput

_BANNER = "MuData (format-version=0.1.0;creator=napari-inclust)"
_MEASURED_MODALITY = "measured"


def write_h5mu(path: Path, imputed: ImputedOutput, modality: str, progress: Callable[[int], None]) -> None:
    """The modalities of the section's own `.h5mu` (else its cells as the modality "measured"), and `name` with the imputed genes.

    Raises
    ------
    OutputError
        The section's file has a modality of that name, or the place cannot be written.
    """
    from anndata.io import write_elem

    source = imputed.section.path
    with ExitStack() as stack:
        theirs = None if source is None or source.suffix != ".h5mu" else _open_modalities(stack, source)
        if theirs is not None and modality in theirs:
            raise OutputError(
                f"{source} has a modality {modality!r} already; nothing there is ever replaced. Choose another name with --table-name."
            )
        part = stack.enter_context(atomic_output(path))
        file, writing = stack.enter_context(open_store(part, path, banner=_BANNER))
        with writing(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
            mod = file.create_group("mod")
            if theirs is None:
                write_elem(mod, _MEASURED_MODALITY, imputed.section.adata)
            else:
                for each in theirs:
                    theirs.copy(each, mod)
        fill(mod.create_group(modality), writing, imputed, imputed.uns, progress)
        with writing():
            _write_shared_index(file, list(mod), modality)


def write_modalities(path: Path, modalities: Mapping[str, AnnData], provenance: Mapping[str, Any]) -> None:
    """A MuData of some modalities; what says how it was made goes to `uns["inclust"]`.

    Raises
    ------
    OutputError
        The place cannot be written.
    """
    from anndata.io import write_elem

    with (
        atomic_output(path) as part,
        open_store(part, path, banner=_BANNER) as (file, writing),
        writing(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        mod = file.create_group("mod")
        for name, adata in modalities.items():
            write_elem(mod, name, adata)
        _write_shared_index(file, list(modalities), list(modalities)[-1])
        write_elem(file["uns"], "inclust", dict(provenance))


def _open_modalities(stack: ExitStack, source: Path) -> Any:
    import h5py

    return stack.enter_context(h5py.File(source, "r"))["mod"]


def _write_shared_index(file: Any, names: list[str], last: str) -> None:
    """The index over all modalities: every cell and gene once, and where each modality has it (1-based, 0: not there)."""
    from anndata.io import read_elem, write_elem

    order = [*(n for n in names if n != last), last]
    file.attrs.update({"encoding-type": "MuData", "encoding-version": "0.1.0", "encoder": "napari-inclust", "axis": 0})
    file["mod"].attrs["mod-order"] = order
    frames = {n: (read_elem(file["mod"][n]["obs"]).index, read_elem(file["mod"][n]["var"]).index) for n in order}
    cells = pd.Index(dict.fromkeys(c for n in order for c in frames[n][0]), dtype=object)
    genes = pd.Index([g for n in order for g in frames[n][1]], dtype=object)
    write_elem(file, "obs", pd.DataFrame(index=cells))
    write_elem(file, "var", pd.DataFrame(index=genes))
    maps: dict[str, dict[str, Any]] = {"obsmap": {}, "varmap": {}}
    start = 0
    for n in order:
        at = frames[n][0].get_indexer(cells)
        maps["obsmap"][n] = (at + 1).astype(np.uint32)
        here = np.zeros(len(genes), dtype=np.uint32)
        here[start : start + len(frames[n][1])] = np.arange(1, len(frames[n][1]) + 1)
        maps["varmap"][n], start = here, start + len(frames[n][1])
    inside = {side: {n: m > 0 for n, m in maps[f"{side}map"].items()} for side in ("obs", "var")}
    for key, value in {"obsm": inside["obs"], "varm": inside["var"], "obsp": {}, "varp": {}, "uns": {}, **maps}.items():
        write_elem(file, key, value)
