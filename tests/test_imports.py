"""The arrows of docs/architecture.md: core <- io <- paint <- gui; cli -> core, io, and the figures of paint, which need no napari. Looked at in the source and in fresh processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_inclust

PACKAGE = Path(__file__).parents[1] / "src" / "napari_inclust"
FORBIDDEN = {
    "core": {
        "napari",
        "qtpy",
        "PyQt6",
        "spatialdata",
        "superqt",
        "magicgui",
        "napari_inclust.io",
        "napari_inclust.paint",
        "napari_inclust.gui",
        "napari_inclust.cli",
    },
    "io": {"napari", "qtpy", "PyQt6", "superqt", "magicgui", "napari_inclust.paint", "napari_inclust.gui", "napari_inclust.cli"},
    "cli": {"napari", "qtpy", "PyQt6", "superqt", "magicgui", "napari_inclust.gui"},
    "paint": {"qtpy", "PyQt6", "superqt", "magicgui", "napari_inclust.gui", "napari_inclust.cli"},
    "gui": {"napari_inclust.cli"},
}
FILES = [(folder, path) for folder in FORBIDDEN for path in sorted((PACKAGE / folder).rglob("*.py"))]


def _imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, everywhere in it."""
    package = ["napari_inclust", *path.relative_to(PACKAGE).parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join([*package[: len(package) - node.level + 1], node.module or ""]) if node.level else node.module or ""
            names |= {f"{start.rstrip('.')}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("folder", "path"), FILES, ids=[str(path.relative_to(PACKAGE)) for _, path in FILES])
def test_a_module_imports_nothing_that_its_folder_must_not_know(folder, path):
    wrong = {name for name in _imported(path) for bad in FORBIDDEN[folder] if f"{name}.".startswith(f"{bad}.")}
    assert not wrong


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import napari_inclust", {"torch", "napari", "qtpy", "anndata", "numpy"}),
        ("import napari_inclust.core.train, napari_inclust.core.store", {"napari", "qtpy", "spatialdata", "squidpy", "scanpy"}),
        ("import napari_inclust.io.read, napari_inclust.io.write", {"napari", "qtpy", "spatialdata", "torch"}),
        (
            "import napari_inclust.cli.figure, napari_inclust.paint.figure, napari_inclust.paint.raster",
            {"napari", "qtpy", "spatialdata", "torch", "matplotlib"},
        ),
        ("import napari_inclust.cli.app", {"napari", "qtpy", "spatialdata", "torch", "anndata"}),
    ],
)
def test_a_fresh_process_loads_only_what_it_needs(statement, absent):
    code = f"import sys; {statement}; print(sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_what_a_shell_completes():
    assert dir(napari_inclust) == sorted(napari_inclust.__all__)
    assert all(getattr(napari_inclust, name) is not None for name in napari_inclust.__all__)
