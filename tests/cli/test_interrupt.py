"""Ctrl-C at any time: exit code 130 (or death by the signal before the command has begun), nothing half-written, no traceback once it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest


def _start(pair, out, *words):
    settings = pair[2].read_text().replace("epochs = 2", "epochs = 5000").replace("steps = 2", "steps = 20")
    pair[2].write_text(settings + "patience = 5000\n")
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); print(flush=True); from napari_inclust.cli import main; main()"  # a background job ignores it
    command = [
        sys.executable,
        "-c",
        code,
        "impute",
        str(pair[0]),
        str(pair[1]),
        "-o",
        str(out),
        "--config",
        str(pair[2]),
        *words,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()  # signals count from here on, however slow the machine
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_training_leaves_nothing_but_the_checkpoint(pair, tmp_path, number):
    process = _start(pair, tmp_path / "out.h5ad", "--resume", str(tmp_path / "state"))
    assert any("training" in line for line in process.stderr)  # waits for the first epoch
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reference.h5ad", "spatial.h5ad", "state", "tiny.toml"]


@pytest.mark.parametrize("delay", [0.3, 0.8, 1.5, 2.2])
def test_ctrl_c_while_starting_and_reading_leaves_nothing(pair, tmp_path, delay):
    process = _start(pair, tmp_path / "out.h5ad")
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=180)
    assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reference.h5ad", "spatial.h5ad", "tiny.toml"]


def test_ctrl_c_waits_until_a_write_is_over_and_then_counts():
    from napari_inclust.io.writers.hdf5_sink import defer_interrupts

    done, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)

    def write():
        with defer_interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    try:
        with pytest.raises(KeyboardInterrupt):
            write()
        assert done == ["whole"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_that_a_library_swallowed_counts_at_the_next_step():
    from napari_inclust.cli import interrupt_handler
    from napari_inclust.cli.console import Reporter

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt_handler.install()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupt_handler.pending  # a library may have caught it
        with pytest.raises(KeyboardInterrupt), Reporter(quiet=True).progress("training", 2) as update:
            update(1)
        assert not interrupt_handler.pending
        with Reporter(quiet=True).progress("training", 2) as update:
            update(1)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_background_job_goes_on_ignoring_ctrl_c():
    from napari_inclust.cli import interrupt_handler

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt_handler.install()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
