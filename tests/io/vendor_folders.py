"""Real cells written as the instruments' software lays them out, for readers to open."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr

PIXEL = 0.2125  # micrometres of a Xenium pixel


def write_tenx_h5(
    path: Path, adata: Any, extra: tuple[str, ...] = (), extra_type: str = "Negative Control Probe"
) -> None:
    """As Cell Ranger writes it, with features of other types at the end."""
    n = adata.n_vars + len(extra)
    matrix = sp.csc_matrix(sp.hstack([adata.X, sp.csr_matrix(np.ones((adata.n_obs, len(extra)), dtype=np.float32))]).T)
    ids = (
        list(adata.var_names)
        if adata.var_names[0].startswith("ENS")
        else [f"ENSMUSG{i:011}" for i in range(adata.n_vars)]
    )
    with h5py.File(path, "w") as file:
        file.attrs["library_ids"] = np.array(["sample"], dtype="S")
        m = file.create_group("matrix")
        m["data"], m["indices"], m["indptr"], m["shape"] = (
            matrix.data.astype(int),
            matrix.indices,
            matrix.indptr,
            matrix.shape,
        )
        m["barcodes"] = np.array(adata.obs_names, dtype="S")
        f = m.create_group("features")
        f["id"] = np.array([*ids, *extra], dtype="S")
        f["name"] = np.array([*adata.var_names, *extra], dtype="S")
        f["feature_type"] = np.array(["Gene Expression"] * adata.n_vars + [extra_type] * len(extra), dtype="S")
        f["genome"] = np.array(["mm10"] * n, dtype="S")


def spots(shared: Path) -> ad.AnnData:
    """300 spots and 100 genes of the real Visium section, counts as whole numbers."""
    adata = ad.read_h5ad(shared / "data" / "dlpfc_151673.h5ad")[::12, :100].copy()
    adata.obs_names = [name.removeprefix("151673_") for name in adata.obs_names]
    return adata


def visium_pixels(grid: pd.DataFrame, pitch: float = 200.0) -> np.ndarray:
    """(spots, xy) in pixels of a picture in which neighbouring spots are `pitch` apart, from the places on the slide's grid."""
    return (
        np.c_[grid["array_col"] * pitch / 2, grid["array_row"] * pitch * np.sqrt(3) / 2] + 310
    )  # off the borders of the pixels of the smaller pictures


def write_visium(path: Path, adata: ad.AnnData, header: bool = True) -> Path:
    """As Space Ranger lays it out: all spots of the slide in the table of positions, those under tissue in the matrix."""
    from PIL import Image

    (path / "spatial").mkdir(parents=True)
    write_tenx_h5(path / "filtered_feature_bc_matrix.h5", adata)
    grid = pd.DataFrame([(r, c) for r in range(78) for c in range(r % 2, 128, 2)], columns=["array_row", "array_col"])
    names = {(r, c): n for n, r, c in zip(adata.obs_names, adata.obs["array_row"], adata.obs["array_col"], strict=True)}
    xy = visium_pixels(grid)
    table = pd.DataFrame(
        {
            "barcode": [names.get((r, c), f"EMPTY{r}x{c}-1") for r, c in grid.to_numpy()],
            "in_tissue": [int((r, c) in names) for r, c in grid.to_numpy()],
            "array_row": grid["array_row"],
            "array_col": grid["array_col"],
            "pxl_row_in_fullres": np.round(xy[:, 1]).astype(int),
            "pxl_col_in_fullres": np.round(xy[:, 0]).astype(int),
        }
    )
    table.to_csv(
        path / "spatial" / ("tissue_positions.csv" if header else "tissue_positions_list.csv"),
        header=header,
        index=False,
    )
    scales = {
        "spot_diameter_fullres": 130.0,
        "tissue_hires_scalef": 0.05,
        "fiducial_diameter_fullres": 180.0,
        "tissue_lowres_scalef": 0.015,
    }
    (path / "spatial" / "scalefactors_json.json").write_text(json.dumps(scales))
    for name, factor in (("hires", 0.05), ("lowres", 0.015)):
        picture = np.full((int(14300 * factor), int(13400 * factor), 3), 240, dtype=np.uint8)
        row, column = (visium_pixels(adata.obs)[:, ::-1] * factor).astype(int).T
        picture[row, column] = (120, 40, 140)
        Image.fromarray(picture).save(path / "spatial" / f"tissue_{name}_image.png")
    return path


