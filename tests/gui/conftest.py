"""A real viewer with the composed dock, and a workbench whose training is fake."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from napari_inclust.gui import viewer_context as benches
from napari_inclust.gui.controllers.domain_controller import run_domain_search
from napari_inclust.gui.docks.main import MainDock
from napari_inclust.gui.viewer_context import ViewerContext
from napari_inclust.gui.workers.imports import with_heavy_imports
from napari_inclust.paint.layers import canvas

from .fakes import fake_steps


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    """Threads wait some seconds for the heavy packages: they are there before the first test."""
    with_heavy_imports(lambda: None)()


@pytest.fixture(autouse=True)
def _fast_training(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every workbench of a test trains the fake, unless the test is marked `real_core`."""
    if "real_core" not in request.fixturenames:
        monkeypatch.setattr(benches.ViewerContext.__init__, "__defaults__", (fake_steps(), run_domain_search))


@pytest.fixture
def real_core() -> None:
    """Ask for the true core."""


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Any:
    """A shown viewer of the smallest size that must be usable."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    qtbot.wait(50)
    return viewer


@pytest.fixture
def opened(viewer: Any, qtbot: Any) -> tuple[Any, ViewerContext, MainDock]:
    """The viewer with the composed dock, opened through the plugin menu's own way."""
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    qtbot.wait(50)
    return viewer, plugin.context, plugin.dock


def pixel_of(viewer: Any, y: float, x: float, qtbot: Any) -> np.ndarray:
    """Colour (RGB) of the canvas at a place in micrometres (the camera centred there, so the middle pixel)."""
    canvas.camera(viewer).center = (0.0, y, x)
    qtbot.wait(60)
    shot = viewer.screenshot(canvas_only=True, flash=False)
    return shot[shot.shape[0] // 2, shot.shape[1] // 2, :3].astype(int)


def expected_colour(layer: Any, value: float) -> np.ndarray:
    """What the layer's colormap makes of a value between its limits."""
    low, high = layer.contrast_limits
    return np.round(layer.colormap.map(np.array([np.clip((value - low) / (high - low), 0, 1)]))[0, :3] * 255).astype(
        int
    )


def still_there(gone: Sequence[weakref.ref[Any]], qtbot: Any) -> list[Any]:
    """What of these is kept alive, once Qt and the collector had time to let go."""
    for _ in range(3):
        gc.collect()
        qtbot.wait(20)
    return [thing for ref in gone if (thing := ref()) is not None]
