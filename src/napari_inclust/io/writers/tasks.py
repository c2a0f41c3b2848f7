"""Files of the tasks other than imputation: an integrated latent, a generated modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...data.section import PIXEL_SIZE_KEY
from ...multimodal.batch_correction import CORRECTION_SETTINGS
from ...multimodal.label_transfer import transfer_labels
from .anndata_files import write_h5ad
from .atomic import to_storable
from .cell_types import add_type_columns
from .imputation import category_colours
from .mudata_file import write_modalities

if TYPE_CHECKING:
    from anndata import AnnData

    from ...data.dataset import Dataset
    from ...multimodal.generate import GeneratedBlock
    from ...multimodal.translate import CounterfactualCells
    from ...training.trained import Trained

TASK_SUFFIXES = (".h5ad", ".h5mu")
_CATEGORY_COLUMNS = ("inclust_type", "inclust_data_set")  # columns of obs that get colours
_COORDINATE_KEYS = ("spatial_unit", PIXEL_SIZE_KEY)  # in uns: what the coordinates are


def write_integrated(
    path: Path,
    trained: Trained,
    metrics: pd.DataFrame | None = None,
    imputed: Mapping[str, GeneratedBlock] | None = None,
    *,
    corrected_latent: NDArray[np.float32] | None = None,
    command: str,
) -> int:
    """Write all cells with `obsm["X_inclust"]`, their data set in `obs["inclust_data_set"]`, and their types.

    In `.h5mu` the measured modalities come first, each with the features that every data set with it measures.

    Parameters
    ----------
    metrics
        Of the integration, for `uns["inclust"]["metrics"]`.
    imputed
        By data set, features that it lacks and others have: these become X, log-normalised; `layers["imputed"]` is 1
        where a value was imputed and 0 where it was measured, and `var["kind"]` is "imputed", so that no training
        takes any of them for measured.
    corrected_latent : (cells of all data sets, latent) float32, optional
        Batch-corrected latent, with its settings in `uns["inclust"]["correction"]`; default the latent of the network.

    Returns
    -------
    Number of cells.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    import anndata

    imputed = imputed or {}
    features = pd.Index(dict.fromkeys(f for g in imputed.values() for f in g.features))
    parts = []
    for s in trained.datasets:
        part = (
            _merge_imputed(trained, s, features, imputed.get(s.name))
            if len(features)
            else anndata.AnnData(obs=s.obs.copy())
        )
        if corrected_latent is None:
            part.obsm["X_inclust"] = trained.latent(s.name)
        part.obs["inclust_data_set"] = s.name
        _add_types(part, trained, s.name)
        parts.append(part)
    names = [s.name for s in trained.datasets]
    unique = pd.Index(np.concatenate([p.obs_names for p in parts])).is_unique
    whole = anndata.concat(parts, join="outer", index_unique=None if unique else "-", keys=names)
    if corrected_latent is not None:
        whole.obsm["X_inclust"] = corrected_latent
    whole.obs["inclust_data_set"] = pd.Categorical(whole.obs["inclust_data_set"], names)
    if len(features):
        scores = pd.concat([g.scores["pcc"].rename(f"heldout_pcc_for_{name}") for name, g in imputed.items()], axis=1)
        whole.var = scores.reindex(whole.var_names).assign(kind="imputed")
    modalities = _concatenate_modalities(trained.datasets, whole.obs_names) if path.suffix == ".h5mu" else None
    extra: dict[str, Any] = {"metrics": metrics} if metrics is not None else {}
    if corrected_latent is not None:
        extra["correction"] = CORRECTION_SETTINGS
    _write_task_result(whole, path, trained, command, extra, other_modalities=modalities)
    return int(whole.n_obs)


def _merge_imputed(trained: Trained, data: Dataset, features: pd.Index, imputed: GeneratedBlock | None) -> AnnData:
    """Combine measured values of a data set with imputed ones for the features that it lacks."""
    import anndata

    cells = anndata.AnnData(
        np.zeros((data.n_cells, len(features)), np.float32), obs=data.obs.copy(), var=pd.DataFrame(index=features)
    )
    cells.layers["imputed"] = np.ones(cells.shape, np.uint8)
    for part in trained.plan.table(data.name).measured_blocks:
        columns = features.get_indexer(pd.Index([trained.plan.features[f] for f in part.feature_indices]))
        cells.X[:, columns[columns >= 0]] = part.lognormalised()[:, columns >= 0].toarray()
        cells.layers["imputed"][:, columns[columns >= 0]] = 0
    if imputed is not None:
        cells.X[:, features.get_indexer(pd.Index(imputed.features))] = imputed.values
    return cells