def write_visium_hd(path: Path, adata: ad.AnnData) -> Path:
    """Bins of 8 and 16 micrometres, as Space Ranger 3 lays them out; a picture of 0.5 micrometres per pixel."""
    from PIL import Image

    layout = {"transform": np.eye(3).tolist(), "file_format": "1.0"}
    matrices = {
        f"{a}_colrow_to_{b}_colrow": np.eye(3).ravel().tolist()
        for a, b in (("cytassist", "spot"), ("spot", "cytassist"), ("microscope", "spot"), ("spot", "microscope"))
    }
    with h5py.File(path.joinpath("feature_slice.h5") if path.mkdir(parents=True) is None else path, "w") as file:
        file.attrs["metadata_json"] = json.dumps({"hd_layout_json": json.dumps(layout), "transform_matrices": matrices})
    for size in (8, 16):
        folder = path / "binned_outputs" / f"square_{size:03}um"
        (folder / "spatial").mkdir(parents=True)
        side = int(np.ceil(np.sqrt(adata.n_obs)))
        row, column = np.divmod(np.arange(adata.n_obs), side)
        named = adata.copy()
        named.obs_names = [f"s_{size:03}um_{r:05}_{c:05}-1" for r, c in zip(row, column, strict=True)]
        write_tenx_h5(folder / "filtered_feature_bc_matrix.h5", named)
        place = {"pxl_row_in_fullres": (row + 0.5) * size / 0.5, "pxl_col_in_fullres": (column + 0.5) * size / 0.5}
        pd.DataFrame(
            {"barcode": list(named.obs_names), "in_tissue": 1, "array_row": row, "array_col": column} | place
        ).to_parquet(folder / "spatial" / "tissue_positions.parquet", index=False)
        scales = {
            "spot_diameter_fullres": size / 0.5,
            "bin_size_um": float(size),
            "microns_per_pixel": 0.5,
            "tissue_hires_scalef": 0.5,
            "tissue_lowres_scalef": 0.1,
        }
        (folder / "spatial" / "scalefactors_json.json").write_text(
            json.dumps(scales | {"fiducial_diameter_fullres": 100.0, "regist_target_img_scalef": 0.5})
        )
        for name, pixels in (("hires", 200), ("lowres", 40)):
            Image.fromarray(np.full((pixels, pixels, 3), 200, dtype=np.uint8)).save(
                folder / "spatial" / f"tissue_{name}_image.png"
            )
    return path


