"""The open section on a saved run of another one. No widgets here; torch is imported in the thread."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...data.section import Reference, Section
    from ...imputation.run import Run
    from ...training.config import Config


def map_section_to_run(
    section: Section,
    reference: Reference,
    config: Config,
    *,
    run_file: Path,
    labels: str | None = None,
    batch: str | None = None,
    checkpoint: Path | None = None,
) -> Generator[Any, None, Run]:
    """Map the section onto the run: yields epochs, returns the section's run.

    Settings, labels and batches are those of the saved run.

    Raises
    ------
    InclustError
        A file that is no run, a run of another reference, a section with too few of the genes that its networks know.
    """
    from ...imputation.query_mapping import map_section
    from ...io.runs.load import open_mapping_source

    source, trained_on = open_mapping_source(run_file, reference)
    run = yield from map_section(source, section, trained_on)
    run.impute(run.panel.shared[0])
    return run
