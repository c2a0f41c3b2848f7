"""What the Figure dock draws: the genes of a session as panes, made and written in a thread. No widgets here."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.figures.figure import Pane, blend_pane, draw, gene_pane, type_pane, write_figure
from ..state.error_text import told
from ..state.session import BOTH, IMPUTED, MEASURED, Session
from ..workers.latest_only import Later

SHOWN, BLEND, TYPES = "what is shown", "blend", "cell types"


@dataclass(frozen=True)
class Wish:
    """What is to be drawn.

    Attributes
    ----------
    genes
        Names; or `SHOWN`, `BLEND`, `TYPES`.
    view
        `MEASURED`, `IMPUTED` or `BOTH` of each gene; what a gene lacks is left out.
    columns
        Panes in a row, 0: as square as can be.
    width
        Inches.
    """

    genes: tuple[str, ...]
    view: str = BOTH
    columns: int = 0
    width: float = 7.0
    dpi: int = 300
    dark: bool = False


class Figures:
    """Draws and writes figures of a session.

    Signals
    -------
    changed
        Drawing began or ended; `busy`, `message` and `wrong` say how.
    previewed(rgba)
        A preview, (rows, columns, 4) uint8.
    """

    changed = Signal()
    previewed = Signal(object)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._later = Later(self._failed)
        self.busy, self.message, self.wrong = "", "", False

    def close(self) -> None:
        """End the thread."""
        self._later.close()

    def save(self, wish: Wish, raster: Any, unit: str, path: str | Path) -> None:
        """Write a figure; the suffix says of which kind."""
        session, path = self._session(), Path(path)
        if session is None:
            return

        def write() -> str:
            from ...io.writers.atomic import check_output
            from ...paint.figures.figure import SUFFIXES

            check_output(path, SUFFIXES)
            made = panes(session, wish)
            write_figure(draw(raster, made, unit=unit, columns=wish.columns or None, width=wish.width, dpi=wish.dpi, dark=wish.dark), path)
            return f"The figure with {len(made)} picture{'s' * (len(made) != 1)} is in {path}."

        self._start(f"Drawing {path.name}", write, self._written)

    def preview(self, wish: Wish, raster: Any, unit: str, pixels: int) -> None:
        """Draw a figure small, for looking at; `previewed` brings it."""
        session = self._session()
        if session is None:
            return

        def rendered() -> Any:
            import numpy as np
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            dpi = max(30, int(pixels / wish.width))
            canvas = FigureCanvasAgg(draw(raster, panes(session, wish), unit=unit, columns=wish.columns or None, width=wish.width, dpi=dpi, dark=wish.dark))
            canvas.draw()
            return np.array(canvas.buffer_rgba())

        self._start("Drawing a preview", rendered, self._drawn)

    def _start(self, what: str, job: Any, then: Any) -> None:
        self.busy, self.message, self.wrong = what, "", False
        self._later.ask(job, then)
        self.changed()

    def _written(self, message: str) -> None:
        self.busy, self.message = "", message
        self.changed()

    def _drawn(self, image: Any) -> None:
        self.busy = ""
        self.changed()
        self.previewed(image)

    def _failed(self, error: Exception) -> None:
        self.busy, self.wrong = "", True
        self.message = told(error, "The figure could not be drawn")
        self.changed()


def panes(session: Session, wish: Wish) -> list[Pane]:
    """Pictures of a wish; one gene's measured and imputed values have equal colours, unless each has its own limits. May take as long as imputing the genes.

    Raises
    ------
    InclustError
        Nothing of it can be drawn.
    """
    look, made = session.look, []
    for gene in wish.genes:
        if gene == BLEND:
            made.append(blend_pane(session.blend, dict(zip(session.blend, look.limits(list(session.blend.values())), strict=True))))
        elif gene == TYPES:
            if session.types is None:
                raise InclustError("the cells are not coloured by any column. Choose one (Cells).")
            made.append(type_pane(session.types))
        else:
            shown = session.shown() if gene == SHOWN else _values(session, gene, wish.view)
            if shown:
                made += [gene_pane(p, limits, look.colormap, look.threshold(p)) for p, limits in zip(shown, look.beside(shown), strict=True)]
    return made


def _values(session: Session, gene: str, view: str) -> list[Any]:
    """Of one gene what there is of the view, else what there is instead."""
    cannot = session.views_of(gene)
    there = [v for v in (MEASURED, IMPUTED) if not cannot[v]]
    wanted = [v for v in there if view in (v, BOTH)] or there
    if not wanted:
        raise InclustError(f"{gene} can be neither shown as measured nor imputed. Check its name.")
    found = [session.values_of(gene, imputed=v == IMPUTED) for v in wanted]
    return found if session.look.log else [p.linear() for p in found]
