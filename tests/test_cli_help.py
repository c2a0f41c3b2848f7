"""`inclust COMMAND --help`: usage as one would type it."""

from __future__ import annotations

import pytest

from napari_inclust.cli.app import app


@pytest.mark.parametrize("command", [command.name for command in app.registered_commands])
def test_usage_has_each_argument_once_bracketed(inclust, command):
    usage = next(line for line in inclust(command, "--help").stdout.splitlines() if "Usage:" in line)
    assert "[[" not in usage
    assert "......" not in usage
    assert "...}" not in usage
