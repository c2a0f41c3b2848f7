"""The demo data: a MERFISH section of the mouse hypothalamus and its scRNA-seq reference (demo_data/README.md)."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ..data.normalize import library_size, lognormalise
from ..data.section import Reference, Section
from ..evaluation import baselines
from ..evaluation.metrics import gene_metrics, zscore
from .readers.dispatch import read_adata, read_reference, read_section
from .writers.anndata_files import write_h5ad

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from ..imputation.run import Run

LABEL_COLUMN = "cell_type"  # obs column of the reference
HIDDEN_GENE_STEP = 5
_MIN_DETECTING_CELLS = 10  # cells in which a gene must be detected to be worth hiding


def demo_section(*, with_hidden: bool = False) -> Section:
    """Open the MERFISH section, without "Ambiguous" cells and blank controls.

    Parameters
    ----------
    with_hidden
        Keep the genes of `hidden_genes()`, as the truth to compare with.
    """
    adata = _read_demo_section()
    if not with_hidden:
        adata = adata[:, ~adata.var_names.isin(hidden_genes())].copy()
    return Section.from_adata(adata, name="demo section", values="linear")


def demo_reference() -> Reference:
    """Open the scRNA-seq reference, without "Ambiguous" and "Unstable" cells; labels in `obs[LABEL_COLUMN]`."""
    return Reference.from_adata(_read_demo_reference(), name="demo reference")


def write_demo(folder: Path) -> tuple[Section, Reference]:
    """Write `section.h5ad` without the hidden genes and `reference.h5ad`, and open them.

    A run trained on these knows its files, which the other commands can work on.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    section, reference = folder / "section.h5ad", folder / "reference.h5ad"
    write_h5ad(section, demo_section().adata)
    write_h5ad(reference, demo_reference().adata)
    return read_section(section, values="linear"), read_reference(reference)


def hidden_genes() -> tuple[str, ...]:
    """List the hidden genes: every fifth, by name, of the shared genes that both sets detect in at least ten cells."""
    section, reference = _read_demo_section(), _read_demo_reference()
    shared = np.array(sorted(set(section.var_names) & set(reference.var_names)))
    seen = [
        np.asarray((sp.csr_matrix(data[:, shared].X) > 0).sum(0)).ravel() >= _MIN_DETECTING_CELLS
        for data in (section, reference)
    ]
    return tuple(str(gene) for gene in shared[seen[0] & seen[1]][::HIDDEN_GENE_STEP])


def hidden_truth() -> pd.DataFrame:
    """Return the measured values of the hidden genes, (cells, genes).

    Log-normalised by the totals over the shared genes that are not hidden, as in every score.
    """
    full, section = demo_section(with_hidden=True), demo_section()
    genes = list(hidden_genes())
    known = set(demo_reference().genes)
    total = library_size(section.matrix[:, [i for i, gene in enumerate(section.genes) if gene in known]])
    columns = [full.genes.index(gene) for gene in genes]
    values = lognormalise(full.matrix[:, columns], full.values.kind, total).toarray()
    return pd.DataFrame(values, index=full.adata.obs_names, columns=genes)


def score_hidden(run: Run) -> pd.DataFrame:
    """Score the hidden genes and the baselines against the truth; the columns of `Run.scores`."""
    truth, panel = hidden_truth(), run.panel
    genes = list(truth.columns)
    types, predicted = run.predicted_type, np.hstack([values for _, values, *_ in run.chunks(genes)])
    scores = gene_metrics(
        truth.to_numpy(), predicted, None if types is None else np.unique(types, return_inverse=True)[1]
    ).set_index(pd.Index(genes, name="gene"))

    values = lognormalise(run.reference.matrix, run.reference.values.kind)[:, panel.reference_columns]
    hidden = values[:, [panel.n_shared + panel.reference_only.index(gene) for gene in genes]]
    section = np.column_stack([column for gene in panel.shared if (column := run.measured(gene)) is not None])
    knn = baselines.knn_weights(zscore(section), zscore(values[:, : panel.n_shared].toarray()), run.config.seed)
    others = {"gene_mean": np.tile(hidden.toarray().mean(0), (len(section), 1)), "knn": knn @ hidden.toarray()}
    if types is not None:
        names = sorted(set(types))
        labels = pd.Categorical(run.reference.adata.obs[run.labels], categories=names).codes
        others["type_mean"] = baselines.type_means(hidden, labels, len(names))[np.searchsorted(names, types)]
    for name, other in others.items():
        scores[f"pcc_{name}"] = gene_metrics(truth.to_numpy(), other)["pcc"].to_numpy()
    return scores


def _read_demo_section() -> AnnData:
    adata = _read_packaged("demo_section.h5ad")
    return adata[adata.obs["cell_class"] != "Ambiguous", ~adata.var_names.str.startswith("Blank")].copy()


def _read_demo_reference() -> AnnData:
    adata = _read_packaged("demo_reference.h5ad")
    return adata[~adata.obs[LABEL_COLUMN].isin(["Ambiguous", "Unstable"])].copy()


def _read_packaged(name: str) -> AnnData:
    with as_file(files("napari_inclust") / "demo_data" / name) as path:
        return read_adata(path)
