"""Files of the tasks beside imputation: an integrated latent, a generated modality. Complete or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .write import as_output_error, replacing, storable

if TYPE_CHECKING:
    from anndata import AnnData

    from ..core.generate import Generated
    from ..core.trained import Trained


def write_integrated(path: Path, trained: Trained, metrics: pd.DataFrame | None = None, *, command: str) -> int:
    """All cells with `obsm["X_inclust"]`, the data set of each in `obs["inclust_data_set"]`, and with labels the predicted type; returns their number.

    Parameters
    ----------
    metrics
        `integration_metrics.compared`, kept in `uns["inclust"]["metrics"]`.
    """
    import anndata

    parts = []
    for s in trained.sets:
        part = anndata.AnnData(obs=s.obs.copy())
        part.obsm["X_inclust"] = trained.latent(s.name)
        part.obs["inclust_data_set"] = s.name
        _types(part, trained, s.name)
        parts.append(part)
    names = [s.name for s in trained.sets]
    unique = pd.Index(np.concatenate([p.obs_names for p in parts])).is_unique
    whole = anndata.concat(parts, join="outer", index_unique=None if unique else "-", keys=names)
    whole.obs["inclust_data_set"] = pd.Categorical(whole.obs["inclust_data_set"], names)
    _write(whole, path, trained, command, **({} if metrics is None else {"metrics": metrics}))
    return int(whole.n_obs)


def write_generated(path: Path, trained: Trained, table: str, generated: Generated, *, command: str) -> None:
    """The cells of a data set with the generated features in X: `layers["spread"]`, the held-out scores in `var`, and `var["kind"]` "generated"."""
    import anndata

    source = trained.data(table).adata
    var = generated.scores.rename(columns={"pcc": "heldout_pcc", "spearman": "heldout_spearman", "rmse": "heldout_rmse"}).assign(kind="generated")
    var.index.name = None
    made = anndata.AnnData(generated.values, obs=source.obs.copy(), var=var, obsm={k: v for k, v in source.obsm.items() if k == "spatial"})
    made.layers["spread"] = generated.spread
    made.obsm["X_inclust"] = trained.latent(table)
    _types(made, trained, table)
    _write(made, path, trained, command)


def _types(adata: AnnData, trained: Trained, table: str) -> None:
    """With labels, the most probable class of each cell and its probability."""
    if not trained.plan.classes:
        return
    q = trained.encode(table)[1].mean(0)
    names = [*trained.plan.classes, *(f"new {i + 1}" for i in range(trained.plan.spare))]
    adata.obs["inclust_type"] = pd.Categorical(np.array(names)[q.argmax(1)], names)
    adata.obs["inclust_type_probability"] = q.max(1)


def _write(adata: AnnData, path: Path, trained: Trained, command: str, **more: Any) -> None:
    about: dict[str, Any] = storable({**trained.provenance, "command": command, **more})
    adata.uns["inclust"] = about
    with replacing(path) as part, as_output_error(path):
        adata.write_h5ad(part)
