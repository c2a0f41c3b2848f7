"""Figures of the genes of a session, drawn and written in a thread."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.figures.figure import FigurePane, blend_pane, category_pane, draw_figure, gene_pane, write_figure
from ...paint.values import MEASURED
from ...utils.settings import setting
from ..state.session import IMPUTED, MEASURED_AND_IMPUTED, Session
from ..state.status import Status, error_message
from ..workers.latest_only import LatestOnly

DISPLAYED, BLEND, CELL_CATEGORIES = "what is shown", "blend", "cell types"


@dataclass(frozen=True)
class FigureOptions:
    """Content and size of a figure; the form of the Figure dock is built from the fields with a help.

    Attributes
    ----------
    genes
        Names of genes; or one of `DISPLAYED`, `BLEND` and `CELL_CATEGORIES`.
    """

    genes: tuple[str, ...]
    view: str = setting(
        MEASURED_AND_IMPUTED,
        "Which values of each gene are drawn, where it has them",
        choices=(MEASURED_AND_IMPUTED, IMPUTED, MEASURED),
    )
    columns: int = setting(0, "Panels in a row; 0: chosen automatically", low=0, high=12, unit="in a row")
    width: float = setting(7.0, "Width of the figure in inches", low=2.0, high=40.0, unit="inch")
    dpi: int = setting(
        300,
        "Resolution of the tissue; text and bars are vectors in PDF and SVG",
        low=50,
        high=1200,
        unit="pixels/inch",
    )
    dark: bool = setting(False, "Background of the figure")


class FigureController(Status):
    """Draws and writes figures of a session.

    Signals
    -------
    preview_ready(rgba)
        A preview, (rows, columns, 4) uint8.
    """

    preview_ready = Signal(object)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        super().__init__()
        self._runner = LatestOnly(self._on_error)

    def close(self) -> None:
        """End the thread."""
        self._runner.close()

    def save(self, spec: FigureOptions, raster: Any, unit: str, path: str | Path) -> None:
        """Write a figure; the suffix says of which kind."""
        session, path = self._session(), Path(path)
        if session is None:
            return

        def write() -> str:
            from ...io.writers.atomic import check_output
            from ...paint.figures.figure import FIGURE_SUFFIXES

            check_output(path, FIGURE_SUFFIXES)
            made = make_panes(session, spec)
            write_figure(
                draw_figure(
                    raster,
                    made,
                    unit=unit,
                    columns=spec.columns or None,
                    width=spec.width,
                    dpi=spec.dpi,
                    dark=spec.dark,
                ),
                path,
            )
            return f"The figure with {len(made)} picture{'s' * (len(made) != 1)} is in {path}."

        self._start(f"Drawing {path.name}", write, self._set_status)

    def preview(self, spec: FigureOptions, raster: Any, unit: str, pixels: int) -> None:
        """Draw a figure small, for looking at; `preview_ready` follows."""
        session = self._session()
        if session is None:
            return

        def rendered() -> Any:
            import numpy as np
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            dpi = max(30, int(pixels / spec.width))
            canvas = FigureCanvasAgg(
                draw_figure(
                    raster,
                    make_panes(session, spec),
                    unit=unit,
                    columns=spec.columns or None,
                    width=spec.width,
                    dpi=dpi,
                    dark=spec.dark,
                )
            )
            canvas.draw()  # type: ignore[no-untyped-call]
            return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]

        self._start("Drawing a preview", rendered, self._on_preview_ready)

    def _start(self, busy_message: str, job: Any, on_result: Any) -> None:
        self._runner.submit(job, on_result)
        self._set_status(busy=busy_message)

    def _on_preview_ready(self, image: Any) -> None:
        self._set_status()
        self.preview_ready(image)

    def _on_error(self, error: Exception) -> None:
        self._set_status(error_message(error, "The figure could not be drawn"), is_error=True)


def make_panes(session: Session, spec: FigureOptions) -> list[FigurePane]:
    """Return the panes of a figure; may take as long as imputing its genes.

    Measured and imputed values of a gene have equal limits, unless each has its own.

    Raises
    ------
    InclustError
        Nothing of it can be drawn.
    """
    look, made = session.look, []
    for gene in spec.genes:
        if gene == BLEND:
            made.append(
                blend_pane(
                    session.blend, dict(zip(session.blend, look.limits(list(session.blend.values())), strict=True))
                )
            )
        elif gene == CELL_CATEGORIES:
            if session.cell_categories is None:
                raise InclustError("the cells are not coloured by any column. Choose one (Cells).")
            made.append(category_pane(session.cell_categories))
        else:
            shown = session.displayed_values() if gene == DISPLAYED else _gene_values(session, gene, spec.view)
            if shown:
                made += [
                    gene_pane(p, limits, look.colormap, look.threshold_of(p))
                    for p, limits in zip(shown, look.paired_limits(shown), strict=True)
                ]
    return made


def _gene_values(session: Session, gene: str, view: str) -> list[Any]:
    """Return the values of a gene in a view, or those that it has instead."""
    cannot = session.view_obstacles(gene)
    available = [v for v in (MEASURED, IMPUTED) if not cannot[v]]
    views = [v for v in available if view in (v, MEASURED_AND_IMPUTED)] or available
    if not views:
        raise InclustError(f"{gene} can be neither shown as measured nor imputed. Check its name.")
    values = [session.values_of(gene, imputed=v == IMPUTED) for v in views]
    return values if session.look.log else [v.to_linear() for v in values]
