"""`inclust` in a shell: usage as one would type it, pipes whose reader goes away, and silence of other packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_inclust.cli.app import app


@pytest.mark.parametrize("command", [command.name for command in app.registered_commands])
def test_usage_has_each_argument_once_bracketed(inclust, command):
    usage = next(line for line in inclust(command, "--help").stdout.splitlines() if "Usage:" in line)
    assert "[[" not in usage
    assert "......" not in usage
    assert "...}" not in usage


def test_a_reader_that_goes_away_is_no_fault_of_the_program(pair):
    command = [sys.executable, "-c", "from napari_inclust.cli import main; main()", "info", str(pair[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 5


def test_warnings_of_other_packages_are_not_shown_to_users():
    code = "import sys, warnings; from napari_inclust.cli import main; sys.argv = ['inclust', '--version']\n"
    code += "try: main()\nexcept SystemExit: warnings.warn('zarr will change')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == ""
