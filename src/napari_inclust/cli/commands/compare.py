"""`inclust compare`: imputed genes in one group of cells against another."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter
from ..options import parse_gene_list

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...imputation.differential_expression import Comparison
    from ...imputation.run import Run

PREDICTED_TYPE_COLUMN = "inclust_type"  # the types that the run itself predicts
N_SHOWN_GENES = 5
SIGNIFICANCE_LEVEL = 0.05


def compare(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A saved run.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="CSV", help="The table: one row a gene.")],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="KEY",
            help="Column of the section's obs with the groups: domains, regions, types; "
            f"{PREDICTED_TYPE_COLUMN}: types as the run predicts them.",
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
            help="Genes (default: all that the section lacks); of a measured one the held-out prediction is compared.",
        ),
    ] = None,
    reporter: Reporter,
) -> None:
    """Compare imputed genes between two groups of cells.

    The p-values include the error of imputing, estimated on the held-out predictions of the measured genes.
    """
    from ...io.readers.dispatch import read_reference, read_section
    from ...io.runs.load import load_run
    from ...io.writers.atomic import check_output, write_csv

    check_output(output, (".csv",), inputs=[p for p in (run, spatial, reference) if p is not None])
    requested = parse_gene_list(genes) if genes is not None else None
    loaded = load_run(
        run, read_section(spatial, flatten=True) if spatial else None, read_reference(reference) if reference else None
    )
    groups = _group_of_cell(loaded, by)
    mask_a, mask_b = _cells_in_group(groups, a, by), None if b is None else _cells_in_group(groups, b, by)
    with reporter.progress("comparing the groups", 1):
        result = loaded.compare(mask_a, mask_b, requested)
    write_csv(result.table.set_index("gene"), output)
    significant = {
        name: int((result.table[name] < SIGNIFICANCE_LEVEL).sum()) for name in ("p", "p_adjusted", "p_plain")
    }
    reporter.note(result.summary)
    reporter.summary(
        {
            "output": str(output),
            "genes": len(result.table),
            "cells_a": result.n_cells_a,
            "cells_b": result.n_cells_b,
            f"below_{SIGNIFICANCE_LEVEL}": significant,
            "shared_error_sd": result.between_variance.variance**0.5,
            "slope": result.held_out_differences.slope,
            "confirmed": float(result.held_out_differences.confirmed.mean()),
            "seconds": reporter.seconds,
        },
        *_result_lines(result, significant, a, b or "all other cells"),
        f"table in {output}  ({reporter.duration})",
    )


def _result_lines(result: Comparison, significant: dict[str, int], a: str, b: str) -> list[str]:
    """Say how many genes differ, and list those that differ most."""
    from ...imputation.differential_expression import P_VALUE_WARNING

    cells_a, cells_b = (format_count(n, "cell") for n in (result.n_cells_a, result.n_cells_b))
    overview = (
        f"{a} ({cells_a}) against {b} ({cells_b}), {format_count(len(result.table), 'imputed gene')}: "
        f"{significant['p_adjusted']} with adjusted p below {SIGNIFICANCE_LEVEL} ({significant['p']} with p; "
        f"the plain test would call {significant['p_plain']})"
    )
    genes = [
        f"  {r.gene}: A - B {r.difference:+.2f} ± {r.se:.2f}, p {r.p:.2g}, adjusted {r.p_adjusted:.2g} ({r.kind})"
        for r in result.table.head(N_SHOWN_GENES).itertuples()
    ]
    return [overview, *genes, P_VALUE_WARNING]


def _group_of_cell(run: Run, by: str) -> NDArray[np.str_]:
    """Return the group of each cell, (cells,)."""
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
