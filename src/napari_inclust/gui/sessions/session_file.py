"""What a session file holds, and how it is put back: files, run, choices of the docks, selection, domains, regions, layers and camera. Plain JSON; nothing in it is executed."""

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
from ...paint.layers.side_by_side import Placement
from ...paint.limits import Manual, Percentile
from ...paint.values import CellValues
from ...spatial.regions import Region
from ..controllers.loading import DEMO, REFERENCE, SECTION
from ..controllers.scene import types_of
from ..controllers.tissue import Shown, read_shown
from ..state.gene_source import fits, imputed_values, log_measured
from ..state.generated import Made
from ..state.selection import NEW
from ..state.session import VIEWS
from .sidecars import read_beside

FORMAT = 1
SUFFIX = ".inclust.json"


@dataclass(frozen=True, eq=False)
class Data:
    """What the files of a session hold.

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
    run: Any
    made: Made | None
    known: list[CellValues]
    domains: Any
    places: dict[str, str]
    beside: list[tuple[str, dict[str, Any], Placement]]
    images: Shown | None
    lost: tuple[str, ...] = ()


def capture(bench: Any, viewer: Any, folder: Path) -> dict[str, Any]:
    """What a session file holds, without the run and the domains.

    Parameters
    ----------
    folder
        Of the session file: files below it are named relative to it.

    Raises
    ------
    DataError
        No section, or one that was never a file.
    """
    s, look, judging, finding, chosen = bench.session, bench.session.look, bench.judging, bench.finding, bench.selection.now
    if s.section is None:
        raise DataError("There is no section to save a session of. Open one first (Data).")
    policy = look.policy
    return {
        "format": FORMAT,
        "version": __version__,
        "files": {
            side: _place(data, bench.loading.path.get(side), folder) for side, data in ((SECTION, s.section), (REFERENCE, s.reference)) if data is not None
        },
        "options": _plain(bench.loading.options),
        "beside": [
            {
                "file": _relative(Path(path), folder),
                "options": _plain(bench.loading.sections[path]),
                "place": astuple(bench.beside.gallery.places.get(path, Placement())),
            }
            for path in bench.beside.shown
        ],
        "labels": s.labels,
        "batch": s.batch,
        "run": None,  # the names of the files beside it
        "runs": [],
        "generated": None,
        "domains": None,
        "domain_look": {"selected": sorted(finding.selected), "shaded": finding.shaded, "outlined": finding.outlined},
        "selection": None if chosen is None else {"name": chosen.name, "cells": _packed(chosen.cells)},
        "colour": None if s.types is None else s.types.name,
        "gene": s.gene,
        "view": s.view,
        "divide": s.divide,
        "stars": sorted(s.stars),
        "recent": list(s.recent),
        "sets": {name: list(genes) for name, genes in s.gene_sets.items()},
        "blend": {channel: [shown.name, shown.is_imputed] for channel, shown in s.blend.items()},
        "look": {
            "percentiles": [policy.low, policy.high] if isinstance(policy, Percentile) else None,
            "manual": {name: [m.low, m.high] for name, m in look.manual.items()},
            "thresholds": dict(look.thresholds),
            "colormap": look.colormap,
            "log": look.log,
            "own": look.own,
        },
        "trust": {"fade": judging.fade, "fade_by": judging.fade_by, "uncertainty": judging.uncertainty, "veil": judging.veil},
        "images": _shown(bench.tissue, folder),
        "regions": [[r.name, np.asarray(r.corners).tolist()] for r in bench.regions.items],
        "layers": {layer.name: [bool(layer.visible), float(layer.opacity)] for layer in viewer.layers},
        "camera": [float(canvas.camera(viewer).zoom), [float(c) for c in canvas.camera(viewer).center]],
    }


def _place(data: Any, shown: str | None, folder: Path) -> str:
    """Where data came from: relative to the folder when they lie below it."""
    if shown == DEMO:
        return DEMO
    path = data.path or (Path(shown) if shown and Path(shown).exists() else None)
    if path is None:
        raise DataError(f"{data.name} was never a file, so a session cannot name it. Save it first, and open the file.")
    return _relative(Path(path), folder)


def _relative(path: Path, folder: Path) -> str:
    path = path.absolute()
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options of reading, for JSON."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items() if v is not None}


def read_state(path: Path) -> dict[str, Any]:
    """What a session file says.

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
        raise DataError(f"{path} is no session, or is damaged ({type(error).__name__}: {error}). Expected a file that 'Save session' wrote.") from error
    if known != FORMAT:
        raise DataError(
            f"{path} is a session of format {known}; this version reads format {FORMAT}. Open it with napari-inclust {state.get('version', 'of then')}."
        )
    if SECTION not in files:
        raise DataError(f"{path} names no section. Expected a file that 'Save session' wrote.")
    return dict(state)


def open_data(state: dict[str, Any], folder: Path) -> Data:
    """In the thread."""
    from ...io import demo
    from ...io.readers.dispatch import read_reference, read_section

    files, options = state["files"], state.get("options") or {}
    where = {side: DEMO if name == DEMO else folder / name for side, name in files.items()}
    section = demo.demo_section() if where[SECTION] == DEMO else read_section(where[SECTION], **options)
    reference = None
    if REFERENCE in where:
        reference = demo.demo_reference() if where[REFERENCE] == DEMO else read_reference(where[REFERENCE])
    runs, run, made, domains, lost = read_beside(folder, state, section, reference)
    known = []
    if run is not None:
        wanted = {state["gene"], *(gene for gene, imputed in state["blend"].values() if imputed)}
        known = [imputed_values(run, g) for g in (*run.panel.shared, *run.panel.reference_only) if g in wanted]
    images, gone = _images(state.get("images"), section, options, folder)
    beside = [(str(folder / b["file"]), dict(b["options"]), Placement(*map(float, b["place"]))) for b in state.get("beside", [])]
    places = {side: str(place) for side, place in where.items()}
    return Data(section, log_measured(section), reference, runs, run, made, known, domains, places, beside, images, (*lost, *gone))


