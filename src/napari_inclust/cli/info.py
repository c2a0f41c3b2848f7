"""`inclust info`: what a file is, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as o
from .console import Talk, plural

if TYPE_CHECKING:
    import pandas as pd

    from ..core.section import Reference

MOST_CLASSES = 200


def info(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A tissue section or a reference: any file or folder that impute takes.")],
    reference: Annotated[Path | None, typer.Argument(metavar="[REFERENCE]", help="Say also how the two fit together.")] = None,
    values: o.SpatialValues = None,
    reference_values: o.ReferenceValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Say what a file is: cells, genes, values, units, label columns, and with a reference the genes that could be imputed."""
    from ..core.panel import align
    from ..io.read import read_any, read_reference, read_section

    talk = Talk(quiet, json)
    if reference is None:
        data = read_any(path, values=values, pixel_size=pixel_size, plane=plane, table=table, system=system)
        facts = describe(data)
        talk.summary(facts, *_lines(facts))
        return
    section = read_section(path, values=values, pixel_size=pixel_size, plane=plane, flatten=True, table=table, system=system)
    ref = read_reference(reference, values=reference_values)
    panel = align(section, ref)
    both = {"section": describe(section), "reference": describe(ref)}
    fit = {"shared": panel.n_shared, "to impute": panel.n_reference_only, "measured only": panel.n_target_only, "notes": list(panel.notes)}
    talk.summary(both | {"genes": fit}, *(line for part in (*both.values(), fit) for line in (*_lines(part), "")))


def describe(data: Reference) -> dict[str, Any]:
    """Facts of a section or a reference, by name."""
    from ..core.section import Section
    from ..io.read import recognise

    adata, section = data.adata, isinstance(data, Section)
    facts: dict[str, Any] = {
        "file": str(data.path),
        "format": recognise(data.path).name if data.path else "in memory",
        "what": "tissue section" if section else "cells without positions (a reference)",
        "cells": data.n_cells,
        "genes": len(data.genes),
        "names": ", ".join(data.genes[:5]) + (", ..." if len(data.genes) > 5 else ""),
        "values": f"{data.values} in {data.source}",
        "empty": f"{plural(_empty(data, 1), 'cell')} and {plural(_empty(data, 0), 'gene')} hold only zeros",
    }
    if isinstance(data, Section):
        width, height = data.xy.max(0) - data.xy.min(0)
        facts |= {
            "extent": f"{width:,.0f} x {height:,.0f}",
            "unit": data.unit_note,
            "segmentation": f"cells as outlines or labels, {data.raster.shape[0]:,} x {data.raster.shape[1]:,} pixels"
            if data.raster is not None
            else "none: centroids only",
        }
    facts["labels"] = {str(name): _classes(adata.obs[name]) for name in adata.obs if _is_label(adata.obs[name])}
    return facts


def _empty(data: Reference, axis: int) -> int:
    return int((data.matrix.getnnz(axis=axis) == 0).sum())


def _is_label(column: pd.Series) -> bool:
    """Text or categories that group the cells: more than one class, and clearly fewer than cells."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    n = column.nunique()
    return not (is_numeric_dtype(column) or is_bool_dtype(column)) and 1 < n <= min(MOST_CLASSES, len(column) // 2)


def _classes(column: pd.Series) -> str:
    missing = int(column.isna().sum())
    return plural(column.nunique(), "class").replace("classs", "classes") + (f", {plural(missing, 'cell')} without" if missing else "")


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{name:14}{'none found' if not value else ''}".rstrip(), *(f"  {k:15} {v}" for k, v in value.items())]
        elif isinstance(value, list):
            lines += [f"{name[:-1]:14}{item}" for item in value]
        else:
            lines.append(f"{name:14}{value:,}" if isinstance(value, int) else f"{name:14}{value}")
    return lines
