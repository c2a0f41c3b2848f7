"""MuData (`.h5mu`): the imputed genes as one more modality, next to the measured ones."""

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
    """Write imputed genes as a modality, after those of the section.

    These are copied from the section's own `.h5mu`; a section from another file becomes the modality "measured".

    Raises
    ------
    OutputError
        The section's file has a modality of that name, or the place cannot be written.
    """
    from anndata.io import write_elem

    source = imputed.section.path
    with ExitStack() as stack:
        own = None if source is None or source.suffix != ".h5mu" else _open_modalities(stack, source)
        if own is not None and modality in own:
            raise OutputError(
                f"{source} has a modality {modality!r} already; nothing there is ever replaced. Choose another name "
                "with --table-name."
            )
        part = stack.enter_context(atomic_output(path))
        file, write_context = stack.enter_context(open_store(part, path, banner=_BANNER))
        with write_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
            mod = file.create_group("mod")
            if own is None:
                write_elem(mod, _MEASURED_MODALITY, imputed.section.adata)
            else:
                for name in own:
                    own.copy(name, mod)
        fill(mod.create_group(modality), write_context, imputed, imputed.uns, progress)
        with write_context():
            _write_shared_index(file, list(mod), modality)


def write_modalities(path: Path, modalities: Mapping[str, AnnData], provenance: Mapping[str, Any]) -> None:
    """Write a MuData of some modalities; its provenance goes to `uns["inclust"]`.

    Raises
    ------
    OutputError
        The place cannot be written.
    """
    from anndata.io import write_elem

    with (
        atomic_output(path) as part,
        open_store(part, path, banner=_BANNER) as (file, write_context),
        write_context(),
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
    """Write the index over all modalities: every cell and gene once, and its 1-based row in each (0: absent)."""
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
        maps["obsmap"][n] = (frames[n][0].get_indexer(cells) + 1).astype(np.uint32)
        n_genes = len(frames[n][1])
        rows = np.zeros(len(genes), dtype=np.uint32)
        rows[start : start + n_genes] = np.arange(1, n_genes + 1)
        maps["varmap"][n], start = rows, start + n_genes
    masks = {side: {n: m > 0 for n, m in maps[f"{side}map"].items()} for side in ("obs", "var")}
    for key, value in {"obsm": masks["obs"], "varm": masks["var"], "obsp": {}, "varp": {}, "uns": {}, **maps}.items():
        write_elem(file, key, value)
