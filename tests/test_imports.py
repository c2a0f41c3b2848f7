"""The arrows of docs/architecture.md, looked at in the source (imports for type checking included) and in fresh processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import napari_inclust

ROOT = Path(napari_inclust.__file__).parent
NAME = "napari_inclust"
QT = {"napari", "qtpy", "PyQt6", "PySide6", "superqt", "magicgui", "pyqtgraph"}
SCIENCE = ("utils", "data", "spatial", "evaluation", "training", "imputation")
TASKS = {"multimodal", "qc", "spatial_domains"}
LAYERS = [
    *({name} for name in SCIENCE),
    TASKS,
    {"io"},
    {"paint"},
    {"gui"},
]  # each may import from itself and from those before it
GUI = [{"workers"}, {"state"}, {"controllers"}, {"sessions"}, {"widgets"}, {"plots"}, {"views"}, {"docks"}]
ANYWHERE = {"errors", ""}
FILES = sorted(ROOT.rglob("*.py"))
IDS = [path.relative_to(ROOT).as_posix() for path in FILES]


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules and their members that a file imports, everywhere in it."""
    package = [NAME, *path.relative_to(ROOT).parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = (
                ".".join([*package[: len(package) - node.level + 1], node.module or ""])
                if node.level
                else node.module or ""
            )
            names |= {f"{start.rstrip('.')}.{alias.name}" for alias in node.names}
    return frozenset(names)


def ours(path: Path) -> set[tuple[str, ...]]:
    """Parts after the package's name of what a file imports from it."""
    return {tuple(name.split(".")[1:]) for name in imported(path) if name.split(".")[0] == NAME}


def packages(path: Path) -> set[str]:
    """Packages of ours that a file imports from."""
    return {parts[0] if (ROOT / parts[0]).is_dir() else "" for parts in ours(path) if parts} - {""}


def allowed(package: str, layers: list[set[str]]) -> set[str]:
    """A package itself and those in the layers before its own."""
    depth = next(i for i, layer in enumerate(layers) if package in layer)
    return {package}.union(*layers[:depth])


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_module_imports_from_its_own_package_and_those_before_it(path):
    package, *_ = path.relative_to(ROOT).parts
    if package == "cli":
        wrong = {p for p in ours(path) if p and (p[0] == "gui" or p[:2] == ("paint", "layers"))}
    elif (ROOT / package).is_dir():
        wrong = packages(path) - allowed(package, LAYERS)
    else:
        wrong = packages(path)
    assert not wrong


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.relative_to(ROOT).parts[0] == "gui"], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_the_window_is_built_from_workers_and_state_up_to_docks(path):
    parts = path.relative_to(ROOT).parts
    if len(parts) == 3:
        used = {p[1] for p in ours(path) if p[0] == "gui" and (ROOT / "gui" / p[1]).is_dir()}
        assert used <= allowed(parts[1], GUI)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_the_window_knows_qt_and_only_layers_know_napari(path):
    parts = path.relative_to(ROOT).parts
    known = {name.split(".")[0] for name in imported(path)} & (QT | {"spatialdata"})
    if parts[0] == "gui":
        forbidden = QT if parts[1] == "state" else set()
    elif parts[:2] == ("paint", "layers"):
        forbidden = QT - {"napari"}
    else:
        forbidden = QT | (set() if parts[0] == "io" else {"spatialdata"})
    assert not known & forbidden


def test_there_is_no_cycle():
    modules = {".".join((NAME, *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): p for p in FILES}
    graph = {}
    for name, path in modules.items():
        found = set()
        for target in imported(path):
            found |= (
                {t for t in (target, target.rpartition(".")[0]) if t in modules} if target not in modules else {target}
            )
        graph[name] = {t for t in found if t != name and not name.startswith(f"{t}.")}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_folder_and_no_file_outgrows_a_reader():
    folders = [ROOT, *(p for p in ROOT.rglob("*") if p.is_dir() and p.name != "__pycache__")]
    assert {
        f.relative_to(ROOT).as_posix(): n for f in folders if (n := len(list(f.glob("*.py")))) > 21
    } == {}  # 20 beside __init__
    assert {
        p.relative_to(ROOT).as_posix(): n for p in FILES if (n := p.read_text(encoding="utf-8").count("\n")) > 400
    } == {}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import napari_inclust", {"torch", "napari", "qtpy", "anndata", "numpy"}),
        (
            "import napari_inclust.imputation.fit, napari_inclust.io.runs.load",
            {"napari", "qtpy", "spatialdata", "squidpy", "scanpy"},
        ),
        (
            "import napari_inclust.io.readers.dispatch, napari_inclust.io.writers.atomic",
            {"napari", "qtpy", "spatialdata", "torch"},
        ),
        (
            "import napari_inclust.cli.commands.figure, napari_inclust.paint.figures.figure, napari_inclust.paint.raster.cell_raster",
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
