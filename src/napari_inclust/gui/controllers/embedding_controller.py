"""Cells in the plane of a PCA or UMAP, computed in a thread. No widgets here."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ..state.error_text import told
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator

    from ...imputation.embedding import Embedding

PCA, UMAP = "PCA", "UMAP"


class Placing:
    """Embeds the cells of a session.

    Signals
    -------
    changed
        Work began or ended, or went on: `busy`, `message`, `wrong` and `found` say how.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.found: Embedding | None = None
        self.busy, self.wrong = False, False
        self.message = ""
        self._worker: Worker | None = None
        self._features: Any = None  # (section, run, features, source) of the last time
        self._section: Any = None
        session.data_changed.connect(self._data)

    def start(self, method: str) -> None:
        """Embed all cells by `PCA` or `UMAP`."""
        session = self._session()
        if session is None or session.section is None or self.busy:
            return
        section, run, known = session.section, session.run, self._features
        known = known if known is not None and known[0] is section and known[1] is run else None
        self.busy = True
        self._worker = Worker(
            heavy(lambda: _steps(section, run, known, method)),
            on_yield=self._said,
            on_return=lambda made: self._done(section, *made),
            on_error=self._failed,
            on_stopped=lambda: self._end("Cancelled."),
        )
        self._worker.start()
        self._said("Starting …")

    def cancel(self) -> None:
        """Stop after the present step."""
        if self._worker is not None:
            self._worker.stop()
            self._said("Stopping after this step …")

    def close(self) -> None:
        """End the thread."""
        session = self._session()
        if session is not None:
            session.data_changed.disconnect(self._data, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _said(self, text: str) -> None:
        self.message, self.wrong = text, False
        self.changed()

    def _done(self, section: Any, found: Embedding, features: Any) -> None:
        session = self._session()
        if session is not None and session.section is section:
            self.found, self._features = found, features
            self._end(found.note)
        else:
            self._end("")

    def _failed(self, error: Exception) -> None:
        self._end(told(error, "The cells could not be placed"), wrong=True)

    def _end(self, message: str, *, wrong: bool = False) -> None:
        self._worker, self.busy = None, False
        self.message, self.wrong = message, wrong
        self.changed()

    def _data(self) -> None:
        session = self._session()
        section = None if session is None else session.section
        if section is not self._section:
            self._section, self.found, self._features = section, None, None
            if self._worker is not None:
                self._worker.close(timeout=0)
            self._end("")


def _steps(section: Any, run: Any, known: Any, method: str) -> Generator[str, None, Any]:
    from ...imputation import embedding

    if known is None:
        yield f"Principal components of {'the latent' if run is not None else 'the measured genes'}, {section.n_cells:,} cells …"
        known = (section, run, *embedding.features(section, run))
    if method == UMAP:
        n = min(section.n_cells, embedding.MOST_UMAP)
        yield f"UMAP of {n:,} cells: some {10 + n // 1500} s, half a minute more the first time …"
        return embedding.umap(*known[2:]), known
    return embedding.pca(*known[2:]), known
