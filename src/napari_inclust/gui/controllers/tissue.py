"""What lies with the section besides its cells: images and molecules, found and read off the GUI thread, shown when asked for."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal
from superqt.utils import qdebounced

from ...errors import InclustError
from ...paint.layers import canvas
from ...paint.layers.molecules import Molecules
from ...paint.layers.tissue_images import Picture, Pictures, picture
from ..state.error_text import told
from ..state.layer_source import KEY, LayerSource, layer_sources
from ..state.session import Session
from ..workers.latest_only import Later
from .loading import Loading

_SETTLED = 150  # ms without a move of the camera


@dataclass(frozen=True, eq=False)
class Shown:
    """Images and molecules of a section as they are to be shown; `added` are the user's own: path and micrometres per pixel."""

    images: list[Any]
    transcripts: Any
    added: list[tuple[str, float | None]]
    names: tuple[str, ...]
    z: int | None
    pictures: dict[Any, Picture]
    molecules: bool


def read_shown(
    section: Any, options: dict[str, Any], added: list[tuple[str, float | None]], names: tuple[str, ...], z: int | None, *, molecules: bool
) -> tuple[Shown, list[str]]:
    """In a thread: what was shown before, and in words what is not there any more."""
    folder = section.path is not None and section.path.is_dir()
    images, transcripts, kept, lost = [], None, [], []
    try:
        images, transcripts = _find(section.path, _options(options)) if folder else ([], None)
    except InclustError as error:
        lost.append(f"the images ({error})")
    for path, size in added:
        try:
            images = [*images, *_open(path, size)]
            kept.append((path, size))
        except InclustError as error:
            lost.append(f"the image {path} ({error})")
    known = {image.name for image in images}
    lost += [f"the image {name}" for name in names if name not in known and not lost]
    pictures = {image: picture(image) for image in _chosen(images, names, z)}
    return Shown(images, transcripts, kept, tuple(n for n in names if n in known), z, pictures, molecules and transcripts is not None), lost


