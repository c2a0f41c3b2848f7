"""`inclust info`: what a file is, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...utils.text import format_count
from ..console import Reporter
from ..options import ReadingOptions

if TYPE_CHECKING:
    import pandas as pd

    from ...data.section import Reference, Section

MAX_CLASSES = 200


def info(
    *,
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A tissue section or a reference: any file or folder that impute takes."),
    ],
    reference: Annotated[
        Path | None, typer.Argument(metavar="REFERENCE", help="Say also how the two fit together.")
    ] = None,
    reading: ReadingOptions,
    reporter: Reporter,
) -> None:
    """Say what a file is: cells, genes, values, units, images, and what is missing.

    With a reference also the genes that could be imputed.
    """
    from ...data.panel import align
    from ...io.readers.dispatch import read_reference, read_section_or_reference

    if reference is None:
        facts = describe_data(read_section_or_reference(path, reading.read_options()), reading)
        reporter.summary(facts, *_format_lines(facts))
        return
    section = reading.read_section(path)
    reference_data = read_reference(reference, values=reading.reference_values)
    panel = align(section, reference_data)
    parts = {"section": describe_data(section, reading), "reference": describe_data(reference_data, ReadingOptions())}
    parts["genes"] = {
        "shared": panel.n_shared,
        "to impute": panel.n_reference_only,
        "measured only": panel.n_target_only,
        "notes": list(panel.notes),
    }
    reporter.summary(parts, *(line for part in parts.values() for line in (*_format_lines(part), "")))


def describe_data(data: Reference, reading: ReadingOptions) -> dict[str, Any]:
    """Return facts about a section or a reference, by name; `reading` as it was read."""
    from ...data.obs import groups_cells
    from ...data.panel import control_probes
    from ...data.section import Section
    from ...io.readers.dispatch import AvailableOptions, available_options, detect_format

    adata, section = data.adata, isinstance(data, Section)
    predicted = data.predicted if isinstance(data, Section) else None
    controls = control_probes(data.genes)
    facts: dict[str, Any] = {
        "file": str(data.path),
        "format": detect_format(data.path).name if data.path else "in memory",
        "what": "tissue section" if section else "cells without positions (a reference)",
        "cells": data.n_cells,
        "genes": len(data.genes) - len(controls),
        "names": _first_names(data.genes),
        "values": f"{data.values} in {data.values_source}" if data.genes else "nothing measured",
    }
    if controls:
        facts["controls"] = (
            f"{format_count(len(controls), 'control probe')} ({_first_names(controls)}): left out of everything"
        )
    if data.genes:
        facts["empty"] = (
            f"{format_count(_count_empty(data, 1), 'cell')} and {format_count(_count_empty(data, 0), 'gene')} "
            "hold only zeros"
        )
    if predicted is not None:
        facts["predicted"] = (
            f"{predicted.summary} by a run ({_first_names(list(predicted.kinds))}): shown as that, never trained on"
        )
    tables, systems, _ = available_options(data.path) if data.path else AvailableOptions()
    facts |= {name: ", ".join(names) for name, names in (("tables", tables), ("systems", systems)) if names}
    if isinstance(data, Section):
        facts |= _describe_coordinates(data) | _describe_images(data, reading.pixel_size, reading.system)
    facts["labels"] = {
        str(name): _class_summary(adata.obs[name]) for name in adata.obs if groups_cells(adata.obs[name], MAX_CLASSES)
    }
    facts["missing"] = ", ".join(_missing_items(data, facts)) or "nothing"
    return facts


def _describe_coordinates(section: Section) -> dict[str, Any]:
    from ...data.section import unit_warning

    width, height = section.xy.max(0) - section.xy.min(0)
    outlines = "none: centroids only"
    if section.raster is not None:
        outlines = f"cells as outlines or labels, {section.raster.shape[0]:,} x {section.raster.shape[1]:,} pixels"
    question = unit_warning(section)
    return (
        {"extent": f"{width:,.0f} x {height:,.0f}", "unit": section.unit_note}
        | ({"question": question} if question else {})
        | {"segmentation": outlines}
    )


def _describe_images(section: Section, pixel_size: float | None, system: str | None) -> dict[str, Any]:
    """Describe images, label images and molecules that lie with the section."""
    from ...io.readers.images import find_images
    from ...io.readers.transcripts import find_transcripts
    from ...io.readers.zarr_metadata import element_names, is_spatialdata

    if section.path is None:
        return {}
    found_images = find_images(section.path, pixel_size=pixel_size, system=system)
    images: dict[str, str] = {}
    for image in found_images:
        planes = [str(other.z) for other in found_images if other.name == image.name and other.z is not None]
        images[image.name] = (
            f"{image.shape[0]:,} x {image.shape[1]:,} pixels of {image.pixel_size:.4g} um, "
            f"{format_count(len(image.levels), 'resolution')}{', z ' + ', '.join(planes) if planes else ''}"
        )
    facts: dict[str, Any] = {"images": images}
    if is_spatialdata(section.path):
        facts["label images"] = ", ".join(element_names(section.path)["labels"]) or "none found"
    transcripts = find_transcripts(section.path, pixel_size=pixel_size, system=system)
    if transcripts is None:
        facts["transcripts"] = "none found"
    else:
        facts["transcripts"] = transcripts.file.name + (
            f", {transcripts.n_molecules:,} molecules" if transcripts.n_molecules is not None else ""
        )
    return facts


def _missing_items(data: Reference, facts: dict[str, Any]) -> list[str]:
    """List what would help and the file lacks."""
    lacks = ["measured values"] if not data.genes else [] if data.values.kind == "counts" else ["raw counts"]
    if "unit" not in facts:
        return [*lacks, *([] if facts["labels"] else ["a column with cell types"])]
    absent = {
        "the unit of the places (--pixel-size)": "question" in facts,
        "outlines of the cells": "none" in facts["segmentation"],
    }
    absent |= {
        "tissue images": not facts.get("images"),
        "transcripts": facts.get("transcripts", "none found") == "none found",
    }
    return [*lacks, *(name for name, is_absent in absent.items() if is_absent)]


def _first_names(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "none"


def _count_empty(data: Reference, axis: int) -> int:
    return int((data.matrix.getnnz(axis=axis) == 0).sum())


def _class_summary(column: pd.Series) -> str:
    missing = int(column.isna().sum())
    return format_count(column.nunique(), "class").replace("classs", "classes") + (
        f", {format_count(missing, 'cell')} without" if missing else ""
    )


def _format_lines(facts: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += [
                f"{name:14}{'none found' if not value else ''}".rstrip(),
                *(f"  {k:15} {v}" for k, v in value.items()),
            ]
        elif isinstance(value, list):
            lines += [f"{name[:-1]:14}{item}" for item in value]
        else:
            lines.append(f"{name:14}{value:,}" if isinstance(value, int) else f"{name:14}{value}")
    return lines
