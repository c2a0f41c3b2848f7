"""A session as one JSON file: files, run, choices of the docks, layers, regions and camera. Saved whole or not at all; read without executing anything."""

from __future__ import annotations

import json
import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from psygnal import Signal

from .. import __version__
from ..core.regions import Region
from ..errors import DataError, InclustError
from ..io.write import as_output_error, replacing
from ..paint import canvas
from ..paint.limits import Manual, Percentile
from ..paint.values import CellValues
from .later import Later
from .loading import DEMO, REFERENCE, SECTION
from .scene import types_of
from .session import VIEWS, imputed_values, log_measured

FORMAT = 1
SUFFIX = ".inclust.json"


@dataclass(frozen=True, eq=False)
class Data:
    """What the files of a session hold.

    Attributes
    ----------
    measured : (cells, genes) CSC
        Log-normalised values of the section.
    known
        The genes that are to be painted, as the run imputes them.
    places
        Where section and reference were read from.
    """

    section: Any
    measured: Any
    reference: Any
    run: Any
    known: list[CellValues]
    places: dict[str, str]


class Restore:
    """Saves and opens the session of a workbench.

    Signals
    -------
    changed
        Something began or ended; `busy`, `message` and `wrong` say what.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    bench
        Its workbench (held weakly).
    """

    changed = Signal()

    def __init__(self, viewer: Any, bench: Any) -> None:
        self._viewer, self._bench = weakref.ref(canvas.unwrapped(viewer)), weakref.ref(bench)
        self._later = Later(self._failed)
        self.busy, self.message, self.wrong = "", "", False

    def close(self) -> None:
        """End the thread."""
        self._later.close()

    def save(self, path: str | Path) -> None:
        """Write the session; a run that has no file yet is written beside it."""
        path, bench, viewer = Path(path), self._bench(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            state = capture(bench, viewer, path.absolute().parent)
        except InclustError as error:
            self._failed(error)
            return
        run = bench.session.run

        def write() -> str:
            if run is not None:
                beside = path.with_name(path.name.removesuffix(SUFFIX).removesuffix(".json") + ".inclust")
                run.save(beside)
                state["run"] = beside.name
            with replacing(path) as part, as_output_error(path):
                part.write_text(json.dumps(state, indent=1, allow_nan=False), encoding="utf-8")
            return f"The session is in {path}." + (f" Its run is beside it, in {state['run']}." if run is not None else "")

        self._start(f"Saving {path.name}", write, self._told)

    def open(self, path: str | Path) -> None:
        """Read a session: its files in a thread, then all that was chosen."""
        path = Path(path)

        def read() -> Any:
            state = read_state(path)
            return state, _open_data(state, path.absolute().parent)

        self._start(f"Opening {path.name}", read, lambda found: self._opened(path, *found))

    def _opened(self, path: Path, state: dict[str, Any], data: Data) -> None:
        bench, viewer = self._bench(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            lost = apply(bench, viewer, state, data)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._failed(DataError(f"{path} is damaged: its files were opened, but not all that was chosen ({type(error).__name__}: {error})."))
            return
        self._told(f"Opened {path.name}." + (f" Not there any more: {', '.join(lost)}." if lost else ""))

    def _start(self, what: str, job: Any, then: Any) -> None:
        self.busy, self.message, self.wrong = what, "", False
        self._later.ask(job, then)
        self.changed()

    def _told(self, message: str) -> None:
        self.busy, self.message = "", message
        self.changed()

    def _failed(self, error: Exception) -> None:
        self.busy, self.wrong = "", True
        self.message = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}. Nothing was changed."
        self.changed()
        bench = self._bench()
        if bench is not None:
            bench.session.told(self.message)


def capture(bench: Any, viewer: Any, folder: Path) -> dict[str, Any]:
    """What a session file holds, without the run.

    Parameters
    ----------
    folder
        Of the session file: files below it are named relative to it.

    Raises
    ------
    DataError
        No section, or one that was never a file.
    """
    s, look, judging = bench.session, bench.session.look, bench.judging
    if s.section is None:
        raise DataError("There is no section to save a session of. Open one first (Data).")
    policy = look.policy
    return {
        "format": FORMAT,
        "version": __version__,
        "files": {
            side: _place(data, bench.loading.path.get(side), folder) for side, data in ((SECTION, s.section), (REFERENCE, s.reference)) if data is not None
        },
        "options": {k: str(v) if isinstance(v, Path) else v for k, v in bench.loading.options.items() if v is not None},
        "labels": s.labels,
        "batch": s.batch,
        "run": None,
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
        },
        "trust": {"fade": judging.fade, "uncertainty": judging.uncertainty, "veil": judging.veil},
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
    path = Path(path).absolute()
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


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


def _open_data(state: dict[str, Any], folder: Path) -> Data:
    """In the thread."""
    from ..io import demo
    from ..io.read import read_reference, read_section
    from ..io.runs import load_run

    files, options = state["files"], state.get("options") or {}
    where = {side: DEMO if name == DEMO else folder / name for side, name in files.items()}
    section = demo.demo_section() if where[SECTION] == DEMO else read_section(where[SECTION], **options)
    reference = None
    if REFERENCE in where:
        reference = demo.demo_reference() if where[REFERENCE] == DEMO else read_reference(where[REFERENCE])
    run = load_run(folder / state["run"], section, reference) if state.get("run") else None
    known = []
    if run is not None:
        wanted = {state["gene"], *(gene for gene, imputed in state["blend"].values() if imputed)}
        known = [imputed_values(run, g) for g in (*run.panel.shared, *run.panel.reference_only) if g in wanted]
    return Data(section, log_measured(section), reference, run, known, {side: str(place) for side, place in where.items()})


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
    lost = [] if state["colour"] is None or state["colour"] in section.adata.obs else [f"the column {state['colour']}"]
    if state["colour"] is not None and not lost and state["colour"] != (s.types.name if s.types else None):
        s.set_types(types_of(section, state["colour"]))
    shown = state["look"]
    look.policy = Percentile(*shown["percentiles"]) if shown["percentiles"] else look.policy
    look.manual = {name: Manual(*pair) for name, pair in shown["manual"].items()}
    look.thresholds = {name: float(v) for name, v in shown["thresholds"].items()}
    look.colormap, look.log = str(shown["colormap"]), bool(shown["log"])
    s.view, s.divide = state["view"] if state["view"] in VIEWS else s.view, float(state["divide"])
    s.stars = set(state["stars"])
    s.add_sets({name: tuple(genes) for name, genes in state["sets"].items()})
    s.stars_changed()
    s.choose(state["gene"])
    if run is not None:
        s.set_run(run, data.known)
    at_hand = set(s.genes().names.tolist())
    lost += [f"the gene {state['gene']}"] if state["gene"] not in at_hand | {None} else []
    if s.gene not in at_hand:
        s.choose(None)
    s.recent = list(state["recent"])
    s.look_changed()
    s.blend = {
        channel: s.values_of(gene, imputed=imputed)
        for channel, (gene, imputed) in state["blend"].items()
        if gene in at_hand and (run is not None or not imputed)
    }
    s.blend_changed()
    for side in data.places:
        bench.loading.changed(side)
    if s.blend and s.gene is not None:
        bench.scene.bring("genes")
    judging = bench.judging
    judging.set_fade(float(state["trust"]["fade"]))
    judging.set_uncertainty(state["trust"]["uncertainty"], veil=bool(state["trust"]["veil"]))
    if state["regions"]:
        bench.regions.add([Region(name, np.asarray(corners, dtype=np.float64)) for name, corners in state["regions"]])
    for layer in viewer.layers:
        if layer.name in state["layers"]:
            layer.visible, layer.opacity = state["layers"][layer.name]
    camera = canvas.camera(viewer)
    camera.zoom, camera.center = state["camera"][0], tuple(state["camera"][1])
    return lost
