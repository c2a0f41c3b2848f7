"""Files of the tasks beside imputation: an integrated latent, a generated modality. Complete or not at all."""

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
from .atomic import as_output_error, atomic_output, to_storable
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
    """All cells with `obsm["X_inclust"]`, the data set of each in `obs["inclust_data_set"]`, and with labels the type, or "unknown"; returns their number.

    As `.h5mu` beside the modalities of all cells, of each the features that every data set with it measures.

    Parameters
    ----------
    metrics
        `integration_metrics.compared`, kept in `uns["inclust"]["metrics"]`.
    exchanged
        `generate.exchange`: features that some data sets lack become X, log-normalised; `layers["imputed"]` is 1 where a value was imputed and 0 where it was
        measured, and `var["kind"]` "imputed", so that no training takes any of them for measured.
    corrected : (cells of all data sets, latent), optional
        `integrated.integrated`, with its settings in `uns["inclust"]["correction"]`; default the network's own latent.
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
    together = _concatenate_modalities(trained.datasets, whole.obs_names) if path.suffix == ".h5mu" else None
    about = {"metrics": metrics, "correction": None if corrected_latent is None else CORRECTION_SETTINGS}
    _write_task_result(
        whole, path, trained, command, other_modalities=together, **{k: v for k, v in about.items() if v is not None}
    )
    return int(whole.n_obs)


def _merge_imputed(trained: Trained, data: Dataset, features: pd.Index, imputed: GeneratedBlock | None) -> AnnData:
    """Cells of a data set with measured values where there are any, and imputed ones where there are not."""
    import anndata

    made = anndata.AnnData(
        np.zeros((data.n_cells, len(features)), np.float32), obs=data.obs.copy(), var=pd.DataFrame(index=features)
    )
    made.layers["imputed"] = np.ones(made.shape, np.uint8)
    for part in trained.plan.table(data.name).measured_blocks:
        at = features.get_indexer(pd.Index([trained.plan.features[f] for f in part.feature_indices]))
        made.X[:, at[at >= 0]] = part.lognormalised()[:, at >= 0].toarray()
        made.layers["imputed"][:, at[at >= 0]] = 0
    if imputed is not None:
        made.X[:, features.get_indexer(pd.Index(imputed.features))] = imputed.values
    return made


def _concatenate_modalities(sets: Sequence[Dataset], names: pd.Index) -> dict[str, AnnData]:
    """Each modality over the cells of all data sets that have it, with the features that they share; cells are called as in the whole."""
    import anndata

    found: dict[str, list[AnnData]] = {}
    start = 0
    for s in sets:
        for name, part in _measured_modalities(s).items():
            part.obs_names = names[start : start + s.n_cells]
            found.setdefault(name, []).append(part)
        start += s.n_cells
    return {name: anndata.concat(parts, join="inner") for name, parts in found.items()}


def write_generated(
    path: Path, trained: Trained, dataset_name: str, generated: GeneratedBlock, *, command: str
) -> None:
    """The cells of a data set with the generated features in X: `layers["spread"]`, the held-out scores in `var`, and `var["kind"]` "generated".

    As `.h5mu` they are the modality "generated BLOCK" beside the measured ones.
    """
    var = _score_columns(generated.scores)
    made = _cells_with_values(trained, dataset_name, generated.values, var)
    made.layers["spread"] = generated.spread
    weights = {"readouts": {source: column.to_dict() for source, column in generated.weights.items()}}
    _write_task_result(
        made,
        path,
        trained,
        command,
        other_modalities=_measured_modalities(trained.dataset(dataset_name)),
        modality=f"generated {generated.block}",
        **weights,
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
    """Cells as they would be under other levels, in X; `var["kind"]` "generated", and what was exchanged in `uns["inclust"]["shifted"]`."""
    made = _cells_with_values(trained, dataset_name, shifted.values, _score_columns(shifted.scores), shifted.rows)
    exchanged = {"shifted": {"from": list(changes), "to": list(changes.values())}}
    _write_task_result(
        made,
        path,
        trained,
        command,
        other_modalities=_measured_modalities(trained.dataset(dataset_name).subset(shifted.rows)),
        modality=f"shifted {shifted.block}",
        **exchanged,
    )


def _score_columns(scores: pd.DataFrame) -> pd.DataFrame:
    """Held-out scores as columns of var, and the mark that nothing was measured."""
    names = {"pcc": "heldout_pcc", "spearman": "heldout_spearman", "rmse": "heldout_rmse", "pcc_knn": "heldout_pcc_knn"}
    var = scores.rename(columns=names).assign(kind="generated")
    var.index.name = None
    return var


def _cells_with_values(
    trained: Trained, dataset_name: str, values: Any, var: pd.DataFrame, rows: NDArray[np.intp] | None = None
) -> AnnData:
    """Cells of a data set with their places, latent and types, and the given values as X."""
    import anndata

    source = trained.dataset(dataset_name).adata
    rows = np.arange(source.n_obs) if rows is None else rows
    made = anndata.AnnData(obs=source.obs.copy(), obsm={k: v for k, v in source.obsm.items() if k == "spatial"})
    made.obsm["X_inclust"] = trained.latent(dataset_name)
    _add_types(made, trained, dataset_name)
    made = made[rows].copy()
    places = {k: v for k, v in source.uns.items() if k in _COORDINATE_KEYS}
    return anndata.AnnData(values, obs=made.obs, var=var, obsm=dict(made.obsm), uns=places)


def _measured_modalities(data: Dataset) -> dict[str, AnnData]:
    """The modalities of a data set, as they came."""
    import anndata

    return {
        m.name: anndata.AnnData(m.linear_values, obs=data.obs[[]].copy(), var=pd.DataFrame(index=list(m.features)))
        for m in data.modalities
    }


def _add_types(adata: AnnData, trained: Trained, dataset_name: str) -> None:
    """With labels, the type of each cell, "unknown" where it is not sure enough (`transfer` with its usual promise)."""
    if trained.plan.classes:
        add_type_columns(adata, transfer_labels(trained, dataset_name))


def _write_task_result(
    adata: AnnData,
    path: Path,
    trained: Trained,
    command: str,
    *,
    other_modalities: Mapping[str, AnnData] | None = None,
    modality: str = "inclust",
    **more: Any,
) -> None:
    """As `.h5ad`, or as the last modality of a `.h5mu`."""
    about: dict[str, Any] = to_storable({**trained.provenance, "command": command, **more})
    adata.uns["inclust"] = about
    for column in _CATEGORY_COLUMNS:
        if column in adata.obs:
            adata.uns[f"{column}_colors"] = category_colours(adata.obs[column])
    if path.suffix == ".h5mu":
        write_modalities(path, {**(other_modalities or {}), modality: adata}, about)
        return
    with atomic_output(path) as part, as_output_error(path):
        adata.write_h5ad(part)
