"""Options that several commands have, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DATA_HELP_PANEL, _TRAINING_HELP_PANEL, _OUTPUT_HELP_PANEL = "Data", "Training", "Output"

Spatial = Annotated[
    Path,
    typer.Argument(
        metavar="SPATIAL",
        help="The tissue section: .h5ad, SpatialData .zarr, a MERSCOPE, Xenium or CosMx folder, a table.",
    ),
]
Spatials = Annotated[
    list[Path],
    typer.Argument(
        metavar="SPATIAL",
        help="The tissue section, or several: .h5ad, SpatialData .zarr, a MERSCOPE, Xenium or CosMx folder, a table.",
    ),
]
Reference = Annotated[
    Path,
    typer.Argument(
        metavar="REFERENCE", help="The scRNA-seq reference: .h5ad, .h5mu, 10x .h5 or folder, loom, a table."
    ),
]

Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="KEY",
        help="Column of the reference's obs with cell types.",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option("--batch", metavar="KEY", help="Column of obs with batches.", rich_help_panel=_DATA_HELP_PANEL),
]
SpatialValues = Annotated[
    str | None,
    typer.Option(
        "--values",
        metavar="KIND",
        help="What the section's values are: counts, linear or lognorm (default: detected).",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]
ReferenceValues = Annotated[
    str | None,
    typer.Option(
        "--reference-values", metavar="KIND", help="The same for the reference.", rich_help_panel=_DATA_HELP_PANEL
    ),
]
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", metavar="UM", help="Micrometres per unit of the coordinates.", rich_help_panel=_DATA_HELP_PANEL
    ),
]
Plane = Annotated[
    str | None,
    typer.Option(
        "--plane",
        metavar="XY",
        help="Plane of three-dimensional coordinates: xy, xz or yz.",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]

Table = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="NAME",
        help="Table of a SpatialData zarr that has several.",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]
System = Annotated[
    str | None,
    typer.Option(
        "--system",
        metavar="NAME",
        help="Coordinate system of a SpatialData zarr that has several.",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="X,Y[,NAMES]",
        help="Columns of a table with the places (and names) of the cells, when not known by their names.",
        rich_help_panel=_DATA_HELP_PANEL,
    ),
]

Genes = Annotated[
    str | None,
    typer.Option(
        "--genes",
        metavar="A,B",
        help="Genes to impute; `all`: every gene of the reference (default: those not measured).",
    ),
]
GenesFile = Annotated[Path | None, typer.Option("--genes-file", metavar="F", help="File with one gene a line.")]
TableName = Annotated[
    str,
    typer.Option(
        "--table-name", metavar="NAME", help="Name of the new table in a SpatialData zarr, or of the modality in .h5mu."
    ),
]

Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="P",
        help="Named settings; `inclust presets` lists them (default: balanced).",
        rich_help_panel=_TRAINING_HELP_PANEL,
    ),
]
Epochs = Annotated[
    int | None, typer.Option("--epochs", metavar="N", help="Epochs at most.", rich_help_panel=_TRAINING_HELP_PANEL)
]
Members = Annotated[
    int | None,
    typer.Option(
        "--members",
        metavar="M",
        help="Networks trained at once; each hides one fold of the shared genes.",
        rich_help_panel=_TRAINING_HELP_PANEL,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="S",
        help="The same seed gives the same result on one machine (default: 0).",
        rich_help_panel=_TRAINING_HELP_PANEL,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="D", help="auto, cpu, cuda or mps (default: auto).", rich_help_panel=_TRAINING_HELP_PANEL
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="Settings by name.", rich_help_panel=_TRAINING_HELP_PANEL),
]
SaveRun = Annotated[
    Path | None,
    typer.Option(
        "--save-run",
        metavar="RUN",
        help="Keep the trained run, for Python and napari.",
        rich_help_panel=_TRAINING_HELP_PANEL,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="CHECKPOINT",
        help="Keep the state here when training is stopped, and go on from it the next time.",
        rich_help_panel=_TRAINING_HELP_PANEL,
    ),
]

SavedRun = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="RUN", help="Use a run that was saved, without training.", rich_help_panel=_TRAINING_HELP_PANEL
    ),
]

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=_OUTPUT_HELP_PANEL)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print a summary as one JSON object.", rich_help_panel=_OUTPUT_HELP_PANEL)
]


def parse_columns(columns: str | None) -> tuple[str, ...]:
    """The names given with --columns."""
    return tuple(name.strip() for name in columns.split(",")) if columns else ()
