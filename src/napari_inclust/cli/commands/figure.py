"""`inclust figure`: genes of a result as a figure for print."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError, DataError
from ...utils.text import format_count
from ..console import Reporter
from ..options import parse_gene_list

if TYPE_CHECKING:
    import pandas as pd

    from ...imputation.run import Run
    from ...paint.figures.figure import FigurePane


def figure(
    *,
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A result of `inclust impute` (.h5ad or .zarr), or a saved run.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The figure: .png, .svg or .pdf.")],
    genes: Annotated[str, typer.Option("--genes", metavar="A,B", help="Genes to draw.")],
    columns: Annotated[
        int | None,
        typer.Option("--columns", metavar="N", help="Pictures in a row (default: as square as can be).", min=1),
    ] = None,
    width: Annotated[
        float, typer.Option("--width", metavar="INCH", help="Width of the figure in inches.", min=2, max=40)
    ] = 7.0,
    dpi: Annotated[
        int,
        typer.Option(
            "--dpi",
            metavar="N",
            help="Pixels an inch of the tissue (text is drawn by vectors in .svg and .pdf).",
            min=50,
            max=1200,
        ),
    ] = 300,
    colormap: Annotated[
        str, typer.Option("--colormap", metavar="NAME", help="viridis, magma, inferno, plasma, cividis, gray or turbo.")
    ] = "viridis",
    dark: Annotated[bool, typer.Option("--dark", help="White on black.")] = False,
    own_limits: Annotated[
        bool,
        typer.Option(
            "--own-limits",
            help="Measured and imputed values each in colour limits of their own: compares patterns, not levels.",
        ),
    ] = False,
    reporter: Reporter,
) -> None:
    """Draw genes on the tissue, with colour bars and a scale bar; imputed ones are marked as imputed, with their score.

    From a saved run, a gene that the section measures is drawn twice: measured, and as predicted while it was hidden.
    Equal colours are equal values, unless with --own-limits.
    """
    from ...io.writers.atomic import check_output
    from ...paint.figures.figure import FIGURE_SUFFIXES, draw_figure, write_figure
    from ...paint.limits import COLORMAPS
    from ...paint.raster.cell_raster import CentroidRaster, section_raster

    check_output(output, FIGURE_SUFFIXES, inputs=(result,))
    if colormap not in COLORMAPS:
        raise ConfigError(f"unknown colormap {colormap!r}. Choose one of {', '.join(COLORMAPS)}.")
    names = parse_gene_list(genes)
    if result.suffix in (".h5ad", ".zarr"):
        panes, xy, pixels = _panes_from_file(result, names, colormap)
        raster: Any = CentroidRaster(xy)
    else:
        from ...io.runs.load import load_run

        run = load_run(result)
        panes = _panes_from_run(run, names, colormap, own_limits=own_limits)
        raster, pixels = section_raster(run.section), "in pixels" in run.section.unit_note
    drawn = draw_figure(
        raster, panes, unit="pixels" if pixels else "µm", columns=columns, width=width, dpi=dpi, dark=dark
    )
    write_figure(drawn, output)
    facts = {"output": str(output), "genes": list(names), "pictures": len(panes), "seconds": reporter.seconds}
    reporter.summary(facts, f"{format_count(len(panes), 'picture')} in {output}  ({reporter.duration})")


def _panes_from_file(path: Path, genes: tuple[str, ...], colormap: str) -> tuple[list[FigurePane], Any, bool]:
    """Make the panes of a file that `impute` wrote; also its coordinates, and whether they are in pixels."""
    import anndata as ad
    import numpy as np

    from ...data.normalize import as_csr
    from ...data.section import coordinates_in_micrometres
    from ...paint.figures.figure import gene_pane
    from ...paint.limits import PercentileLimits, limits_from_zero
    from ...paint.values import CellValues

    try:
        data = ad.read_h5ad(path, backed="r") if path.suffix == ".h5ad" else ad.read_zarr(path)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as AnnData ({type(error).__name__}: {error}). "
            "Expected a result of `inclust impute`, or a saved run."
        ) from error
    try:
        if "imputed" not in data.var or "kind" not in data.var:
            raise DataError(
                f"{path} is no result of `inclust impute`: var['imputed'] and var['kind'] are missing. "
                "Give the file that it wrote, or a saved run."
            )
        _check_gene_names(genes, list(data.var_names), path)
        part = data[:, list(genes)]
        part = part.to_memory() if path.suffix == ".h5ad" else part.copy()
    finally:
        if data.isbacked:
            data.file.close()
    xy, note = coordinates_in_micrometres(part, path.name, plane=(0, 1) if part.obsm["spatial"].shape[1] == 3 else None)
    values = np.asarray(as_csr(part.X).todense(), dtype=np.float32)
    panes = []
    for i, gene in enumerate(genes):
        row = part.var.loc[gene]
        score, predicted_score = _first_finite(row, "score"), _first_finite(row, "predicted_score", "foreseen")
        pane = CellValues(gene, values[:, i], str(row["kind"]), score=score, predicted_score=predicted_score)
        panes.append(gene_pane(pane, limits_from_zero(PercentileLimits(), pane.values), colormap))
    return panes, xy, "in pixels" in note


def _first_finite(row: pd.Series, *columns: str) -> float | None:
    """Return the first finite number among columns of a gene (`foreseen`: predicted scores of older files)."""
    import numpy as np

    return next((float(row[c]) for c in columns if c in row and np.isfinite(row[c])), None)


def _panes_from_run(run: Run, genes: tuple[str, ...], colormap: str, *, own_limits: bool) -> list[FigurePane]:
    """Make the panes of a saved run: measured beside imputed values where there are both."""
    from ...paint.figures.figure import gene_pane
    from ...paint.limits import PercentileLimits, limits_from_zero, side_by_side_limits
    from ...paint.values import CellValues

    _check_gene_names(genes, [*run.panel.shared, *run.panel.reference_only], Path("the run"))
    panes = []
    for gene in genes:
        imputed = run.impute(gene)
        shown = [CellValues(gene, imputed.values, imputed.kind, imputed.spread, imputed.score)]
        if (measured := run.measured(gene)) is not None:
            shown.insert(0, CellValues(gene, measured))
        limits = side_by_side_limits(
            [limits_from_zero(PercentileLimits(), p.values) for p in shown], separate=own_limits
        )
        panes += [gene_pane(p, ends, colormap) for p, ends in zip(shown, limits, strict=True)]
    return panes


def _check_gene_names(genes: tuple[str, ...], known: list[str], source: Path) -> None:
    known_set = set(known)
    unknown = [g for g in genes if g not in known_set]
    if unknown:
        similar = list(dict.fromkeys(n for g in unknown for n in difflib.get_close_matches(g, known, 2)))
        suggestion = f" Did you mean {', '.join(similar)}?" if similar else ""
        raise DataError(f"{source} has no {', '.join(unknown)}.{suggestion} It holds {len(known):,} genes.")
