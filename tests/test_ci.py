"""The project's own machinery: a skipped test fails in CI, and the two commands of the README do not redo the set-up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


SKIPS = {
    "call": "def test_a():\n    pytest.skip('no data')",
    "module": "pytest.skip('no data', allow_module_level=True)",
    "mark": "@pytest.mark.skip\ndef test_a():\n    pass",
}


@pytest.mark.parametrize(("ci", "counted"), [("true", "1 failed, 2 errors"), ("", "3 skipped")])
def test_a_skip_of_any_kind_is_a_failure_in_ci_and_only_there(tmp_path, ci, counted):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    for name, body in SKIPS.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n{body}\n")
    plain = [word for name in ("napari", "xvfb", "pytest-qt", "cacheprovider") for word in ("-p", f"no:{name}")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "ignore",
        "--continue-on-collection-errors",
        *plain,
        str(tmp_path),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | {"CI": ci}
    )
    assert counted in done.stdout
    assert (done.returncode == 1) == bool(ci), done.stdout


def test_a_second_make_only_runs_the_command(tmp_path):
    """With a set-up that is newer than its sources, make has nothing to do but the command itself."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))
    }  # the tests may run under make themselves
    planned = subprocess.run(
        ["make", "-n", "demo"], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    ).stdout
    assert planned.strip() == ".venv/bin/inclust demo"
    os.utime(tmp_path / "constraints.txt", (2e9, 2e9))
    planned = subprocess.run(
        ["make", "-n", "demo"], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    ).stdout
    assert "pip install" in planned
    assert planned.index("torch") < planned.index("[all,test]")


def test_every_package_that_is_installed_for_the_tests_is_pinned():
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    needed = {Requirement(r).name.lower().replace("_", "-") for r in requires("napari-inclust")}
    assert needed <= pinned
