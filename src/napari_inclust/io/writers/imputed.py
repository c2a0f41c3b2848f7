"""Imputed genes of a run as a file, group by group: memory does not grow with the number of genes. The suffix of the target chooses the kind of file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...errors import OutputError
from ..readers.zarr_metadata import is_spatialdata
from .atomic import atomic_output, check_output, open_store
from .imputation import GENERATED, MEASURED, ImputedOutput, Predictor, SingleGene, fill

if TYPE_CHECKING:
    from ...imputation.gene_reliability import GeneReliability
    from ...imputation.run import Run

IMPUTED_SUFFIXES = (".h5ad", ".zarr", ".h5mu", ".csv", ".parquet")
SPATIALDATA_SUFFIX = ".sdata.zarr"  # a new SpatialData store
TABLE_NAME = "inclust_imputed"  # of the table in a SpatialData store, and of the modality in MuData


def check_imputed_output(
    path: str | Path, section: str | Path, other_inputs: Iterable[str | Path] = (), *, table_name: str = TABLE_NAME
) -> Path:
    """Refuse, before any work is done, a target for imputed genes that could not be written at its end.

    Parameters
    ----------
    path
        Of the result. The section's own SpatialData store is allowed: it gets a new table.
    section, others
        Inputs.
    name
        Of the new table.

    Raises
    ------
    OutputError
        As `check_output`; or the store has a table of that name.
    """
    path, section = Path(path), Path(section)
    if path.exists() and section.exists() and path.samefile(section) and is_spatialdata(path):
        from .spatialdata_store import check_new_element

        check_new_element(path, "tables", table_name)
        return path
    return check_output(path, IMPUTED_SUFFIXES, inputs=(section, *other_inputs))


def write_run(
    path: Path,
    run: Run,
    genes: Sequence[str],
    *,
    command: str,
    request_digest: str = "",
    table_name: str = TABLE_NAME,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[pd.DataFrame, GeneReliability]:
    """Imputed genes with all that the run can say of them: trust and type of each cell, foreseen scores, Moran's I. Both the window and the command line write this.

    Returns
    -------
    `var` of the file, and what is foreseen of the unmeasured genes. Parameters and errors as `write_imputed`.
    """
    trust = run.predict_scores([gene for gene in genes if run.kind(gene) == "imputed"])
    var = write_imputed(
        path,
        run,
        genes,
        command=command,
        request_digest=request_digest,
        obs_columns=run.cell_table(),
        var_columns=trust.output_columns,
        table_name=table_name,
        progress=progress,
    )
    return var, trust


def write_imputed(
    path: Path,
    provider: Predictor,
    genes: Sequence[str],
    *,
    command: str = "",
    request_digest: str = "",
    obs_columns: pd.DataFrame | None = None,
    var_columns: pd.DataFrame | None = None,
    table_name: str = TABLE_NAME,
    progress: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Predicted genes of a run as a file.

    Parameters
    ----------
    path
        `.h5ad` or `.zarr` (AnnData), `.sdata.zarr` (a new SpatialData store), `.h5mu` (a modality beside the measured ones), `.csv` or `.parquet` (cells in rows, a second table for the genes);
        replaced only when complete. An existing SpatialData store gets a new table.
    genes
        Names, in the order of the columns.
    command
        How the file was made, for its provenance.
    request
        Digest of all that decides the result: a later call knows by it that there is nothing to do (`requested`).
    cells
        Columns to add to `obs`, one row a cell.
    judged
        Columns to add to `var` after the score, by gene: foreseen, moran, moran_flag.
    name
        Of the table or modality.
    progress
        Called with the number of genes written so far.

    Returns
    -------
    `var` of the file: imputed, kind, score, what was judged (when given), spread. `X` holds the values, `layers["spread"]` their spread, `uns["inclust"]` where they come from.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    found = ImputedOutput(
        provider,
        genes,
        obs_columns=obs_columns,
        var_columns=var_columns,
        extra_provenance={"command": command} | ({"request": request_digest} if request_digest else {}),
    )
    _write_by_suffix(path, found, table_name, progress)
    return found.var


def write_single_gene(path: Path, gene: SingleGene, *, command: str, unit: str) -> pd.DataFrame:
    """One gene that is there already, as it is shown; returns and raises as `write_imputed`."""
    how = "generated" if gene.kind == GENERATED else "imputed"
    value_type = (
        f"measured, {unit}"
        if gene.kind == MEASURED
        else f"{how} by napari-inclust, {unit}: predictions, not measurements"
    )
    found = ImputedOutput(gene, [gene.name], extra_provenance={"command": command}, value_type=value_type)
    _write_by_suffix(path, found, TABLE_NAME, lambda done: None)
    return found.var


def _write_by_suffix(path: Path, imputed: ImputedOutput, table_name: str, progress: Callable[[int], None]) -> None:
    """The kind of file that the suffix says."""
    if is_spatialdata(path):
        from .spatialdata_store import add_imputed_table

        add_imputed_table(path, imputed, table_name, progress)
    elif path.name.endswith(SPATIALDATA_SUFFIX):
        from .spatialdata_store import write_spatialdata

        write_spatialdata(path, imputed, table_name, progress)
    elif path.suffix == ".h5mu":
        from .mudata_file import write_h5mu

        write_h5mu(path, imputed, table_name, progress)
    elif path.suffix in (".csv", ".parquet"):
        from .tables import write_tables

        write_tables(path, imputed, progress)
    elif path.suffix in (".h5ad", ".zarr"):
        with atomic_output(path) as part, open_store(part, path) as (store, writing):
            fill(store, writing, imputed, imputed.uns, progress)
    else:
        raise OutputError(f"{path} has the suffix {path.suffix!r}; expected {' or '.join(IMPUTED_SUFFIXES)}.")


def stored_request_digest(path: Path) -> str | None:
    """The digest that a finished `.h5ad` was written for; None when there is none, or the file is damaged."""
    import h5py

    try:
        with h5py.File(path) as file:
            return str(file["uns"]["inclust"]["request"].asstr()[()])
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return None
