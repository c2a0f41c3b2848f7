"""File > Save of one of our layers: the cells behind it as AnnData or CSV, with what is imputed marked so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.section import Section
    from ..paint.values import CellCategories, CellValues


def write_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image or labels layer (`.h5ad`, `.csv`), called by napari.

    Parameters
    ----------
    data, meta
        From napari. The layer is found in the current viewer by its name, because the cells are not in its pixels.

    Returns
    -------
    The path, or nothing when the layer is none of ours or could not be written; napari then says so.
    """
    import napari
    from napari.utils.notifications import show_error

    from ..errors import InclustError
    from ..paint.layers.cell_layers import CategoryLayer, GeneLayer
    from .viewer_context import get_viewer_context

    viewer = napari.current_viewer()
    layer = (
        None
        if viewer is None
        else next(
            (x for x in viewer.layers if x.name == meta.get("name") and isinstance(x, (GeneLayer, CategoryLayer))), None
        )
    )
    session = None if viewer is None else get_viewer_context(viewer).session
    try:
        painter = None if viewer is None else get_viewer_context(viewer).canvas_controller.painter
        if (
            layer is None
            or session is None
            or session.section is None
            or painter is None
            or layer.raster is not painter.raster
        ):
            raise InclustError(
                f"{meta.get('name')} is not a layer of the open section with its cells: "
                "save it as a picture instead (.tif, .png)."
            )
        if isinstance(layer, GeneLayer):
            write_values(
                Path(path), session.section, layer.cell_values, {} if session.run is None else session.run.provenance
            )
        else:
            write_categories(Path(path), session.section, layer.cell_categories)
    except InclustError as error:
        show_error(str(error))
        return []
    return [path]


def write_values(path: Path, section: Section, painted: CellValues, provenance: dict[str, Any]) -> None:
    """One gene as it is shown.

    Raises
    ------
    OutputError
        Another suffix, or a place that cannot be written.
    DataError
        Values of other cells than the section's.
    """
    import numpy as np

    from ..errors import DataError
    from ..io.writers.atomic import check_output
    from ..io.writers.imputation import SingleGene
    from ..io.writers.imputed import write_single_gene

    if len(painted.values) != section.n_cells:
        raise DataError(
            f"{painted.name} has {len(painted.values)} values, but the section {section.n_cells} cells: "
            "the layer is of another section."
        )
    check_output(path, (".h5ad", ".csv"), inputs=[p for p in (section.path,) if p is not None])
    spread = np.full(section.n_cells, np.nan, dtype=np.float32) if painted.spread is None else painted.spread
    gene = SingleGene(section, painted.name, painted.values, spread, painted.kind, painted.score, provenance)
    write_single_gene(path, gene, command="napari: File > Save", unit=painted.unit)


def write_categories(path: Path, section: Section, types: CellCategories) -> None:
    """Categories of the cells, such as types or domains, with their colours. Raises as `write_values`."""
    import pandas as pd
    from matplotlib.colors import to_hex

    from ..errors import DataError
    from ..io.writers.anndata_files import write_annotated
    from ..io.writers.atomic import check_output, write_csv

    if len(types.codes) != section.n_cells:
        raise DataError(
            f"{types.name} has {len(types.codes)} cells, but the section {section.n_cells}: "
            "the layer is of another section."
        )
    check_output(path, (".h5ad", ".csv"), inputs=[p for p in (section.path,) if p is not None])
    column = pd.Categorical.from_codes(types.codes, categories=pd.Index(types.categories))
    if path.suffix == ".csv":
        table = pd.DataFrame(
            {"x_um": section.xy[:, 0], "y_um": section.xy[:, 1], types.name: column},
            index=pd.Index(section.adata.obs_names, name="cell"),
        )
        write_csv(table, path)
        return
    write_annotated(
        path, section.adata, {types.name: column}, {f"{types.name}_colors": [to_hex(c) for c in types.colours]}
    )