def write_xenium(path: Path, adata: Any, xy: np.ndarray) -> Path:
    """Xenium Onboard Analysis 2: matrix, cells, boundaries, transcripts and a focus image in which every cell is bright.

    Parameters
    ----------
    adata
        Cells called as `xenium_names` says.
    """
    import tifffile

    path.mkdir(parents=True, exist_ok=True)
    names = list(adata.obs_names)
    write_tenx_h5(
        path / "cell_feature_matrix.h5", adata, extra=("NegControlProbe_1",), extra_type="Negative Control Probe"
    )
    cells = pd.DataFrame(
        {
            "cell_id": names,
            "x_centroid": xy[:, 0],
            "y_centroid": xy[:, 1],
            "transcript_counts": 1,
            "control_probe_counts": 0,
        }
    )
    cells["total_counts"], cells["cell_area"], cells["nucleus_area"] = (
        np.asarray(adata.X.sum(1)).ravel().astype(int),
        100.0,
        30.0,
    )
    cells.to_parquet(path / "cells.parquet", index=False)
    corners = np.array([[-5, -5], [5, -5], [5, 5], [-5, 5], [-5, -5]])
    for name, size in (("cell", 1.0), ("nucleus", 0.5)):
        around = xy[:, None] + corners * size
        table = {"cell_id": np.repeat(names, 5), "vertex_x": around[..., 0].ravel(), "vertex_y": around[..., 1].ravel()}
        pd.DataFrame(table | {"label_id": np.repeat(np.arange(1, len(names) + 1), 5)}).to_parquet(
            path / f"{name}_boundaries.parquet", index=False
        )
    rows, genes = adata.X.nonzero()
    molecules = {
        "transcript_id": np.arange(len(rows)),
        "cell_id": np.array(names)[rows],
        "feature_name": np.array(adata.var_names)[genes],
    }
    molecules |= {
        "x_location": xy[rows, 0],
        "y_location": xy[rows, 1],
        "z_location": 0.0,
        "qv": 40.0,
        "overlaps_nucleus": 1,
    }
    pd.DataFrame(molecules).to_parquet(path / "transcripts.parquet", index=False)
    image = np.full((1, *np.ceil((xy.max(0) + 20) / PIXEL).astype(int)[::-1]), 10, dtype=np.uint16)
    for x, y in xy:
        left, top, right, bottom = np.round(np.array([x - 5, y - 5, x + 5, y + 5]) / PIXEL).astype(int)
        image[0, max(top, 0) : bottom, max(left, 0) : right] = 1000
    (path / "morphology_focus").mkdir()
    about = {
        "axes": "CYX",
        "PhysicalSizeX": PIXEL,
        "PhysicalSizeY": PIXEL,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": ["DAPI"]},
    }
    with tifffile.TiffWriter(path / "morphology_focus" / "morphology_focus_0000.ome.tif") as file:
        file.write(image, subifds=1, tile=(256, 256), metadata=about)
        file.write(image[:, ::2, ::2], subfiletype=1, tile=(256, 256))
    prefix = np.arange(len(names), dtype=np.uint32)
    with zarr.storage.ZipStore(path / "cells.zarr.zip", mode="w") as store:
        root = zarr.create_group(store, zarr_format=2)
        for name, values in (
            ("cell_id", np.c_[prefix, np.ones_like(prefix)]),
            ("polygon_sets/0/cell_index", prefix),
            ("polygon_sets/1/cell_index", prefix),
        ):
            root.create_array(name, data=values)
        columns = {"column_names": ["cell_centroid_x", "cell_centroid_y", "cell_area"]}
        root.create_array("cell_summary", data=np.c_[xy, cells["cell_area"]], attributes=columns)
    said = {
        "pixel_size": PIXEL,
        "panel_name": "test",
        "major_version": 5,
        "minor_version": 0,
        "patch_version": 0,
        "analysis_sw_version": "xenium-2.0.0.10",
        "images": {},
    }
    (path / "experiment.xenium").write_text(
        json.dumps(said | {"region_name": "r", "run_name": "n", "num_cells": len(names)})
    )
    return path


def xenium_names(n: int) -> list[str]:
    """Names of n cells as the instrument writes them: the number in sixteen letters from a to p, and the number of the data set."""
    return ["".join("abcdefghijklmnop"[int(digit, 16)] for digit in f"{i:08x}") + "-1" for i in range(n)]


