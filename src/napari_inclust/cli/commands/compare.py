"""`inclust compare`: imputed genes in one group of cells against another."""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...imputation.run import Run

PREDICTED_TYPE_COLUMN = "inclust_type"  # the types that the run itself predicts
N_SHOWN_GENES = 5


def compare(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A saved run.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="CSV", help="The table: one row a gene.")],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="KEY",
            help=f"Column of the section's obs with the groups: domains, regions, types; {PREDICTED_TYPE_COLUMN}: types as the run predicts them.",
        ),
    ],
    a: Annotated[str, typer.Option("--a", metavar="LEVEL", help="Group A.")],
    b: Annotated[str | None, typer.Option("--b", metavar="LEVEL", help="Group B (default: all other cells).")] = None,
    spatial: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPATIAL", help="The section of the run, with the column (default: from where it was trained)."
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Argument(metavar="REFERENCE", help="Its reference (default: from where it was trained).")
    ] = None,
    genes: Annotated[
        str | None,
        typer.Option(
            "--genes",
            metavar="A,B",
            help="Genes (default: all that the section lacks); a measured one is judged as predicted while hidden.",
        ),
    ] = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Compare imputed genes between two groups of cells; the p-values count the error of imputing, learnt on the measured genes while they were hidden."""
    from ...data.gene_sets import parse_genes
    from ...imputation.differential_expression import P_VALUE_WARNING
    from ...io.readers.dispatch import read_reference, read_section
    from ...io.runs.load import load_run
    from ...io.writers.atomic import check_output, write_csv

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, (".csv",), inputs=[p for p in (run, spatial, reference) if p is not None])
    wanted = parse_genes(genes) if genes is not None else None
    if wanted == ():
        raise ConfigError("--genes names no gene. Give at least one, separated by commas.")
    opened = load_run(
        run, read_section(spatial, flatten=True) if spatial else None, read_reference(reference) if reference else None
    )
    groups = _group_of_cell(opened, by)
    mask_a, mask_b = _cells_in_group(groups, a, by), None if b is None else _cells_in_group(groups, b, by)
    with talk.progress("comparing the groups", 1):
        found = opened.compare(mask_a, mask_b, wanted)
    write_csv(found.table.set_index("gene"), output)
    seconds, table = time.perf_counter() - start, found.table
    called = {name: int((table[name] < 0.05).sum()) for name in ("p", "p_adjusted", "p_plain")}
    facts = {
        "output": str(output), "genes": len(table), "cells_a": found.n_cells_a, "cells_b": found.n_cells_b, "below_0.05": called,
        "shared_error_sd": found.between_variance.variance**0.5, "slope": found.held_out_differences.slope, "confirmed": float(found.held_out_differences.confirmed.mean()), "seconds": round(seconds, 2),
    }  # fmt: skip
    talk.note(found.summary)
    top = [
        f"  {r.gene}: A - B {r.difference:+.2f} ± {r.se:.2f}, p {r.p:.2g}, adjusted {r.p_adjusted:.2g} ({r.kind})"
        for r in table.head(N_SHOWN_GENES).itertuples()
    ]
    talk.summary(
        facts,
        f"{a} ({format_count(found.n_cells_a, 'cell')}) against {b or 'all other cells'} ({format_count(found.n_cells_b, 'cell')}), {format_count(len(table), 'imputed gene')}: "
        f"{called['p_adjusted']} with adjusted p below 0.05 ({called['p']} with p; the plain test would call {called['p_plain']})",
        *top,
        P_VALUE_WARNING,
        f"table in {output}  ({format_duration(seconds)})",
    )


def _group_of_cell(run: Run, by: str) -> NDArray[np.str_]:
    """(cells,) names of the groups."""
    from ...data.obs import obs_column

    predicted = run.predicted_type if by == PREDICTED_TYPE_COLUMN and by not in run.section.adata.obs else None
    return predicted if predicted is not None else obs_column(run.section, by)


def _cells_in_group(groups: NDArray[np.str_], level: str, by: str) -> NDArray[np.bool_]:
    known = sorted(set(groups))
    if level not in known:
        near = difflib.get_close_matches(level, known, 3) or known[:10]
        raise ConfigError(f"no cell has {level!r} in {by!r}. Did you mean {', '.join(near)}?")
    cells: NDArray[np.bool_] = groups == level
    return cells
