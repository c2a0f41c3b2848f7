"""Editable, wheel and sdist installs each carry a manifest that works, the demo's data and the types marker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECK = """
import importlib, json
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
import napari_inclust
from npe2 import PluginManifest
manifest = PluginManifest.from_distribution("napari-inclust")
commands = manifest.contributions.commands
for command in commands:
    module, name = command.python_name.split(":")
    getattr(importlib.import_module(module), name)
from napari_inclust.io.demo import demo_section
there = files("napari_inclust")
(script,) = (e for e in entry_points(group="console_scripts") if e.name == "inclust")
print(json.dumps({"where": str(Path(napari_inclust.__file__).parent), "commands": len(commands), "widgets": len(manifest.contributions.widgets),
    "cells": demo_section().n_cells, "typed": (there / "py.typed").is_file(), "terms": (there / "demo_data" / "README.md").is_file(), "script": script.value}))
"""


def _run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel from the tree, an sdist, and a wheel from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    _run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        folder / "from-sdist",
        sdist,
    )
    return {"wheel": next(folder.glob("*.whl")), "sdist": next((folder / "from-sdist").glob("*.whl"))}


def _check(path: Path | None, cwd: Path) -> dict:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ({"PYTHONPATH": str(path)} if path else {})
    return json.loads(_run(sys.executable, "-W", "ignore", "-c", CHECK, cwd=cwd, env=env).splitlines()[-1])


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_install_has_a_working_manifest_and_the_demo(built, kind, tmp_path):
    target = tmp_path / "site"
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, built[kind])
    found = _check(target, tmp_path)
    assert found.pop("where") == str(target / "napari_inclust")
    assert found.pop("commands") >= 3
    assert found.pop("widgets") >= 3
    assert found == {"cells": 4832, "typed": True, "terms": True, "script": "napari_inclust.cli:main"}


def test_the_editable_install_has_a_working_manifest(tmp_path):
    found = _check(None, tmp_path)
    assert found["where"] == str(ROOT / "src" / "napari_inclust")
    assert found["widgets"] >= 3


def test_the_manifest_at_the_top_is_the_one_of_the_package():
    top = ROOT / "napari.yaml"
    assert top.is_symlink()
    assert top.read_text() == (ROOT / "src" / "napari_inclust" / "napari.yaml").read_text()


def test_version_is_the_same_everywhere():
    from importlib.metadata import version

    from napari_inclust import __version__

    assert version("napari-inclust") == __version__


def test_no_path_of_a_machine_and_no_registry_host_is_in_the_project():
    files = (
        [ROOT / name for name in _run("git", "ls-files", cwd=ROOT).splitlines()]
        if (ROOT / ".git").exists()
        else list(ROOT.rglob("*"))
    )
    texts = {
        f: f.read_text(encoding="utf-8")
        for f in files
        if f.suffix in {"", ".py", ".toml", ".txt", ".md", ".yaml", ".yml"} and f.is_file() and f != Path(__file__)
    }
    of_a_machine = re.compile(r"(?<![\w.])/(home|root|opt|mnt|srv)/\w|index-url|https?://\S+/(simple|whl)\b")
    wrong = [(f.name, found.group()) for f, text in texts.items() if (found := of_a_machine.search(text))]
    assert wrong == []
