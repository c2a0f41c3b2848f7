"""Groups of options, expanded into the signature of a command; columns of labels as KEY or NAME:KEY."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
from typer.main import get_command

from napari_inclust.cli.app import app
from napari_inclust.cli.labels import columns_by_dataset, parse_pairs
from napari_inclust.cli.options import DEFAULT_TABLE_NAME, ReadingOptions, TrainingOptions, Without, expand_options
from napari_inclust.errors import ConfigError, DataError


def test_a_group_of_options_becomes_parameters_and_comes_back_as_an_object():
    calls = []

    def command(
        *, path: Path, training: Annotated[TrainingOptions, Without("members", "config_file")], count: int = 3
    ) -> None:
        calls.append((path, training, count))

    expanded = expand_options(command)
    assert list(inspect.signature(expanded).parameters) == ["path", "preset", "epochs", "seed", "device", "count"]
    expanded(path=Path("a"), preset="fast", epochs=None, seed=4, device=None, count=5)
    assert calls == [(Path("a"), TrainingOptions(preset="fast", seed=4), 5)]


def test_two_groups_with_one_option_are_refused_when_the_command_is_declared():
    def command(*, first: ReadingOptions, values: str) -> None:
        pass

    with pytest.raises(ValueError, match="values"):
        expand_options(command)


def test_an_option_has_one_meaning_in_all_commands():
    forms: dict[str, set[str]] = {}
    for command in get_command(app).commands.values():
        for option in command.params:
            for name in option.opts:
                forms.setdefault(name, set()).add(str(option.metavar))
    assert forms["--labels"] == {"KEY|NAME:KEY"}
    shared = ("--preset", "--epochs", "--device", "--config", "--values", "--table", "--quiet", "--json", "--save-run")
    assert {name: len(forms[name]) for name in shared} == dict.fromkeys(shared, 1)


def test_the_default_name_of_a_table_is_that_of_the_writer():
    from napari_inclust.io.writers.imputed import TABLE_NAME

    assert DEFAULT_TABLE_NAME == TABLE_NAME


OBS = {"a": pd.DataFrame({"kind": ["x"], "b:c": ["y"]}), "b": pd.DataFrame({"kind": ["x"]}), "c": pd.DataFrame()}


@pytest.mark.parametrize(
    ("given", "labelled", "expected"),
    [
        (None, None, {}),
        (["kind"], None, {"a": "kind", "b": "kind"}),
        (["kind"], ["b"], {"b": "kind"}),
        (["b:kind"], ["a"], {"b": "kind"}),
        (["kind", "a:b:c"], ["a", "b"], {"a": "b:c", "b": "kind"}),
    ],
)
def test_a_key_alone_is_that_of_all_that_may_be_labelled(given, labelled, expected):
    assert columns_by_dataset(given, "--labels", OBS, labelled) == expected


@pytest.mark.parametrize(
    ("given", "labelled", "error", "message"),
    [
        (["none"], None, DataError, "no data set has a column 'none'"),
        (["kind"], ["b", "c"], DataError, "c has no column 'kind'"),
        (["b:none"], None, DataError, "b has no column 'none'"),
        (["d:kind"], None, ConfigError, "--labels names a data set 'd'; expected a, b, c"),
    ],
)
def test_a_column_that_is_missing_is_named(given, labelled, error, message):
    with pytest.raises(error, match=message):
        columns_by_dataset(given, "--labels", OBS, labelled)


def test_a_column_may_have_a_colon_in_its_name():
    assert columns_by_dataset(["x:y"], "--labels", {"a": pd.DataFrame({"x:y": ["z"]})}, ["a"]) == {"a": "x:y"}


def test_pairs_of_another_form_are_refused():
    assert parse_pairs(["rna:nb", "atac:bernoulli"], "--likelihood", "A:B") == {"rna": "nb", "atac": "bernoulli"}
    with pytest.raises(ConfigError, match="--likelihood rna was given; expected A:B"):
        parse_pairs(["rna"], "--likelihood", "A:B")