class Tissue:
    """Images and molecules of the section of a session.

    Signals
    -------
    changed()
        Others were found, or a problem; `images`, `has_molecules`, `problem` and `busy` say what.
    layers_changed()
        Layers of the viewer came or went: `sources` says which hold a section.
    """

    changed = Signal()
    layers_changed = Signal()

    def __init__(self, viewer: Any, session: Session, loading: Loading) -> None:
        viewer = canvas.unwrapped(viewer)
        self._viewer = weakref.ref(viewer)
        self._session, self._loading = session, loading
        self.images: list[Any] = []  # TissueImage
        self.added: list[tuple[str, float | None]] = []  # pictures of the user's own: path, micrometres per pixel
        self.transcripts: Any = None
        self.problem = ""
        self.molecules_on = False
        self._names: tuple[str, ...] = ()
        self._z: int | None = None
        self._pictures: dict[Any, Picture] = {}
        self._layers: Pictures | None = None
        self._molecules: Molecules | None = None
        self._section: Any = None
        self._finding, self._drawing, self._searching = Later(self._failed), Later(self._failed), Later(self._failed)
        self._moved = qdebounced(self._look, timeout=_SETTLED)
        session.data_changed.connect(self._data, priority=1)  # what lies with the section before goes before another one is painted
        session.gene_changed.connect(self._gene)
        self._camera = canvas.camera(viewer)
        for event in (self._camera.events.zoom, self._camera.events.center):
            event.connect(self._camera_moved)
        self._list = viewer.layers
        for event in (self._list.events.inserted, self._list.events.removed):
            event.connect(self._listed)

    def sources(self) -> list[LayerSource]:
        """Sections that other plugins show in this viewer."""
        viewer = self._viewer()
        return [] if viewer is None else layer_sources(viewer)

    @property
    def names(self) -> list[str]:
        """Channels that can be shown."""
        return list(dict.fromkeys(image.name for image in self.images))

    @property
    def planes(self) -> list[int]:
        """Numbers of the planes, where there are several."""
        return sorted({image.z for image in self.images if image.z is not None})

    @property
    def shown(self) -> tuple[str, ...]:
        """Channels that are shown."""
        return self._names

    @property
    def z(self) -> int | None:
        """Number of the plane that is shown, where there are several."""
        return self._z

    @property
    def opened(self) -> bool:
        """Whether there is a section."""
        return self._section is not None

    @property
    def has_molecules(self) -> bool:
        return self.transcripts is not None

    @property
    def busy(self) -> str:
        """What is being read."""
        reading = ((self._finding, "Looking for images …"), (self._drawing, "Reading the image …"), (self._searching, "Searching the molecules …"))
        return next((text for later, text in reading if later.busy), "")

    def show(self, names: tuple[str, ...], z: int | None) -> None:
        """Just these channels, of one plane where they have several."""
        self._names, self._z = names, z
        wanted = _chosen(self.images, names, z)
        new = [image for image in wanted if image not in self._pictures]
        self.problem = ""
        self._drawing.ask(lambda: {image: picture(image) for image in new}, lambda found: self._draw(wanted, found))
        self.changed()

    def add(self, path: str | Path, pixel_size: float | None) -> None:
        """A picture of the user's own."""

        self.problem = ""
        self._finding.ask(lambda: _open(path, pixel_size), lambda images: self._added((str(path), pixel_size), images))
        self.changed()

    def put(self, shown: Shown) -> None:
        """What was shown in a session that is opened again."""
        for later in (self._finding, self._drawing):
            later.forget()
        self.images, self.transcripts, self.added = shown.images, shown.transcripts, shown.added
        self._names, self._z = shown.names, shown.z
        self._draw(_chosen(self.images, self._names, self._z), shown.pictures)
        self.show_molecules(shown.molecules)

    def show_molecules(self, on: bool) -> None:
        """Molecules of the gene that is painted, or none."""
        self.molecules_on = on
        if on:
            self._gene()
        elif self._molecules is not None:
            self._molecules.close()
        self.changed()

    def close(self) -> None:
        """Stop reading and let go of the viewer."""
        for later in (self._finding, self._drawing, self._searching):
            later.close()
        self._moved.cancel()
        self._session.data_changed.disconnect(self._data, missing_ok=True)
        self._session.gene_changed.disconnect(self._gene, missing_ok=True)
        for event in (self._camera.events.zoom, self._camera.events.center):
            event.disconnect(self._camera_moved)
        for event in (self._list.events.inserted, self._list.events.removed):
            event.disconnect(self._listed)

    def _data(self) -> None:
        section, viewer = self._session.section, self._viewer()
        if section is self._section or viewer is None:
            return
        self._section = section
        for layers in (self._layers, self._molecules):
            if layers is not None:
                layers.close()
        for later in (self._finding, self._drawing, self._searching):
            later.forget()
        self.images, self.added, self.transcripts, self.problem, self.molecules_on, self._names = [], [], None, "", False, ()
        self._pictures.clear()
        if section is not None:
            unit = "pixel" if "in pixels" in section.unit_note else "um"
            self._layers, self._molecules = Pictures(viewer, unit), Molecules(viewer, unit)
            if section.path is not None and section.path.is_dir():
                options = _options(self._loading.options)
                self._finding.ask(lambda: _find(section.path, options), self._found)
        self.changed()

    def _found(self, found: tuple[list[Any], Any]) -> None:
        self.images, self.transcripts = found
        self.changed()

    def _added(self, source: tuple[str, float | None], images: list[Any]) -> None:
        self.added = [*self.added, source]
        self.images = [*self.images, *images]
        self.show(tuple(dict.fromkeys((*self._names, *(image.name for image in images)))), self._z if self._z in self.planes else next(iter(self.planes), None))

    def _draw(self, wanted: list[Any], found: dict[Any, Picture]) -> None:
        self._pictures |= found
        if self._layers is not None:
            self._layers.show([self._pictures[image] for image in wanted])
        self.changed()

    def _gene(self) -> None:
        gene, transcripts = self._session.gene, self.transcripts
        if not self.molecules_on or transcripts is None or gene is None:
            return
        self._searching.ask(lambda: transcripts.of([gene])[gene], lambda xy: self._searched(gene, xy), key=gene)
        self.changed()

    def _searched(self, gene: str, xy: Any) -> None:
        if self._molecules is not None and self.molecules_on and gene == self._session.gene:
            self._molecules.show(gene, xy)
        self.changed()

    def _camera_moved(self, event: Any = None) -> None:
        if self.molecules_on:
            self._moved()

    def _listed(self, event: Any) -> None:
        if KEY in getattr(event.value, "metadata", {}):
            self.layers_changed()

    def _look(self) -> None:
        if self._molecules is not None:
            self._molecules.look()

    def _failed(self, error: Exception) -> None:
        self.problem = told(error, "The image could not be read")
        self.changed()


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """Those of reading a section that say where its images lie."""
    return {k: v for k, v in options.items() if k in ("system", "pixel_size")}


def _chosen(images: list[Any], names: tuple[str, ...], z: int | None) -> list[Any]:
    """Images of some channels, of one plane where they have several."""
    return [image for image in images if image.name in names and image.z in (None, z)]


def _open(path: str | Path, pixel_size: float | None) -> list[Any]:
    from ...io.readers.images import open_image

    return open_image(Path(path), pixel_size=pixel_size)


def _find(path: Path, options: dict[str, Any]) -> tuple[list[Any], Any]:
    from ...io.readers.images import find_images
    from ...io.readers.transcripts import find_transcripts

    return find_images(path, **options), find_transcripts(path, **options)
