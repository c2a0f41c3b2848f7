"""Shared by all tests: the real data beside the repository, a small real pair, the command line; in CI a skip is a failure."""

from __future__ import annotations

import os
from pathlib import Path

import anndata as ad
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch loads: oversubscribed threads are slower on small matrices
ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
TINY = 'epochs = 2\nmembers = 2\nsteps = 2\nbatch = 32\nlatent = 4\nhidden = [16]\ndecoder_hidden = [16]\nthreads = 1\nreadouts = ["decoder"]\n'


def _skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where everything must run: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _skipped(report)
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and published weights beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def small_pair() -> tuple[ad.AnnData, ad.AnnData]:
    """200 cells of the demo section (without its hidden genes) and 150 of its reference. Copy before changing."""
    from napari_inclust.io.demo import demo_reference, demo_section

    return demo_section().adata[:200].copy(), demo_reference().adata[::8].copy()


@pytest.fixture
def pair(small_pair, tmp_path):
    """The small pair as files, with settings that train in a second: spatial, reference, settings."""
    paths = tmp_path / "spatial.h5ad", tmp_path / "reference.h5ad", tmp_path / "tiny.toml"
    for adata, path in zip(small_pair, paths, strict=False):
        adata.write_h5ad(path)
    paths[2].write_text(TINY)
    return paths


@pytest.fixture
def inclust():
    """The command line in this process: `inclust("impute", ...)` gives exit_code, stdout, stderr."""
    from typer.testing import CliRunner

    from napari_inclust.cli.app import app

    def run(*words):
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return run


@pytest.fixture
def section_adata():
    from tests.synthetic import N_SHARED, make_adata

    return make_adata(300, 1, 1.0, slice(0, N_SHARED))


@pytest.fixture
def reference_adata():
    from tests.synthetic import N_EXTRA, N_SHARED, make_adata

    return make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA))


@pytest.fixture
def section(section_adata):
    from napari_inclust.data.section import Section

    return Section.from_adata(section_adata)


@pytest.fixture
def reference(reference_adata):
    from napari_inclust.data.section import Reference

    return Reference.from_adata(reference_adata)


@pytest.fixture
def truth():
    """Counts of the genes that the section lacks, for its own cells: (cells, N_EXTRA)."""
    from tests.synthetic import N_EXTRA, N_SHARED, make_adata

    return make_adata(300, 1, 1.0, slice(N_SHARED, N_SHARED + N_EXTRA)).X.toarray()


@pytest.fixture
def config():
    from napari_inclust.training.config import Config

    return Config.preset(
        "fast", members=3, epochs=4, steps=20, batch=64, hidden=(32,), decoder_hidden=(32,), latent=8, threads=1
    )