def _concatenate_modalities(sets: Sequence[Dataset], names: pd.Index) -> dict[str, AnnData]:
    """Concatenate each modality over the data sets that have it, with the features that they share.

    Parameters
    ----------
    names
        Of all cells, in the order of the data sets.
    """
    import anndata

    parts: dict[str, list[AnnData]] = {}
    start = 0
    for s in sets:
        for name, part in _measured_modalities(s).items():
            part.obs_names = names[start : start + s.n_cells]
            parts.setdefault(name, []).append(part)
        start += s.n_cells
    return {name: anndata.concat(same, join="inner") for name, same in parts.items()}


def write_generated(
    path: Path, trained: Trained, dataset_name: str, generated: GeneratedBlock, *, command: str
) -> None:
    """Write the cells of a data set with the generated features in X.

    With `layers["spread"]`, the held-out scores in `var`, and `var["kind"]` "generated". In `.h5mu` they are the
    modality "generated BLOCK", after the measured ones.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    var = _score_columns(generated.scores)
    cells = _cells_with_values(trained, dataset_name, generated.values, var)
    cells.layers["spread"] = generated.spread
    weights = {"readouts": {source: column.to_dict() for source, column in generated.weights.items()}}
    _write_task_result(
        cells,
        path,
        trained,
        command,
        weights,
        other_modalities=_measured_modalities(trained.dataset(dataset_name)),
        modality=f"generated {generated.block}",
    )


def write_shifted(
    path: Path,
    trained: Trained,
    dataset_name: str,
    shifted: CounterfactualCells,
    changes: Mapping[str, str],
    *,
    command: str,
) -> None:
    """Write cells as predicted under other levels, in X; the exchange of levels is in `uns["inclust"]["shifted"]`.

    `var["kind"]` is "generated".

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    cells = _cells_with_values(trained, dataset_name, shifted.values, _score_columns(shifted.scores), shifted.rows)
    exchanged = {"shifted": {"from": list(changes), "to": list(changes.values())}}
    _write_task_result(
        cells,
        path,
        trained,
        command,
        exchanged,
        other_modalities=_measured_modalities(trained.dataset(dataset_name).subset(shifted.rows)),
        modality=f"shifted {shifted.block}",
    )


def _score_columns(scores: pd.DataFrame) -> pd.DataFrame:
    """Name held-out scores as columns of var, and mark the features as generated."""
    names = {"pcc": "heldout_pcc", "spearman": "heldout_spearman", "rmse": "heldout_rmse", "pcc_knn": "heldout_pcc_knn"}
    var = scores.rename(columns=names).assign(kind="generated")
    var.index.name = None
    return var


def _cells_with_values(
    trained: Trained, dataset_name: str, values: Any, var: pd.DataFrame, rows: NDArray[np.intp] | None = None
) -> AnnData:
    """Combine cells of a data set with their coordinates, latent and types, and the given values as X."""
    import anndata

    source = trained.dataset(dataset_name).adata
    rows = np.arange(source.n_obs) if rows is None else rows
    cells = anndata.AnnData(obs=source.obs.copy(), obsm={k: v for k, v in source.obsm.items() if k == "spatial"})
    cells.obsm["X_inclust"] = trained.latent(dataset_name)
    _add_types(cells, trained, dataset_name)
    cells = cells[rows].copy()
    places = {k: v for k, v in source.uns.items() if k in _COORDINATE_KEYS}
    return anndata.AnnData(values, obs=cells.obs, var=var, obsm=dict(cells.obsm), uns=places)


def _measured_modalities(data: Dataset) -> dict[str, AnnData]:
    """Return the modalities of a data set, as measured."""
    import anndata

    return {
        m.name: anndata.AnnData(m.linear_values, obs=data.obs[[]].copy(), var=pd.DataFrame(index=list(m.features)))
        for m in data.modalities
    }


def _add_types(adata: AnnData, trained: Trained, dataset_name: str) -> None:
    """Add the type of each cell where the plan has labels, with the default error rate of `transfer_labels`."""
    if trained.plan.classes:
        add_type_columns(adata, transfer_labels(trained, dataset_name))


def _write_task_result(
    adata: AnnData,
    path: Path,
    trained: Trained,
    command: str,
    extra_provenance: Mapping[str, Any],
    *,
    other_modalities: Mapping[str, AnnData] | None = None,
    modality: str = "inclust",
) -> None:
    """Write `.h5ad`, or the last modality of a `.h5mu`."""
    provenance: dict[str, Any] = to_storable({**trained.provenance, "command": command, **extra_provenance})
    adata.uns["inclust"] = provenance
    for column in _CATEGORY_COLUMNS:
        if column in adata.obs:
            adata.uns[f"{column}_colors"] = category_colours(adata.obs[column])
    if path.suffix == ".h5mu":
        write_modalities(path, {**(other_modalities or {}), modality: adata}, provenance)
        return
    write_h5ad(path, adata)
