"""Session files: data, run, choices of the docks, selection, domains, regions, layers and camera, in plain JSON."""

from __future__ import annotations

import base64
import json
import os
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...errors import DataError
from ...paint.layers import canvas
from ...paint.layers.additional_sections import Placement
from ...paint.limits import ManualLimits, PercentileLimits
from ...paint.values import CellValues
from ...spatial.regions import Region
from ..controllers.loading import DEMO, REFERENCE, SECTION
from ..controllers.tissue import ImageState, load_image_state
from ..state.columns import categories_from_column
from ..state.gene_source import impute_gene, lognormalised_genes, run_matches_section
from ..state.generated import GeneratedFeatures
from ..state.selection import REPLACE
from ..state.session import VIEWS
from .sidecars import read_linked_files

FORMAT = 1
SUFFIX = ".inclust.json"


@dataclass(frozen=True, eq=False)
class SessionData:
    """Data of the files of a session.

    Attributes
    ----------
    measured : (cells, genes) CSC
        Log-normalised values of the section.
    runs, run, made
        Runs of the section, the one that is painted, and features of a modality that were generated.
    known
        The genes that are to be painted, as the run imputes them.
    domains
        `spatial_domains.result.Domains`, or None.
    places
        Where section and reference were read from.
    beside
        Path, options and placement of the sections that lie beside it.
    images
        Images of the section as they were shown; None: none were.
    lost
        What could not be read again, in words.
    """

    section: Any
    measured: Any
    reference: Any
    runs: list[Any]
    selected_run: Any
    generated: GeneratedFeatures | None
    imputed: list[CellValues]
    domains: Any
    source_paths: dict[str, str]
    additional_sections: list[tuple[str, dict[str, Any], Placement]]
    image_state: ImageState | None
    unavailable: tuple[str, ...] = ()


def capture_state(context: Any, viewer: Any, folder: Path) -> dict[str, Any]:
    """Return the content of a session file, without the run and the domains.

    Parameters
    ----------
    folder
        Of the session file: files below it are named relative to it.

    Raises
    ------
    DataError
        No section, or one that was never a file.
    """
    s, look, reliability, domain_controller, chosen = (
        context.session,
        context.session.look,
        context.reliability_controller,
        context.domain_controller,
        context.selected_cells.current,
    )
    if s.section is None:
        raise DataError("There is no section to save a session of. Open one first (Data).")
    policy = look.limits_policy
    return {
        "format": FORMAT,
        "version": __version__,
        "files": {
            side: _source_path(data, context.loading_controller.paths.get(side), folder)
            for side, data in ((SECTION, s.section), (REFERENCE, s.reference))
            if data is not None
        },
        "options": _json_options(context.loading_controller.section_options),
        "beside": [
            {
                "file": _relative_path(Path(path), folder),
                "options": _json_options(context.loading_controller.opened_sections[path]),
                "place": astuple(context.additional_sections.section_layers.placements.get(path, Placement())),
            }
            for path in context.additional_sections.shown_paths
        ],
        "labels": s.labels_key,
        "batch": s.batch_key,
        "run": None,  # the names of the files beside it
        "runs": [],
        "generated": None,
        "domains": None,
        "domain_look": {
            "selected": sorted(domain_controller.highlighted),
            "shaded": domain_controller.confidence_shown,
            "outlined": domain_controller.outlines_shown,
        },
        "selection": None if chosen is None else {"name": chosen.name, "cells": _encode_mask(chosen.mask)},
        "colour": None if s.cell_categories is None else s.cell_categories.name,
        "gene": s.gene,
        "view": s.view,
        "divide": s.divider_fraction,
        "stars": sorted(s.starred_genes),
        "recent": list(s.recent_genes),
        "sets": {name: list(genes) for name, genes in s.gene_sets.items()},
        "blend": {channel: [shown.name, shown.is_imputed] for channel, shown in s.blend.items()},
        "look": {
            "percentiles": [policy.low, policy.high] if isinstance(policy, PercentileLimits) else None,
            "manual": {name: [m.low, m.high] for name, m in look.manual_limits.items()},
            "thresholds": dict(look.thresholds),
            "colormap": look.colormap,
            "log": look.log,
            "own": look.separate_limits,
        },
        "trust": {
            "fade": reliability.fade_threshold,
            "fade_by": reliability.fade_by,
            "uncertainty": reliability.uncertainty_kind,
            "veil": reliability.uncertainty_as_veil,
        },
        "images": _image_state(context.image_controller, folder),
        "regions": [[r.name, np.asarray(r.corners).tolist()] for r in context.region_controller.regions],
        "layers": {layer.name: [bool(layer.visible), float(layer.opacity)] for layer in viewer.layers},
        "camera": [float(canvas.camera(viewer).zoom), [float(c) for c in canvas.camera(viewer).center]],
    }


