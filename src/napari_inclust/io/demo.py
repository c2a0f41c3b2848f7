"""The small real data set inside the package: a MERFISH section of the mouse hypothalamus and its scRNA-seq reference (data/README.md)."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from ..core.section import Reference, Section
from .read import read_adata

if TYPE_CHECKING:
    from anndata import AnnData

LABELS = "cell_type"  # obs column of the reference
HIDDEN_EVERY = 5
_SEEN_IN = 10  # cells in which a gene must be detected to be worth hiding


def demo_section(*, with_hidden: bool = False) -> Section:
    """The MERFISH section, without "Ambiguous" cells and blank controls.

    Parameters
    ----------
    with_hidden
        Keep the genes of `hidden_genes()`: the truth to compare with.
    """
    adata = _section()
    if not with_hidden:
        adata = adata[:, ~adata.var_names.isin(hidden_genes())].copy()
    return Section.from_adata(adata, name="demo section", values="linear")


def demo_reference() -> Reference:
    """The scRNA-seq reference, without "Ambiguous" and "Unstable" cells; labels in `obs[LABELS]`."""
    return Reference.from_adata(_reference(), name="demo reference")


def hidden_genes() -> tuple[str, ...]:
    """Genes hidden from the section in the demo: every fifth, by name, of the shared genes that both sets detect in at least ten cells."""
    section, reference = _section(), _reference()
    shared = np.array(sorted(set(section.var_names) & set(reference.var_names)))
    seen = [np.asarray((sp.csr_matrix(data[:, shared].X) > 0).sum(0)).ravel() >= _SEEN_IN for data in (section, reference)]
    return tuple(str(gene) for gene in shared[seen[0] & seen[1]][::HIDDEN_EVERY])


def _section() -> AnnData:
    adata = _read("demo_section.h5ad")
    return adata[adata.obs["cell_class"] != "Ambiguous", ~adata.var_names.str.startswith("Blank")].copy()


def _reference() -> AnnData:
    adata = _read("demo_reference.h5ad")
    return adata[~adata.obs[LABELS].isin(["Ambiguous", "Unstable"])].copy()


def _read(name: str) -> AnnData:
    with as_file(files("napari_inclust") / "data" / name) as path:
        return read_adata(path)