def apply(bench: Any, viewer: Any, state: dict[str, Any], data: Data) -> list[str]:
    """Put all that was chosen into the session.

    Returns
    -------
    list of str
        What could not be put back: genes or columns that are not there any more.
    """
    section, run = data.section, data.run
    s, look = bench.session, bench.session.look
    bench.loading.path.update(data.places)
    bench.loading.options = dict(state.get("options") or {})
    s.open_section(section, data.measured)
    if data.reference is not None:
        s.open_reference(data.reference, state["labels"])
        s.batch = state["batch"]
    if data.domains is not None:
        bench.finding.put(data.domains)
        bench.finding.changed()
    lost = [*data.lost]
    gone = state["colour"] is not None and state["colour"] not in section.adata.obs
    lost += [f"the column {state['colour']}"] if gone else []
    if state["colour"] is not None and not gone and state["colour"] != (s.types.name if s.types else None):
        s.set_types(types_of(section, state["colour"]))
    shown = state["look"]
    look.policy = Percentile(*shown["percentiles"]) if shown["percentiles"] else look.policy
    look.manual = {name: Manual(*pair) for name, pair in shown["manual"].items()}
    look.thresholds = {name: float(v) for name, v in shown["thresholds"].items()}
    look.colormap, look.log, look.own = str(shown["colormap"]), bool(shown["log"]), bool(shown.get("own"))
    s.view, s.divide = state["view"] if state["view"] in VIEWS else s.view, float(state["divide"])
    s.stars = set(state["stars"])
    s.add_sets({name: tuple(genes) for name, genes in state["sets"].items()})
    s.stars_changed()
    s.runs = [r for r in s.runs if not fits(r, section)] + data.runs
    s.generated = data.made
    s.choose(state["gene"])
    s.run_changed()
    if run is not None:
        s.choose_run(run, data.known)
    at_hand = set(s.genes().names.tolist())
    lost += [f"the gene {state['gene']}"] if state["gene"] not in at_hand | {None} else []
    if s.gene not in at_hand:
        s.choose(None)
    s.recent = list(state["recent"])
    s.look_changed()
    s.blend = {
        channel: s.values_of(gene, imputed=imputed)
        for channel, (gene, imputed) in state["blend"].items()
        if gene in at_hand and (run is not None or data.made is not None or not imputed)
    }
    s.blend_changed()
    for side in data.places:
        bench.loading.changed(side)
    if s.blend and s.gene is not None:
        bench.scene.bring("genes")
    judging = bench.judging
    judging.set_fade(float(state["trust"]["fade"]), state["trust"].get("fade_by", "cell"))
    judging.set_uncertainty(state["trust"]["uncertainty"], veil=bool(state["trust"]["veil"]))
    if state["regions"]:
        bench.regions.add([Region(name, np.asarray(corners, dtype=np.float64)) for name, corners in state["regions"]])
    for path, options, placement in data.beside:
        bench.loading.sections[path] = options
        bench.beside.gallery.places[path] = placement
        bench.beside.show(path, on=True)
    if state.get("selection"):
        cells = _unpacked(state["selection"]["cells"], section.n_cells)
        bench.selection.select(cells, str(state["selection"]["name"]), NEW)
    if data.domains is not None:
        shown = state["domain_look"]
        bench.finding.shade(bool(shown["shaded"]))
        bench.finding.outline(bool(shown["outlined"]))
        bench.finding.select(frozenset(int(d) for d in shown["selected"]))
    if data.images is not None:
        bench.tissue.put(data.images)
    for layer in viewer.layers:
        if layer.name in state["layers"]:
            layer.visible, layer.opacity = state["layers"][layer.name]
    camera = canvas.camera(viewer)
    camera.zoom, camera.center = state["camera"][0], tuple(state["camera"][1])
    return lost


def _shown(tissue: Any, folder: Path) -> dict[str, Any]:
    """Which images are shown, of which plane; pictures of the user's own; and whether molecules are."""
    added = [[_relative(Path(path), folder), size] for path, size in tissue.added]
    return {"shown": list(tissue.shown), "z": tissue.z, "added": added, "molecules": tissue.molecules_on}


def _images(shown: dict[str, Any] | None, section: Any, options: dict[str, Any], folder: Path) -> tuple[Shown | None, list[str]]:
    """In the thread: images as they were shown, and in words those that are not there any more."""
    if not shown or not (shown["shown"] or shown["added"] or shown["molecules"]):
        return None, []
    added = [(str(folder / path), size) for path, size in shown["added"]]
    return read_shown(section, options, added, tuple(shown["shown"]), shown["z"], molecules=bool(shown["molecules"]))


def _packed(cells: NDArray[np.bool_]) -> str:
    """Which cells, as text: a bit each, deflated."""
    return base64.b64encode(zlib.compress(np.packbits(cells).tobytes())).decode("ascii")


def _unpacked(text: str, n: int) -> NDArray[np.bool_]:
    """(n,) bool. Raises ValueError when it is not of n cells."""
    size = -(-n // 8)
    try:
        bits = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"the selection cannot be read ({error})") from error
    if len(bits) != size:
        raise ValueError(f"the selection is not one of {n:,} cells")
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=n).astype(bool)
