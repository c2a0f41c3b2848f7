"""Many sections at once: one model each, or one that they share. A section that fails is told of, and the others go on."""

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

from .. import __version__
from ..errors import ConfigError, InclustError, OutputError
from ..utils.text import format_count, format_duration
from .console import Reporter
from .genes import genes_to_impute
from .training import AlignedData, announce_data, command_line, median_scores, open_data, train

if TYPE_CHECKING:
    import pandas as pd

    from ..data.section import Reference, Section
    from ..imputation.run import Run
    from ..training.config import Config

SECTION_COLUMN = "inclust_section"  # column of obs with the name of the section, the batches of a shared model
RUNS_TABLE = "runs.csv"
_FAULT_EXIT_CODE = 1


@dataclass(frozen=True)
class ImputeSettings:
    """What is asked of every section.

    Attributes
    ----------
    genes
        As `impute.requested` gives them.
    reading
        How sections are read: values, pixel_size, plane, table, system.
    """

    genes: list[str] | None
    config: Config
    labels: str | None
    batch: str | None
    read_kwargs: dict[str, Any]


def impute_sections(
    spatial: Sequence[Path],
    reference: Path,
    folder: Path,
    settings: ImputeSettings,
    reporter: Reporter,
    *,
    reference_values: str | None,
    shared: bool,
) -> None:
    """Results in `folder`, named after the sections, with a table of what became of each; ends with the exit code of the first that failed.

    Raises
    ------
    ConfigError
        Two sections of one name.
    OutputError
        A folder that cannot be made or written.
    """
    from ..io.readers.dispatch import read_reference
    from ..io.writers.atomic import check_output

    start, outputs = time.perf_counter(), {name: folder / f"{name}.h5ad" for name in section_names(spatial)}
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error}. Choose another place."
        ) from None
    for output in (*outputs.values(), folder / RUNS_TABLE):
        check_output(output, (".h5ad", ".csv"), inputs=(*spatial, reference))
    ref = read_reference(reference, values=reference_values)
    rows: list[dict[str, Any]] = []
    try:
        for row in (_impute_shared if shared else _impute_each)(
            dict(zip(outputs, spatial, strict=True)), outputs, ref, settings, reporter
        ):
            rows.append(row)
            reporter.note(f"{row['section']}: {row['state']}{': ' + row['problem'] if row['problem'] else ''}")
    finally:
        _write_results_table(folder, rows)
    failed = [row for row in rows if row["state"] == "failed"]
    states = {state: sum(row["state"] == state for row in rows) for state in ("done", "skipped", "failed")}
    reporter.summary(
        {"output": str(folder), "runs": rows, "seconds": round(time.perf_counter() - start, 2)},
        *_table_lines(rows),
        f"{format_count(len(rows), 'section')} in {folder}: {', '.join(f'{n} {state}' for state, n in states.items() if n)}  ({format_duration(time.perf_counter() - start)})",
    )
    if failed:
        raise typer.Exit(failed[0]["exit_code"])


def section_names(spatial: Sequence[Path]) -> list[str]:
    """One name a section: that of the file, with its folder's where two are the same.

    Raises
    ------
    ConfigError
        The same section twice.
    """
    again = next(
        (path for i, path in enumerate(spatial) if path.absolute() in [other.absolute() for other in spatial[:i]]), None
    )
    if again is not None:
        raise ConfigError(f"the section {again} was given twice. Leave one out.")
    plain = [path.absolute().stem for path in spatial]
    found = [
        name if plain.count(name) == 1 else f"{path.absolute().parent.name}_{name}"
        for name, path in zip(plain, spatial, strict=True)
    ]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ConfigError(
            f"several sections have the name {twice[0]!r}, and so would their results. Rename one, or impute them one by one."
        )
    return found


def request_digest(
    settings: ImputeSettings, sections: Sequence[Section], reference: Reference, genes: Sequence[str]
) -> str:
    """SHA-256 of all that decides a result: data, settings, genes, version."""
    config = {key: value for key, value in settings.config.to_dict().items() if key != "device"}
    data = [section.fingerprint for section in sections] + [reference.fingerprint]
    return hashlib.sha256(
        json.dumps([__version__, config, settings.labels, settings.batch, data, list(genes)], default=str).encode()
    ).hexdigest()


def _impute_each(
    spatial: dict[str, Path],
    outputs: dict[str, Path],
    reference: Reference,
    settings: ImputeSettings,
    reporter: Reporter,
) -> Iterator[dict[str, Any]]:
    """One model a section."""
    from ..io.writers.imputed import stored_request_digest, write_run

    for number, (name, path) in enumerate(spatial.items(), 1):
        start = time.perf_counter()
        reporter.note(f"section {number} of {len(spatial)}: {path}")
        try:
            data = open_data(path, reference, reporter, **settings.read_kwargs)
            genes = genes_to_impute(data.panel, settings.genes)
            request = request_digest(settings, [data.section], reference, genes)
            if stored_request_digest(outputs[name]) == request:
                yield _result_row(
                    name, "skipped", outputs[name], problem="finished before, with the same data and settings"
                )
                continue
            run = train(data, settings.config, reporter, labels=settings.labels, batch=settings.batch)
            with reporter.progress("imputing", len(genes)) as update:
                write_run(outputs[name], run, genes, command=command_line(), request_digest=request, progress=update)
            yield _result_row(
                name, "done", outputs[name], run, data.section.n_cells, len(genes), time.perf_counter() - start
            )
        except Exception as error:  # any: the other sections go on
            yield _failed_row(name, error)


