"""Imputed genes of a run as a file, in chunks: memory does not grow with the number of genes."""

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
    """Refuse, before any work is done, a target for imputed genes that could not be written in the end.

    Parameters
    ----------
    path
        Of the result. The section's own SpatialData store is allowed: it gets a new table.
    section, other_inputs
        Inputs.
    table_name
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
    """Write imputed genes with reliability and type of each cell, and predicted score and Moran's I of each gene.

    Parameters and errors as `write_imputed`.

    Returns
    -------
    var
        Of the file.
    reliability
        Of the unmeasured genes.
    """
    reliability = run.predict_scores([gene for gene in genes if run.kind(gene) == "imputed"])
    var = write_imputed(
        path,
        run,
        genes,
        command=command,
        request_digest=request_digest,
        obs_columns=run.cell_table(),
        var_columns=reliability.output_columns,
        table_name=table_name,
        progress=progress,
    )
    return var, reliability


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
    """Write predicted genes of a run.

    Parameters
    ----------
    path
        `.h5ad` or `.zarr` (AnnData), `.sdata.zarr` (a new SpatialData store), `.h5mu` (a modality next to the measured
        ones), `.csv` or `.parquet` (cells in rows, a second table for the genes); replaced only when complete. An
        existing SpatialData store gets a new table.
    genes
        Names, in the order of the columns.
    command
        That wrote the file, for its provenance.
    request_digest
        Digest of everything that determines the result, by which a later call recognises a finished file
        (`stored_request_digest`).
    obs_columns
        Columns to add to `obs`, one row for each cell.
    var_columns
        Columns to add to `var` after the score, by gene: foreseen, moran, moran_flag.
    table_name
        Of the table or modality.
    progress
        Called with the number of genes written so far.

    Returns
    -------
    var
        Of the file: imputed, kind, score, the added columns, spread. `X` holds the values, `layers["spread"]` their
        spread, `uns["inclust"]` their provenance.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    output = ImputedOutput(
        provider,
        genes,
        obs_columns=obs_columns,
        var_columns=var_columns,
        extra_provenance={"command": command} | ({"request": request_digest} if request_digest else {}),
    )
    _write_by_suffix(path, output, table_name, progress)
    return output.var


def write_single_gene(path: Path, gene: SingleGene, *, command: str, unit: str) -> pd.DataFrame:
    """Write one gene whose values are known; returns and raises as `write_imputed`."""
    verb = "generated" if gene.kind == GENERATED else "imputed"
    value_type = (
        f"measured, {unit}"
        if gene.kind == MEASURED
        else f"{verb} by napari-inclust, {unit}: predictions, not measurements"
    )
    output = ImputedOutput(gene, [gene.name], extra_provenance={"command": command}, value_type=value_type)
    _write_by_suffix(path, output, TABLE_NAME, lambda done: None)
    return output.var


def _write_by_suffix(path: Path, imputed: ImputedOutput, table_name: str, progress: Callable[[int], None]) -> None:
    """Write the kind of file that the suffix names."""
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
        with atomic_output(path) as part, open_store(part, path) as (store, write_context):
            fill(store, write_context, imputed, imputed.uns, progress)
    else:
        raise OutputError(f"{path} has the suffix {path.suffix!r}; expected {' or '.join(IMPUTED_SUFFIXES)}.")


def stored_request_digest(path: Path) -> str | None:
    """Read the digest of the request of a finished `.h5ad`; None when it has none or is damaged."""
    import h5py

    try:
        with h5py.File(path) as file:
            return str(file["uns"]["inclust"]["request"].asstr()[()])
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return None
