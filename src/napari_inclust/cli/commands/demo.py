"""`inclust demo`: the main job on the small real data set of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..imputation import AlignedData, baselines_text, note_data, run_facts, score_line, train_imputation
from ..options import TrainingOptions, Without

if TYPE_CHECKING:
    import pandas as pd

N_DRAWN_GENES = 3  # hidden genes in the picture
_VIEWER_MODULE = "napari_inclust.gui.demo"  # run in a process of its own


def demo(
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results; made when it does not exist.")
    ] = Path("inclust-demo"),
    no_window: Annotated[bool, typer.Option("--no-window", help="Only draw; do not open the viewer.")] = False,
    training: Annotated[TrainingOptions, Without("config_file")],
    reporter: Reporter,
) -> None:
    """Train on a small real data set, impute genes hidden from it, and draw them beside the measured values.

    The data: a MERFISH section of the mouse hypothalamus and its scRNA-seq reference (Moffitt et al. 2018). Writes
    section.h5ad and reference.h5ad (what is trained on), imputed.h5ad, scores.csv, run.inclust and tissue.png. With a
    display it then opens the viewer; without one it draws on a virtual display.
    """
    from ...io import demo as demo_data
    from ...io.writers.atomic import write_csv
    from ...io.writers.imputed import write_imputed

    config = training.config()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {output}: {error.strerror}. Choose another with -o.") from None
    data, genes = AlignedData.align(*demo_data.write_demo(output)), demo_data.hidden_genes()
    note_data(data, reporter)
    run = train_imputation(data, config, reporter, labels=demo_data.LABEL_COLUMN)
    imputed, scores, picture = output / "imputed.h5ad", output / "scores.csv", output / "tissue.png"
    run.save(output / "run.inclust")
    write_imputed(imputed, run, genes, command=command_line())
    hidden = demo_data.score_hidden(run)
    write_csv(_score_table(hidden, run.scores), scores)
    reporter.note("drawing the tissue")
    is_drawn = draw_tissue(output, list(hidden["pcc"].sort_values(ascending=False).index))
    medians = dict(hidden.median(numeric_only=True))
    not_drawn = "not drawn: no display, and xvfb-run is not installed (Debian: apt-get install xvfb xauth)"
    reporter.summary(
        {
            "imputed": imputed,
            "scores": scores,
            "picture": picture if is_drawn else None,
            "hidden_genes": genes,
            "median_hidden_scores": medians,
            "seconds": reporter.seconds,
            **run_facts(run),
        },
        f"Pearson with the truth, median of {format_count(len(genes), 'hidden gene')}: {medians['pcc']:.3f}  "
        f"({baselines_text(medians)})",
        score_line(run),
        f"imputed genes  {imputed}",
        f"scores         {scores}",
        f"picture        {picture if is_drawn else not_drawn}",
        f"time           {reporter.duration}",
    )
    if has_display() and not no_window:
        reporter.note("opening the viewer; close it to end")
        subprocess.run([sys.executable, "-m", _VIEWER_MODULE, "show", str(output)], check=False)


def _score_table(hidden: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    """Hidden genes first, then the run's own held-out scores; `kind` tells them apart."""
    import pandas as pd

    from ...evaluation.baselines import SCORE_COLUMNS

    parts = {"hidden": hidden, "held-out": shared}
    tables = [part.reindex(columns=list(SCORE_COLUMNS)).assign(kind=kind) for kind, part in parts.items()]
    return pd.concat(tables).rename_axis("gene")


def has_display() -> bool:
    """Whether a window can be opened."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw_tissue(folder: Path, genes: list[str]) -> bool:
    """Draw measured beside imputed values with a real viewer, in a process of its own.

    Parameters
    ----------
    folder
        Results of the demo.
    genes
        From the best to the worst; the first, the middle and the last are drawn.

    Returns
    -------
    Whether there was a display to draw on.

    Raises
    ------
    OutputError
        Drawing failed, with the last line that it printed.
    """
    drawn = [genes[round(i * (len(genes) - 1) / (N_DRAWN_GENES - 1))] for i in range(N_DRAWN_GENES)]
    command = [sys.executable, "-m", _VIEWER_MODULE, "draw", str(folder), *drawn]
    if not has_display():
        if not shutil.which("xvfb-run"):
            return False
        command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", *command]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OutputError(f"the tissue could not be drawn: {reason}. The other results are in {folder}.")
    return True
