"""Every signal of the window's state and controllers is emitted in one function of its own class; no order of calls is asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_inclust import gui

ROOT = Path(gui.__file__).parent
EMITTERS = [p for folder in ("state", "controllers", "sessions") for p in sorted((ROOT / folder).glob("*.py"))]
FILES = sorted(ROOT.rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def signals(node: ast.ClassDef) -> set[str]:
    """Names of the signals that a class declares."""
    return {
        target.id
        for line in node.body
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call)
        for target in line.targets
        if isinstance(target, ast.Name) and isinstance(line.value.func, ast.Name) and line.value.func.id == "Signal"
    }


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in EMITTERS:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                yield path.relative_to(ROOT).as_posix(), node


DECLARED = [(where, node, name) for where, node in classes() for name in sorted(signals(node))]
NAMES = {name for _, _, name in DECLARED}


def is_own(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and getattr(node.value, "id", "") == "self"


@pytest.mark.parametrize(
    ("node", "name"), [d[1:] for d in DECLARED], ids=[f"{where}:{node.name}.{name}" for where, node, name in DECLARED]
)
def test_a_signal_is_emitted_in_one_function(node: ast.ClassDef, name: str) -> None:
    heirs = [other for _, other in classes() if any(getattr(b, "id", "") == node.name for b in other.bases)]
    functions = [
        f"{owner.name}.{function.name}"
        for owner in (node, *heirs)
        for function in owner.body
        if isinstance(function, ast.FunctionDef) and any(is_own(x, name) for x in ast.walk(function))
    ]
    assert len(functions) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_nothing_emits_the_signals_of_another_object(path: Path) -> None:
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    emitted = [
        f.value if f.attr == "emit" else f for f in calls if isinstance(f, ast.Attribute) and f.attr in NAMES | {"emit"}
    ]
    assert [
        ast.unparse(s)
        for s in emitted
        if isinstance(s, ast.Attribute) and s.attr in NAMES and getattr(s.value, "id", "") != "self"
    ] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_connection_asks_for_an_order(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    assert not [ast.unparse(c) for c in calls if "priority" in {k.arg for k in c.keywords}]
