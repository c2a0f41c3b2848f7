"""Damaged and hostile runs and checkpoints give one clear error; nothing is executed, nothing fills the memory."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_inclust.errors import RunError
from napari_inclust.imputation import fit
from napari_inclust.io.runs import load

from .hostile import FUZZ, JSON, Evil, parts_of, rewritten

PACKAGE = Path(load.__file__).parents[2]


@pytest.fixture(scope="module")
def run_file(small_pair, tmp_path_factory):
    """A run as `Run.save` writes it."""
    from napari_inclust import Config, fit
    from napari_inclust.data.section import Reference, Section

    config = Config().replace(
        epochs=1,
        members=2,
        steps=1,
        batch=32,
        latent=4,
        hidden=[16],
        decoder_hidden=[16],
        threads=1,
        readouts=["decoder"],
    )
    run = fit(Section.from_adata(small_pair[0]), Reference.from_adata(small_pair[1]), config)
    return run.save(tmp_path_factory.mktemp("run") / "a.inclust")


def only_run_errors(path):
    try:
        load.read_result(path, "run")
    except RunError:
        return
    # what still opens must have all that loading needs
    assert set(load.read_result(path, "run").metadata["provenance"]["data"]) == {"section", "reference"}


@given(st.data())
@FUZZ
def test_a_run_truncated_or_changed_at_any_byte_is_told(run_file, tmp_path_factory, data):
    whole = run_file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "broken.inclust"
    if data.draw(st.booleans()):
        path.write_bytes(whole[:at])
        with pytest.raises(RunError):
            load.read_result(path, "run")
        return
    flipped = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        flipped[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(flipped)
    only_run_errors(path)


@given(
    key=st.sampled_from(
        [
            "format",
            "provenance",
            "panel",
            "choices",
            "provenance/data",
            "provenance/config",
            "provenance/data/section",
            "choices/shape",
        ]
    ),
    value=JSON,
)
@FUZZ
def test_a_run_whose_entries_are_something_else_is_told(run_file, tmp_path_factory, key, value):
    parts = parts_of(run_file)
    about = json.loads(parts["run.json"])
    *way, last = key.split("/")
    inner = about
    for step in way:
        inner = inner[step]
    inner[last] = value
    only_run_errors(rewritten(tmp_path_factory.getbasetemp() / "odd.inclust", parts | {"run.json": json.dumps(about)}))


@given(content=st.binary(max_size=300), part=st.sampled_from(["run.json", "scores.csv", "history.csv", "weights.npz"]))
@FUZZ
def test_a_run_with_noise_for_a_part_is_told(run_file, tmp_path_factory, content, part):
    only_run_errors(rewritten(tmp_path_factory.getbasetemp() / "noise.inclust", parts_of(run_file) | {part: content}))


def test_a_run_that_is_a_zip_bomb_is_refused_before_it_is_unpacked(run_file, tmp_path, monkeypatch):
    bomb = rewritten(tmp_path / "bomb.inclust", parts_of(run_file) | {"scores.csv": bytes(200 * 1024**2)})
    assert bomb.stat().st_size < 2 * 1024**2
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(RunError, match="would unpack to"):
        load.read_result(bomb, "run")


def npy(header, data=b""):
    text = repr(header).encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20), (-1,), (3,)])
def test_weights_whose_header_lies_are_never_made(run_file, tmp_path, shape):
    inner = io.BytesIO()
    rewritten(inner, {"a.npy": npy({"descr": "<f4", "fortran_order": False, "shape": shape}, bytes(8))})
    with pytest.raises(RunError, match="not a run, or is damaged"):
        load.read_result(
            rewritten(tmp_path / "a.inclust", parts_of(run_file) | {"weights.npz": inner.getvalue()}), "run"
        )


def test_a_pickle_in_the_weights_is_not_opened(run_file, tmp_path):
    inner, marker = io.BytesIO(), tmp_path / "executed"
    np.savez(inner, a=np.array([Evil(marker)], dtype=object))
    with pytest.raises(RunError):
        load.read_result(
            rewritten(tmp_path / "a.inclust", parts_of(run_file) | {"weights.npz": inner.getvalue()}), "run"
        )
    assert not marker.exists()


@pytest.mark.parametrize("content", ["evil", [1, 2], {"config": 3}, {"config": {}, "features": []}])
def test_a_checkpoint_that_is_a_pickle_or_something_else_is_told(small_pair, tmp_path, content):
    from napari_inclust import Config
    from napari_inclust.data.section import Reference, Section

    path, marker = tmp_path / "state", tmp_path / "executed"
    torch.save(Evil(marker) if content == "evil" else content, path)
    config = Config().replace(
        epochs=1, members=2, steps=1, batch=32, latent=4, hidden=[16], decoder_hidden=[16], threads=1
    )
    with pytest.raises(RunError):
        next(
            fit.fit_epochs(
                Section.from_adata(small_pair[0]), Reference.from_adata(small_pair[1]), config, checkpoint=path
            )
        )
    assert not marker.exists()


def test_nothing_in_the_package_unpickles_or_evaluates():
    wrong = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                wrong += [(file.name, name) for name in names & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}]
            if isinstance(node, ast.Call):
                called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
                if (
                    called in ("eval", "exec", "pd.read_pickle", "pickle.load", "yaml.load")
                    or given.get("allow_pickle") == "True"
                ):
                    wrong.append((file.name, called))
                if called == "torch.load" and given.get("weights_only") != "True":
                    wrong.append((file.name, called))
                if called == "np.load" and given.get("allow_pickle") != "False":
                    wrong.append((file.name, called))
    assert wrong == []


def test_a_run_nested_beyond_measure_is_told(tmp_path, run_file):
    with pytest.raises(RunError):
        load.read_result(rewritten(tmp_path / "deep.inclust", parts_of(run_file) | {"run.json": "[" * 200_000}), "run")