def _source_path(data: Any, opened_path: str | None, folder: Path) -> str:
    """Where data came from: relative to the folder when they lie below it."""
    if opened_path == DEMO:
        return DEMO
    path = data.path or (Path(opened_path) if opened_path and Path(opened_path).exists() else None)
    if path is None:
        raise DataError(f"{data.name} was never a file, so a session cannot name it. Save it first, and open the file.")
    return _relative_path(Path(path), folder)


def _relative_path(path: Path, folder: Path) -> str:
    path = path.absolute()
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


def _json_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options of reading, for JSON."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items() if v is not None}


def read_state(path: Path) -> dict[str, Any]:
    """Read a session file.

    Raises
    ------
    DataError
        Not a session, damaged, or of another format.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        known = state["format"]
        files = {str(k): str(v) for k, v in state["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is no session, or is damaged ({type(error).__name__}: {error}). "
            "Expected a file that 'Save session' wrote."
        ) from error
    if known != FORMAT:
        raise DataError(
            f"{path} is a session of format {known}; this version reads format {FORMAT}. "
            f"Open it with napari-inclust {state.get('version', 'of then')}."
        )
    if SECTION not in files:
        raise DataError(f"{path} names no section. Expected a file that 'Save session' wrote.")
    return dict(state)


def load_session_data(state: dict[str, Any], folder: Path) -> SessionData:
    """Read the files of a session, in the thread."""
    from ...io import demo
    from ...io.readers.dispatch import read_reference, read_section

    files, options = state["files"], state.get("options") or {}
    where = {side: DEMO if name == DEMO else folder / name for side, name in files.items()}
    section = demo.demo_section() if where[SECTION] == DEMO else read_section(where[SECTION], **options)
    reference = None
    if REFERENCE in where:
        reference = demo.demo_reference() if where[REFERENCE] == DEMO else read_reference(where[REFERENCE])
    runs, run, made, domains, lost = read_linked_files(folder, state, section, reference)
    known = []
    if run is not None:
        wanted = {state["gene"], *(gene for gene, imputed in state["blend"].values() if imputed)}
        known = [impute_gene(run, g) for g in (*run.panel.shared, *run.panel.reference_only) if g in wanted]
    images, gone = _load_images(state.get("images"), section, options, folder)
    beside = [
        (str(folder / b["file"]), dict(b["options"]), Placement(*map(float, b["place"])))
        for b in state.get("beside", [])
    ]
    places = {side: str(place) for side, place in where.items()}
    return SessionData(
        section,
        lognormalised_genes(section),
        reference,
        runs,
        run,
        made,
        known,
        domains,
        places,
        beside,
        images,
        (*lost, *gone),
    )


def apply_state(context: Any, viewer: Any, state: dict[str, Any], session_data: SessionData) -> list[str]:
    """Put all that was chosen into the session.

    Returns
    -------
    list of str
        What could not be put back: genes or columns that are not there any more.
    """
    section, run = session_data.section, session_data.selected_run
    s, look = context.session, context.session.look
    context.loading_controller.set_sources(session_data.source_paths, dict(state.get("options") or {}))
    s.open_section(section, session_data.measured)
    if session_data.reference is not None:
        s.open_reference(session_data.reference, state["labels"])
        s.batch_key = state["batch"]
    if session_data.domains is not None:
        context.domain_controller.restore(session_data.domains)
    lost = [*session_data.unavailable]
    colour, colours = state["colour"], section.adata.obs
    lost += [f"the column {colour}"] if colour is not None and colour not in colours else []
    if colour in colours and colour != (s.cell_categories.name if s.cell_categories else None):
        s.set_cell_categories(categories_from_column(section, colour))
    shown = state["look"]
    look.restore(
        limits_policy=PercentileLimits(*shown["percentiles"]) if shown["percentiles"] else look.limits_policy,
        manual_limits={name: ManualLimits(*pair) for name, pair in shown["manual"].items()},
        thresholds={name: float(v) for name, v in shown["thresholds"].items()},
        colormap=str(shown["colormap"]),
        log=bool(shown["log"]),
        separate_limits=bool(shown.get("own")),
    )
    s.restore(
        runs=[r for r in s.runs if not run_matches_section(r, section)] + session_data.runs,
        run=run,
        generated=session_data.generated,
        imputed=session_data.imputed,
    )
    names = set(s.gene_table().names.tolist())
    lost += [f"the gene {state['gene']}"] if state["gene"] not in names | {None} else []
    s.restore(
        gene=state["gene"] if state["gene"] in names else None,
        view=state["view"] if state["view"] in VIEWS else s.view,
        divider_fraction=float(state["divide"]),
        starred_genes=frozenset(state["stars"]),
        gene_sets=s.gene_sets | {name: tuple(genes) for name, genes in state["sets"].items()},
        recent_genes=list(state["recent"]),
    )
    s.restore(
        blend={
            channel: s.values_of(gene, imputed=imputed)
            for channel, (gene, imputed) in state["blend"].items()
            if gene in names and (run is not None or session_data.generated is not None or not imputed)
        }
    )
    if s.blend and s.gene is not None:
        context.canvas_controller.bring_to_front("genes")
    reliability = context.reliability_controller
    reliability.set_fade(float(state["trust"]["fade"]), state["trust"].get("fade_by", "cell"))
    reliability.set_uncertainty(state["trust"]["uncertainty"], as_veil=bool(state["trust"]["veil"]))
    if state["regions"]:
        context.region_controller.add(
            [Region(name, np.asarray(corners, dtype=np.float64)) for name, corners in state["regions"]]
        )
    for path, options, placement in session_data.additional_sections:
        context.loading_controller.opened_sections[path] = options
        context.additional_sections.section_layers.placements[path] = placement
        context.additional_sections.set_shown(path, on=True)
    if state.get("selection"):
        cells = _decode_mask(state["selection"]["cells"], section.n_cells)
        context.selected_cells.select(cells, str(state["selection"]["name"]), REPLACE)
    if session_data.domains is not None:
        shown = state["domain_look"]
        context.domain_controller.show_confidence(bool(shown["shaded"]))
        context.domain_controller.show_outlines(bool(shown["outlined"]))
        context.domain_controller.highlight(frozenset(int(d) for d in shown["selected"]))
    if session_data.image_state is not None:
        context.image_controller.restore(session_data.image_state)
    for layer in viewer.layers:
        if layer.name in state["layers"]:
            layer.visible, layer.opacity = state["layers"][layer.name]
    camera = canvas.camera(viewer)
    camera.zoom, camera.center = state["camera"][0], tuple(state["camera"][1])
    return lost


def _image_state(image_controller: Any, folder: Path) -> dict[str, Any]:
    """Which images are shown, of which plane; pictures of the user's own; and whether molecules are."""
    added = [[_relative_path(Path(path), folder), size] for path, size in image_controller.added_images]
    return {
        "shown": list(image_controller.shown_channels),
        "z": image_controller.plane,
        "added": added,
        "molecules": image_controller.molecules_shown,
    }


def _load_images(
    state: dict[str, Any] | None, section: Any, options: dict[str, Any], folder: Path
) -> tuple[ImageState | None, list[str]]:
    """In the thread: images as they were shown, and in words those that are not there any more."""
    if not state or not (state["shown"] or state["added"] or state["molecules"]):
        return None, []
    added = [(str(folder / path), size) for path, size in state["added"]]
    return load_image_state(
        section, options, added, tuple(state["shown"]), state["z"], molecules_shown=bool(state["molecules"])
    )


def _encode_mask(mask: NDArray[np.bool_]) -> str:
    """Which cells, as text: a bit each, deflated."""
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode("ascii")


def _decode_mask(text: str, n_cells: int) -> NDArray[np.bool_]:
    """(n,) bool. Raises ValueError when it is not of n cells."""
    size = -(-n_cells // 8)
    try:
        bits = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"the selection cannot be read ({error})") from error
    if len(bits) != size:
        raise ValueError(f"the selection is not one of {n_cells:,} cells")
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=n_cells).astype(bool)