def _impute_shared(
    spatial: dict[str, Path],
    outputs: dict[str, Path],
    reference: Reference,
    settings: ImputeSettings,
    reporter: Reporter,
) -> Iterator[dict[str, Any]]:
    """One model of all sections that can be read, which are batches of it."""
    from ..data.panel import align
    from ..io.readers.dispatch import read_section
    from ..io.readers.multi_section import StoredPredictions, concatenate_sections
    from ..io.writers.imputed import stored_request_digest, write_imputed

    sections: dict[str, Section] = {}
    for name, path in spatial.items():
        try:
            sections[name] = read_section(path, flatten=True, **settings.read_kwargs)
        except Exception as error:  # any: the other sections go on
            yield _failed_row(name, error)
    if not sections:
        return
    start = time.perf_counter()
    try:
        whole = concatenate_sections(sections, SECTION_COLUMN)
        data = AlignedData(whole, reference, align(whole, reference))
        announce_data(data, reporter)
        genes = genes_to_impute(data.panel, settings.genes)
        request = request_digest(settings, list(sections.values()), reference, genes)
        if all(stored_request_digest(outputs[name]) == request for name in sections):
            yield from (
                _result_row(name, "skipped", outputs[name], problem="finished before, with the same data and settings")
                for name in sections
            )
            return
        run = train(data, settings.config, reporter, labels=settings.labels, batch=SECTION_COLUMN)
        with tempfile.TemporaryDirectory(
            prefix=".shared-", suffix=".part", dir=next(iter(outputs.values())).parent
        ) as folder:
            whole_file = Path(folder) / "whole.zarr"
            with reporter.progress("imputing", len(genes)) as update:
                cells, judged = (
                    run.cell_table(),
                    run.predict_scores([g for g in genes if run.kind(g) == "imputed"]).output_columns,
                )
                var = write_imputed(whole_file, run, genes, progress=update)
            for name, section in sections.items():
                try:
                    rows = (whole.adata.obs[SECTION_COLUMN] == name).to_numpy().nonzero()[0]
                    part = StoredPredictions(
                        section, run.provenance | {"shared_with": list(sections)}, whole_file, rows, var
                    )
                    about = cells.iloc[rows].set_axis(section.adata.obs_names)
                    write_imputed(
                        outputs[name],
                        part,
                        genes,
                        command=command_line(),
                        request_digest=request,
                        obs_columns=about,
                        var_columns=judged,
                    )
                    yield _result_row(
                        name, "done", outputs[name], run, section.n_cells, len(genes), time.perf_counter() - start
                    )
                except Exception as error:  # any: the other sections go on
                    yield _failed_row(name, error)
    except Exception as error:  # any: it is told of every section
        yield from (_failed_row(name, error) for name in sections)


def _result_row(
    name: str,
    state: str,
    output: Path,
    run: Run | None = None,
    cells: int | None = None,
    genes: int | None = None,
    seconds: float | None = None,
    *,
    problem: str = "",
) -> dict[str, Any]:
    scores = (
        {}
        if run is None
        else {
            "shared_genes": run.panel.n_shared,
            "pcc": median_scores(run)["pcc"],
            "pcc_knn": median_scores(run).get("pcc_knn"),
        }
    )
    row = {
        "section": name,
        "state": state,
        "cells": cells,
        "genes": genes,
        "shared_genes": None,
        "pcc": None,
        "pcc_knn": None,
    }
    return (
        row
        | scores
        | {
            "seconds": None if seconds is None else round(seconds, 2),
            "output": str(output),
            "problem": problem,
            "exit_code": 0,
        }
    )


def _failed_row(name: str, error: Exception) -> dict[str, Any]:
    known = isinstance(error, InclustError)
    problem = str(error) if known else f"a fault of the program: {type(error).__name__}: {error}"
    return _result_row(name, "failed", Path(), problem=problem) | {
        "output": None,
        "exit_code": error.exit_code if isinstance(error, InclustError) else _FAULT_EXIT_CODE,
    }


def _results_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows).set_index("section")


def _write_results_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    from ..io.writers.atomic import write_csv

    if rows:
        write_csv(_results_table(rows), folder / RUNS_TABLE)


def _table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table for people: section, state, cells, genes, held-out Pearson beside that of kNN, seconds."""
    shown = [("section", "state", "cells", "genes", "pcc", "kNN", "seconds")]
    for row in rows:
        numbers = [row[key] for key in ("pcc", "pcc_knn")]
        scores = ["" if value is None else f"{value:.3f}" for value in numbers]
        shown.append(
            (
                row["section"],
                row["state"],
                *(str(row[key] or "") for key in ("cells", "genes")),
                *scores,
                str(row["seconds"] or ""),
            )
        )
    widths = [max(len(line[i]) for line in shown) for i in range(len(shown[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in shown]
