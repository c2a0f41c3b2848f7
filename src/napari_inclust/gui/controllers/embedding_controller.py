"""PCA or UMAP of the cells, computed in a thread."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ..state.session import Session
from ..state.status import Status, error_message
from ..workers.imports import with_heavy_imports
from ..workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator

    from ...imputation.embedding import Embedding

PCA, UMAP = "PCA", "UMAP"


class EmbeddingController(Status):
    """Embeds the cells of a session; `status_changed` also says that `embedding` is another one."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self.embedding: Embedding | None = None
        self._worker: Worker | None = None
        self._features_cache: Any = None  # (section, run, features, source) of the last time
        session.section_changed.connect(self._on_section_changed)

    def start(self, method: str) -> None:
        """Embed all cells by `PCA` or `UMAP`."""
        session = self._session()
        if session is None or session.section is None or self.busy:
            return
        section, run, known = session.section, session.run, self._features_cache
        known = known if known is not None and known[0] is section and known[1] is run else None
        self._worker = Worker(
            with_heavy_imports(lambda: _embedding_steps(section, run, known, method)),
            on_yield=self._set_progress,
            on_return=lambda made: self._on_embedded(section, *made),
            on_error=self._on_error,
            on_stopped=lambda: self._finish("Cancelled."),
        )
        self._worker.start()
        self._set_progress("Starting …")

    def cancel(self) -> None:
        """Stop after the present step."""
        if self._worker is not None:
            self._worker.stop()
            self._set_progress("Stopping after this step …")

    def close(self) -> None:
        """End the thread."""
        session = self._session()
        if session is not None:
            session.section_changed.disconnect(self._on_section_changed, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _set_progress(self, message: str) -> None:
        self._set_status(message, busy="Embedding the cells")

    def _on_embedded(self, section: Any, embedding: Embedding, features: Any) -> None:
        session = self._session()
        if session is not None and session.section is section:
            self.embedding, self._features_cache = embedding, features
            self._finish(embedding.note)
        else:
            self._finish("")

    def _on_error(self, error: Exception) -> None:
        self._finish(error_message(error, "The cells could not be placed"), is_error=True)

    def _finish(self, message: str, *, is_error: bool = False) -> None:
        self._worker = None
        self._set_status(message, is_error=is_error)

    def _on_section_changed(self) -> None:
        self.embedding = self._features_cache = None
        if self._worker is not None:
            self._worker.close(timeout=0)
        self._finish("")


def _embedding_steps(section: Any, run: Any, cached_features: Any, method: str) -> Generator[str, None, Any]:
    from ...imputation import embedding

    if cached_features is None:
        source = "the latent" if run is not None else "the measured genes"
        yield f"Principal components of {source}, {section.n_cells:,} cells …"
        cached_features = (section, run, *embedding.embedding_features(section, run))
    if method == UMAP:
        n = min(section.n_cells, embedding.MAX_UMAP_CELLS)
        yield f"UMAP of {n:,} cells: some {10 + n // 1500} s, half a minute more the first time …"
        return embedding.umap(*cached_features[2:]), cached_features
    return embedding.pca(*cached_features[2:]), cached_features