def write_cosmx(path: Path, shared: Path) -> ad.AnnData:
    """The two real crops as fields of view side by side: tables, composites and label images whose rows run upwards from the field's origin.

    Returns
    -------
    The real cells, named as here ("cell_field"), with places in global pixels.
    """
    import tifffile
    from PIL import Image

    real = shared / "data" / "cosmx_lung"
    adata = ad.read_h5ad(real / "cosmx_lung_cells.h5ad")
    for folder in ("CellComposite", "CellLabels"):
        (path / folder).mkdir(parents=True)
    local = np.zeros((adata.n_obs, 2))
    far = np.zeros_like(local)
    for k, fov in enumerate((2, 3)):
        labels = tifffile.imread(real / f"labels_F{fov:03}.tif")
        tifffile.imwrite(path / "CellLabels" / f"CellLabels_F{fov:03}.tif", labels)
        Image.open(real / f"composite_F{fov:03}.jpg").save(path / "CellComposite" / f"CellComposite_F{fov:03}.jpg")
        own = (adata.obs["fov"] == f"F{fov:03}").to_numpy()
        xy = adata.obsm["spatial"][own]
        local[own] = np.c_[xy[:, 0], labels.shape[0] - xy[:, 1]]
        far[own] = local[own] + [1000 + 700 * k, 2000]
    ids, fovs = adata.obs["label_id"].astype(int).to_numpy(), adata.obs["fov"].str[1:].astype(int).to_numpy()
    both = pd.DataFrame({"fov": fovs, "cell_ID": ids})
    genes = pd.DataFrame(adata.X.toarray().astype(int), columns=list(adata.var_names))
    pd.concat([both, genes], axis=1).to_csv(path / "run_exprMat_file.csv", index=False)
    places = dict(
        zip(
            ("CenterX_local_px", "CenterY_local_px", "CenterX_global_px", "CenterY_global_px"),
            np.c_[local, far].T,
            strict=True,
        )
    )
    pd.concat([both, pd.DataFrame(places)], axis=1).to_csv(path / "run_metadata_file.csv", index=False)
    pd.DataFrame({"fov": [2, 3], "x_global_px": [1000, 1700], "y_global_px": [2000, 2000]}).to_csv(
        path / "run_fov_positions_file.csv", index=False
    )
    molecules = []
    for k, fov in enumerate((2, 3)):
        table = pd.read_csv(real / f"transcripts_F{fov:03}.csv.gz")
        molecules.append(
            pd.DataFrame(
                {
                    "fov": fov,
                    "cell_ID": table["cell_ID"],
                    "x_local_px": table["x_px"],
                    "y_local_px": 648 - table["y_px"],
                    "x_global_px": table["x_px"] + 1000 + 700 * k,
                    "y_global_px": 2000 + 648 - table["y_px"],
                    "target": table["target"],
                }
            )
        )
    pd.concat(molecules).to_csv(path / "run_tx_file.csv", index=False)
    adata.obs_names = [f"{i}_{f}" for i, f in zip(ids, fovs, strict=True)]
    adata.obsm["spatial"] = far
    return adata


def write_store(path: Path, adata: ad.AnnData, usual: str = "table") -> Path:
    """A SpatialData zarr with two tables of the same cells and circles in two coordinate systems; "microns" is ten times "global"."""
    import geopandas
    import spatialdata
    from shapely import Point
    from spatialdata.models import ShapesModel, TableModel
    from spatialdata.transformations import Identity, Scale

    adata = adata.copy()
    xy = adata.obsm["spatial"] - adata.obsm["spatial"].min(0)
    adata.obs["instance"], adata.obs["region"] = np.arange(adata.n_obs), pd.Categorical(["cells"] * adata.n_obs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writer: the public one, not ours
        circles = geopandas.GeoDataFrame(
            {"radius": 3.0, "geometry": [Point(*p) for p in xy]}, index=np.arange(adata.n_obs)
        )
        shapes = ShapesModel.parse(
            circles, transformations={"global": Identity(), "microns": Scale([10.0, 10.0], axes=("x", "y"))}
        )
        tables = {}
        for name, part in ((usual, adata), ("other", adata[:50].copy())):
            tables[name] = TableModel.parse(part, region="cells", region_key="region", instance_key="instance")
        spatialdata.SpatialData(shapes={"cells": shapes}, tables=tables).write(path)
    return path
