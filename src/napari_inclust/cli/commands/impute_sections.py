"""`inclust impute` for several sections: a model each, or one for all; a failure in one does not stop the others."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ... import __version__
from ...errors import ConfigError, InclustError, OutputError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..imputation import AlignedData, genes_to_impute, median_scores, note_data, open_data, train_imputation
from ..labels import label_column
from ..options import ReadingOptions

if TYPE_CHECKING:
    from ...data.section import Reference, Section
    from ...imputation.run import Run
    from ...training.config import Config

SECTION_COLUMN = "inclust_section"  # column of obs with the name of the section, the batches of a shared model
RUNS_TABLE = "runs.csv"
_FAULT_EXIT_CODE = 1


@dataclass(frozen=True)
class ImputeSettings:
    """Settings for every section.

    Attributes
    ----------
    genes
        As `GeneOptions.names` returns them.
    labels, batch
        Columns of obs.
    """

    genes: list[str] | None
    config: Config
    labels: str | None
    batch: str | None
    reading: ReadingOptions


def impute_sections(
    spatial: Sequence[Path],
    reference: Path,
    folder: Path,
    settings: ImputeSettings,
    reporter: Reporter,
    *,
    shared: bool,
) -> None:
    """Write a result for each section into `folder`, named after the section, and a table of their states.

    Exits with the code of the first section that failed.

    Parameters
    ----------
    spatial
        Files of the sections.
    shared
        One model for all, with the sections as batches.

    Raises
    ------
    ConfigError
        Two sections of one name.
    OutputError
        A folder that cannot be made or written.
    """
    from ...io.readers.dispatch import read_reference
    from ...io.writers.atomic import check_output

    outputs = {name: folder / f"{name}.h5ad" for name in section_names(spatial)}
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error}. Choose another place."
        ) from None
    for output in (*outputs.values(), folder / RUNS_TABLE):
        check_output(output, (".h5ad", ".csv"), inputs=(*spatial, reference))
    reference_data = read_reference(reference, values=settings.reading.reference_values)
    label_column(settings.labels, reference_data)  # fails before the first section
    sections = dict(zip(outputs, spatial, strict=True))
    impute = _impute_shared if shared else _impute_each
    rows: list[dict[str, Any]] = []
    try:
        for row in impute(sections, outputs, reference_data, settings, reporter):
            rows.append(row)
            reporter.note(f"{row['section']}: {row['state']}{': ' + row['problem'] if row['problem'] else ''}")
    finally:
        _write_results_table(folder, rows)
    counts = {state: sum(row["state"] == state for row in rows) for state in ("done", "skipped", "failed")}
    states = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    reporter.summary(
        {"output": str(folder), "runs": rows, "seconds": reporter.seconds},
        *_table_lines(rows),
        f"{format_count(len(rows), 'section')} in {folder}: {states}  ({reporter.duration})",
    )
    failed = [row for row in rows if row["state"] == "failed"]
    if failed:
        raise typer.Exit(failed[0]["exit_code"])


def section_names(spatial: Sequence[Path]) -> list[str]:
    """Return one name a section: that of the file, with its folder's where two are the same.

    Raises
    ------
    ConfigError
        The same section twice, or two that would get the same name.
    """
    absolute = [path.absolute() for path in spatial]
    repeated = next((path for i, path in enumerate(spatial) if absolute[i] in absolute[:i]), None)
    if repeated is not None:
        raise ConfigError(f"the section {repeated} was given twice. Leave one out.")
    stems = [path.stem for path in absolute]
    names = [
        stem if stems.count(stem) == 1 else f"{path.parent.name}_{stem}"
        for stem, path in zip(stems, absolute, strict=True)
    ]
    ambiguous = sorted({name for name in names if names.count(name) > 1})
    if ambiguous:
        raise ConfigError(
            f"several sections have the name {ambiguous[0]!r}, and so would their results. "
            "Rename one, or impute them one by one."
        )
    return names


def request_digest(
    settings: ImputeSettings, sections: Sequence[Section], reference: Reference, genes: Sequence[str]
) -> str:
    """SHA-256 of everything that determines a result: data, settings, genes, version."""
    config = {key: value for key, value in settings.config.to_dict().items() if key != "device"}
    data = [section.fingerprint for section in sections] + [reference.fingerprint]
    labels = label_column(settings.labels, reference)
    parts = [__version__, config, labels, settings.batch, data, list(genes)]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _impute_each(
    spatial: dict[str, Path],
    outputs: dict[str, Path],
    reference: Reference,
    settings: ImputeSettings,
    reporter: Reporter,
) -> Iterator[dict[str, Any]]:
    """Train a model for each section; yields a row of the results table for each."""
    from ...io.writers.imputed import stored_request_digest, write_run

    for number, (name, path) in enumerate(spatial.items(), 1):
        start = time.perf_counter()
        reporter.note(f"section {number} of {len(spatial)}: {path}")
        try:
            data = open_data(path, reference, settings.reading, reporter)
            genes = genes_to_impute(data.panel, settings.genes)
            digest = request_digest(settings, [data.section], reference, genes)
            if stored_request_digest(outputs[name]) == digest:
                yield _skipped_row(name, outputs[name])
                continue
            run = train_imputation(data, settings.config, reporter, labels=settings.labels, batch=settings.batch)
            with reporter.progress("imputing", len(genes)) as update:
                write_run(outputs[name], run, genes, command=command_line(), request_digest=digest, progress=update)
            yield _done_row(name, outputs[name], run, data.section.n_cells, len(genes), time.perf_counter() - start)
        except Exception as error:  # any: the other sections are still imputed
            yield _failed_row(name, error)


def _impute_shared(
    spatial: dict[str, Path],
    outputs: dict[str, Path],
    reference: Reference,
    settings: ImputeSettings,
    reporter: Reporter,
) -> Iterator[dict[str, Any]]:
    """Train one model for all sections that can be read, with the sections as batches.

    Yields a row of the results table for each section.
    """
    from ...io.readers.multi_section import concatenate_sections
    from ...io.writers.imputed import stored_request_digest

    sections: dict[str, Section] = {}
    for name, path in spatial.items():
        try:
            sections[name] = settings.reading.read_section(path)
        except Exception as error:  # any: the other sections are still imputed
            yield _failed_row(name, error)
    if not sections:
        return
    start = time.perf_counter()
    try:
        data = AlignedData.align(concatenate_sections(sections, SECTION_COLUMN), reference)
        note_data(data, reporter)
        genes = genes_to_impute(data.panel, settings.genes)
        digest = request_digest(settings, list(sections.values()), reference, genes)
        if all(stored_request_digest(outputs[name]) == digest for name in sections):
            yield from (_skipped_row(name, outputs[name]) for name in sections)
            return
        run = train_imputation(data, settings.config, reporter, labels=settings.labels, batch=SECTION_COLUMN)
        for name, failure in _write_sections(run, genes, sections, outputs, digest, reporter):
            if failure is None:
                seconds = time.perf_counter() - start
                yield _done_row(name, outputs[name], run, sections[name].n_cells, len(genes), seconds)
            else:
                yield _failed_row(name, failure)
    except Exception as error:  # any: it concerns every section
        yield from (_failed_row(name, error) for name in sections)


def _write_sections(
    run: Run,
    genes: list[str],
    sections: dict[str, Section],
    outputs: dict[str, Path],
    digest: str,
    reporter: Reporter,
) -> Iterator[tuple[str, Exception | None]]:
    """Impute the genes of all sections at once, and write those of each; yields its name and what failed."""
    from ...io.readers.multi_section import StoredPredictions
    from ...io.writers.imputed import write_imputed

    folder = next(iter(outputs.values())).parent
    with tempfile.TemporaryDirectory(prefix=".shared-", suffix=".part", dir=folder) as scratch:
        all_sections = Path(scratch) / "whole.zarr"
        with reporter.progress("imputing", len(genes)) as update:
            cells = run.cell_table()
            gene_columns = run.predict_scores([g for g in genes if run.kind(g) == "imputed"]).output_columns
            var = write_imputed(all_sections, run, genes, progress=update)
        for name, section in sections.items():
            try:
                rows = (run.section.adata.obs[SECTION_COLUMN] == name).to_numpy().nonzero()[0]
                provenance = run.provenance | {"shared_with": list(sections)}
                write_imputed(
                    outputs[name],
                    StoredPredictions(section, provenance, all_sections, rows, var),
                    genes,
                    command=command_line(),
                    request_digest=digest,
                    obs_columns=cells.iloc[rows].set_axis(section.adata.obs_names),
                    var_columns=gene_columns,
                )
                yield name, None
            except Exception as error:  # any: the other sections are still written
                yield name, error


_EMPTY_ROW: dict[str, Any] = {
    "section": None,
    "state": None,
    "cells": None,
    "genes": None,
    "shared_genes": None,
    "pcc": None,
    "pcc_knn": None,
    "seconds": None,
    "output": None,
    "problem": "",
    "exit_code": 0,
}  # columns of the results table, in order


def _done_row(name: str, output: Path, run: Run, cells: int, genes: int, seconds: float) -> dict[str, Any]:
    medians = median_scores(run)
    return _EMPTY_ROW | {
        "section": name,
        "state": "done",
        "cells": cells,
        "genes": genes,
        "shared_genes": run.panel.n_shared,
        "pcc": medians["pcc"],
        "pcc_knn": medians.get("pcc_knn"),
        "seconds": round(seconds, 2),
        "output": str(output),
    }


def _skipped_row(name: str, output: Path) -> dict[str, Any]:
    problem = "finished before, with the same data and settings"
    return _EMPTY_ROW | {"section": name, "state": "skipped", "output": str(output), "problem": problem}


def _failed_row(name: str, error: Exception) -> dict[str, Any]:
    if isinstance(error, InclustError):
        problem, exit_code = str(error), error.exit_code
    else:
        problem, exit_code = f"a fault of the program: {type(error).__name__}: {error}", _FAULT_EXIT_CODE
    return _EMPTY_ROW | {"section": name, "state": "failed", "problem": problem, "exit_code": exit_code}


def _write_results_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    import pandas as pd

    from ...io.writers.atomic import write_csv

    if rows:
        write_csv(pd.DataFrame(rows).set_index("section"), folder / RUNS_TABLE)


def _table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Format the table as text: section, state, cells, genes, held-out Pearson beside that of kNN, seconds."""
    table = [("section", "state", "cells", "genes", "pcc", "kNN", "seconds")]
    for row in rows:
        counts = [str(row[key] or "") for key in ("cells", "genes")]
        scores = ["" if row[key] is None else f"{row[key]:.3f}" for key in ("pcc", "pcc_knn")]
        table.append((row["section"], row["state"], *counts, *scores, str(row["seconds"] or "")))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in table]
