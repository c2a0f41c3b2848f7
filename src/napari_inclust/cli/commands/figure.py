"""`inclust figure`: genes of a result as a figure for print."""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError, DataError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter

if TYPE_CHECKING:
    from ...paint.figures.figure import FigurePane


def figure(
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
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Draw genes on the tissue, with colour bars and a scale bar; imputed ones are marked as imputed, with their score.

    From a saved run, a gene that the section measures is drawn twice: measured, and as predicted while it was hidden; equal colours are equal values, unless with --own-limits.
    """
    from ...data.gene_sets import parse_genes
    from ...io.writers.atomic import check_output
    from ...paint.figures.figure import FIGURE_SUFFIXES, draw_figure, write_figure
    from ...paint.limits import COLORMAPS
    from ...paint.raster.cell_raster import CentroidRaster, section_raster

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, FIGURE_SUFFIXES, inputs=(result,))
    if colormap not in COLORMAPS:
        raise ConfigError(f"unknown colormap {colormap!r}. Choose one of {', '.join(COLORMAPS)}.")
    wanted = parse_genes(genes)
    if not wanted:
        raise ConfigError("--genes names no gene. Give at least one, separated by commas.")
    if result.suffix in (".h5ad", ".zarr"):
        panes, xy, pixels = _panes_from_file(result, wanted, colormap)
        raster: Any = CentroidRaster(xy)
    else:
        from ...io.runs.load import load_run

        run = load_run(result)
        panes = _panes_from_run(run, wanted, colormap, own_limits=own_limits)
        raster, pixels = section_raster(run.section), "in pixels" in run.section.unit_note
    drawn = draw_figure(
        raster, panes, unit="pixels" if pixels else "µm", columns=columns, width=width, dpi=dpi, dark=dark
    )
    write_figure(drawn, output)
    seconds = time.perf_counter() - start
    facts = {"output": str(output), "genes": list(wanted), "pictures": len(panes), "seconds": round(seconds, 2)}
    talk.summary(facts, f"{format_count(len(panes), 'picture')} in {output}  ({format_duration(seconds)})")


def _panes_from_file(path: Path, genes: tuple[str, ...], colormap: str) -> tuple[list[FigurePane], Any, bool]:
    """Pictures of a file that `impute` wrote, the places, and whether they are pixels."""
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
            f"{path} cannot be read as AnnData ({type(error).__name__}: {error}). Expected a result of `inclust impute`, or a saved run."
        ) from error
    try:
        if "imputed" not in data.var or "kind" not in data.var:
            raise DataError(
                f"{path} is no result of `inclust impute`: var['imputed'] and var['kind'] are missing. Give the file that it wrote, or a saved run."
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
        about = part.var.loc[gene]
        score, foreseen = (
            float(about[c]) if c in about and np.isfinite(about[c]) else None for c in ("score", "foreseen")
        )
        shown = CellValues(gene, values[:, i], str(about["kind"]), score=score, predicted_score=foreseen)
        panes.append(gene_pane(shown, limits_from_zero(PercentileLimits(), shown.values), colormap))
    return panes, xy, "in pixels" in note


def _panes_from_run(run: Any, genes: tuple[str, ...], colormap: str, *, own_limits: bool) -> list[FigurePane]:
    """Pictures of a saved run: measured beside imputed where there is both."""
    from ...paint.figures.figure import gene_pane
    from ...paint.limits import PercentileLimits, limits_from_zero, side_by_side_limits
    from ...paint.values import CellValues

    _check_gene_names(genes, [*run.panel.shared, *run.panel.reference_only], Path("the run"))
    panes = []
    for gene in genes:
        found = run.impute(gene)
        shown = [CellValues(gene, found.values, found.kind, found.spread, found.score)]
        if (measured := run.measured(gene)) is not None:
            shown.insert(0, CellValues(gene, measured))
        limits = side_by_side_limits(
            [limits_from_zero(PercentileLimits(), p.values) for p in shown], separate=own_limits
        )
        panes += [gene_pane(p, ends, colormap) for p, ends in zip(shown, limits, strict=True)]
    return panes


def _check_gene_names(genes: tuple[str, ...], known: list[str], source: Path) -> None:
    there = set(known)
    unknown = [g for g in genes if g not in there]
    if unknown:
        near = list(dict.fromkeys(n for g in unknown for n in difflib.get_close_matches(g, known, 2)))
        alike = f" Did you mean {', '.join(near)}?" if near else ""
        raise DataError(f"{source} has no {', '.join(unknown)}.{alike} It holds {len(known):,} genes.")
