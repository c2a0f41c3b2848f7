"""Images and molecules of the section: found and read off the GUI thread, shown on request."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal
from superqt.utils import qdebounced

from ...errors import InclustError
from ...paint.layers import canvas
from ...paint.layers.molecules import MoleculeLayer
from ...paint.layers.tissue_images import DisplayedImage, ImageLayers, with_display_limits
from ..state.layer_source import SDATA_KEY, SpatialDataLayer, spatialdata_layers
from ..state.session import Session
from ..state.status import error_message
from ..workers.latest_only import LatestOnly
from .loading import LoadingController

_CAMERA_DEBOUNCE_MS = 150  # ms without a move of the camera


@dataclass(frozen=True, eq=False)
class ImageState:
    """Images and molecules of a section as displayed; `added_images`: path and micrometres per pixel."""

    images: list[Any]
    transcripts: Any
    added_images: list[tuple[str, float | None]]
    channels: tuple[str, ...]
    plane: int | None
    pictures: dict[Any, DisplayedImage]
    molecules_shown: bool


def load_image_state(
    section: Any,
    options: dict[str, Any],
    added_images: list[tuple[str, float | None]],
    channels: tuple[str, ...],
    plane: int | None,
    *,
    molecules_shown: bool,
) -> tuple[ImageState, list[str]]:
    """In a thread: what was shown before, and in words what is not there any more."""
    folder = section.path is not None and section.path.is_dir()
    images, transcripts, kept, lost = [], None, [], []
    try:
        images, transcripts = _find_images(section.path, _image_options(options)) if folder else ([], None)
    except InclustError as error:
        lost.append(f"the images ({error})")
    for path, size in added_images:
        try:
            images = [*images, *_open_image(path, size)]
            kept.append((path, size))
        except InclustError as error:
            lost.append(f"the image {path} ({error})")
    known = {image.name for image in images}
    lost += [f"the image {name}" for name in channels if name not in known and not lost]
    pictures = {image: with_display_limits(image) for image in _images_of_channels(images, channels, plane)}
    return ImageState(
        images,
        transcripts,
        kept,
        tuple(n for n in channels if n in known),
        plane,
        pictures,
        molecules_shown and transcripts is not None,
    ), lost


class ImageController:
    """Images and molecules of the section of a session.

    Signals
    -------
    images_changed()
        Others were found, or a problem; `images`, `has_molecules`, `problem` and `busy` say what.
    layers_changed()
        Layers of the viewer came or went: `sources` says which hold a section.
    """

    images_changed = Signal()
    spatialdata_layers_changed = Signal()

    def __init__(self, viewer: Any, session: Session, loading_controller: LoadingController) -> None:
        viewer = canvas.unwrap(viewer)
        self._viewer = weakref.ref(viewer)
        self._session, self._loading_controller = session, loading_controller
        self.images: list[Any] = []  # TissueImage
        self.added_images: list[
            tuple[str, float | None]
        ] = []  # pictures of the user's own: path, micrometres per pixel
        self.transcripts: Any = None
        self.error_message = ""
        self.molecules_shown = False
        self._shown_channels: tuple[str, ...] = ()
        self._plane: int | None = None
        self._pictures: dict[Any, DisplayedImage] = {}
        self._image_layers: ImageLayers | None = None
        self._molecule_layer: MoleculeLayer | None = None
        self._find_runner, self._image_runner, self._molecule_runner = (
            LatestOnly(self._on_error),
            LatestOnly(self._on_error),
            LatestOnly(self._on_error),
        )
        self._redraw_later = qdebounced(self._redraw_molecules, timeout=_CAMERA_DEBOUNCE_MS)
        self._connections = (
            (session.section_closing, self._close_layers),
            (session.section_changed, self._on_section_changed),
            (session.gene_selected, self._request_molecules),
        )
        for signal, slot in self._connections:
            signal.connect(slot)
        self._camera = canvas.camera(viewer)
        for event in (self._camera.events.zoom, self._camera.events.center):
            event.connect(self._on_camera_moved)
        self._layer_list = viewer.layers
        for event in (self._layer_list.events.inserted, self._layer_list.events.removed):
            event.connect(self._on_layers_changed)

    def spatialdata_layers(self) -> list[SpatialDataLayer]:
        """Sections that other plugins show in this viewer."""
        viewer = self._viewer()
        return [] if viewer is None else spatialdata_layers(viewer)

    @property
    def channels(self) -> list[str]:
        """Channels that can be shown."""
        return list(dict.fromkeys(image.name for image in self.images))

    @property
    def planes(self) -> list[int]:
        """Numbers of the planes, where there are several."""
        return sorted({image.z for image in self.images if image.z is not None})

    @property
    def shown_channels(self) -> tuple[str, ...]:
        """Channels that are shown."""
        return self._shown_channels

    @property
    def plane(self) -> int | None:
        """Number of the plane that is shown, where there are several."""
        return self._plane

    @property
    def has_section(self) -> bool:
        """Whether there is a section."""
        return self._session.section is not None

    @property
    def has_molecules(self) -> bool:
        """Whether there is a table of transcripts."""
        return self.transcripts is not None

    @property
    def busy(self) -> str:
        """What is being read."""
        reading = (
            (self._find_runner, "Looking for images …"),
            (self._image_runner, "Reading the image …"),
            (self._molecule_runner, "Searching the molecules …"),
        )
        return next((text for later, text in reading if later.busy), "")

    def show_channels(self, channels: tuple[str, ...], plane: int | None) -> None:
        """Just these channels, of one plane where they have several."""
        self._shown_channels, self._plane = channels, plane
        wanted = _images_of_channels(self.images, channels, plane)
        new = [image for image in wanted if image not in self._pictures]
        self.error_message = ""
        self._image_runner.submit(
            lambda: {image: with_display_limits(image) for image in new},
            lambda found: self._show_pictures(wanted, found),
        )
        self._emit_images_changed()

    def add_image(self, path: str | Path, pixel_size: float | None) -> None:
        """Add an image of the user's own."""
        self.error_message = ""
        self._find_runner.submit(
            lambda: _open_image(path, pixel_size), lambda images: self._on_image_added((str(path), pixel_size), images)
        )
        self._emit_images_changed()

    def restore(self, state: ImageState) -> None:
        """Show the images and molecules of a saved session."""
        for later in (self._find_runner, self._image_runner):
            later.discard()
        self.images, self.transcripts, self.added_images = state.images, state.transcripts, state.added_images
        self._shown_channels, self._plane = state.channels, state.plane
        self._show_pictures(_images_of_channels(self.images, self._shown_channels, self._plane), state.pictures)
        self.show_molecules(state.molecules_shown)

    def show_molecules(self, on: bool) -> None:
        """Molecules of the gene that is painted, or none."""
        self.molecules_shown = on
        if on:
            self._request_molecules()
        elif self._molecule_layer is not None:
            self._molecule_layer.close()
        self._emit_images_changed()

    def _emit_images_changed(self) -> None:
        self.images_changed()

    def close(self) -> None:
        """Stop reading and let go of the viewer."""
        for later in (self._find_runner, self._image_runner, self._molecule_runner):
            later.close()
        self._redraw_later.cancel()
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        for event in (self._camera.events.zoom, self._camera.events.center):
            event.disconnect(self._on_camera_moved)
        for event in (self._layer_list.events.inserted, self._layer_list.events.removed):
            event.disconnect(self._on_layers_changed)

    def _close_layers(self) -> None:
        for layers in (self._image_layers, self._molecule_layer):
            if layers is not None:
                layers.close()

    def _on_section_changed(self) -> None:
        section, viewer = self._session.section, self._viewer()
        if viewer is None:
            return
        for later in (self._find_runner, self._image_runner, self._molecule_runner):
            later.discard()
        (
            self.images,
            self.added_images,
            self.transcripts,
            self.error_message,
            self.molecules_shown,
            self._shown_channels,
        ) = [], [], None, "", False, ()
        self._pictures.clear()
        if section is not None:
            unit = "pixel" if "in pixels" in section.unit_note else "um"
            self._image_layers, self._molecule_layer = ImageLayers(viewer, unit), MoleculeLayer(viewer, unit)
            path, options = section.path, _image_options(self._loading_controller.section_options)
            if path is not None and path.is_dir():
                self._find_runner.submit(lambda: _find_images(path, options), self._on_images_found)
        self._emit_images_changed()

    def _on_images_found(self, found: tuple[list[Any], Any]) -> None:
        self.images, self.transcripts = found
        self._emit_images_changed()

    def _on_image_added(self, source: tuple[str, float | None], images: list[Any]) -> None:
        self.added_images = [*self.added_images, source]
        self.images = [*self.images, *images]
        self.show_channels(
            tuple(dict.fromkeys((*self._shown_channels, *(image.name for image in images)))),
            self._plane if self._plane in self.planes else next(iter(self.planes), None),
        )

    def _show_pictures(self, wanted: list[Any], found: dict[Any, DisplayedImage]) -> None:
        self._pictures |= found
        if self._image_layers is not None:
            self._image_layers.show([self._pictures[image] for image in wanted])
        self._emit_images_changed()

    def _request_molecules(self) -> None:
        gene, transcripts = self._session.gene, self.transcripts
        if not self.molecules_shown or transcripts is None or gene is None:
            return
        self._molecule_runner.submit(
            lambda: transcripts.locations([gene])[gene], lambda xy: self._on_molecules_ready(gene, xy), key=gene
        )
        self._emit_images_changed()

    def _on_molecules_ready(self, gene: str, xy: Any) -> None:
        if self._molecule_layer is not None and self.molecules_shown and gene == self._session.gene:
            self._molecule_layer.show(gene, xy)
        self._emit_images_changed()

    def _on_camera_moved(self, event: Any = None) -> None:
        if self.molecules_shown:
            self._redraw_later()

    def _on_layers_changed(self, event: Any) -> None:
        if SDATA_KEY in getattr(event.value, "metadata", {}):
            self.spatialdata_layers_changed()

    def _redraw_molecules(self) -> None:
        if self._molecule_layer is not None:
            self._molecule_layer.update_view()

    def _on_error(self, error: Exception) -> None:
        self.error_message = error_message(error, "The image could not be read")
        self._emit_images_changed()


def _image_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those of reading a section that say where its images lie."""
    return {k: v for k, v in options.items() if k in ("system", "pixel_size")}


def _images_of_channels(images: list[Any], names: tuple[str, ...], z: int | None) -> list[Any]:
    """Images of some channels, of one plane where they have several."""
    return [image for image in images if image.name in names and image.z in (None, z)]


def _open_image(path: str | Path, pixel_size: float | None) -> list[Any]:
    from ...io.readers.images import open_image

    return open_image(Path(path), pixel_size=pixel_size)


def _find_images(path: Path, options: dict[str, Any]) -> tuple[list[Any], Any]:
    from ...io.readers.images import find_images
    from ...io.readers.transcripts import find_transcripts

    return find_images(path, **options), find_transcripts(path, **options)
