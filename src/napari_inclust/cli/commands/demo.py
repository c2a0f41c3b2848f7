"""`inclust demo`: the main job on the small real data set of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..training import (
    BASELINE_NAMES,
    AlignedData,
    announce_data,
    build_config,
    command_line,
    run_facts,
    score_line,
    train,
)
from .score import SCORE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

N_DRAWN_GENES = 3  # hidden genes on the picture


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results; made when it does not exist.")
    ] = Path("inclust-demo"),
    no_window: Annotated[bool, typer.Option("--no-window", help="Only draw; do not open the viewer.")] = False,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    members: o.Members = None,
    seed: o.Seed = None,
    device: o.Device = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Train on a small real data set, impute genes hidden from it, and draw them beside the measured truth.

    The data: a MERFISH section of the mouse hypothalamus and its scRNA-seq reference (Moffitt et al. 2018). Writes section.h5ad and
    reference.h5ad (what is trained on), imputed.h5ad, scores.csv, run.inclust and tissue.png. With a display it then opens the viewer; without one it draws on a virtual display.
    """
    from ...data.panel import align
    from ...io import demo as data
    from ...io.writers.atomic import write_csv
    from ...io.writers.imputed import write_imputed

    start, talk = time.perf_counter(), Reporter(quiet, json)
    chosen = build_config(preset, None, epochs=epochs, members=members, seed=seed, device=device)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {output}: {error.strerror}. Choose another with -o.") from None
    (section, reference), genes = data.write_demo(output), data.hidden_genes()
    pair = AlignedData(section, reference, align(section, reference))
    announce_data(pair, talk)
    run = train(pair, chosen, talk, labels=data.LABEL_COLUMN)
    imputed, scores, picture = output / "imputed.h5ad", output / "scores.csv", output / "tissue.png"
    run.save(output / "run.inclust")
    write_imputed(imputed, run, genes, command=command_line())
    hidden = data.score_hidden(run)
    write_csv(_score_table(hidden, run.scores), scores)
    talk.note("drawing the tissue")
    drawn = draw_tissue(output, list(hidden["pcc"].sort_values(ascending=False).index))
    seconds = time.perf_counter() - start
    medians = hidden.median(numeric_only=True)
    talk.summary(
        {
            "imputed": imputed,
            "scores": scores,
            "picture": picture if drawn else None,
            "hidden_genes": genes,
            "median_hidden_scores": dict(medians),
        }
        | {"seconds": round(seconds, 2)}
        | run_facts(run),
        f"Pearson with the truth, median of {format_count(len(genes), 'hidden gene')}: {medians['pcc']:.3f}  "
        f"({' · '.join(f'{label} {medians[name]:.3f}' for name, label in BASELINE_NAMES.items() if name in medians)})",
        score_line(run),
        f"imputed genes  {imputed}",
        f"scores         {scores}",
        f"picture        {picture if drawn else 'not drawn: no display, and xvfb-run is not installed (Debian: apt-get install xvfb xauth)'}",
        f"time           {format_duration(seconds)}",
    )
    if has_display() and not no_window:
        talk.note("opening the viewer; close it to end")
        subprocess.run([sys.executable, "-m", "napari_inclust.gui.demo", "show", str(output)], check=False)


def _score_table(hidden: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    """Hidden genes first, then the run's own held-out scores; `kind` tells them apart."""
    import pandas as pd

    both = pd.concat(
        [
            part.reindex(columns=list(SCORE_COLUMNS)).assign(kind=kind)
            for part, kind in ((hidden, "hidden"), (shared, "held-out"))
        ]
    )
    return both.rename_axis("gene")


def has_display() -> bool:
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw_tissue(folder: Path, genes: list[str]) -> bool:
    """Draw measured beside imputed with a real viewer, in a process of its own: the best, the middle and the worst of the genes (best first).

    Returns
    -------
    Whether there was a display to draw on.

    Raises
    ------
    OutputError
        Drawing failed, with its last words.
    """
    some = [genes[round(i * (len(genes) - 1) / (N_DRAWN_GENES - 1))] for i in range(N_DRAWN_GENES)]
    command = [sys.executable, "-m", "napari_inclust.gui.demo", "draw", str(folder), *some]
    if not has_display():
        if not shutil.which("xvfb-run"):
            return False
        command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OutputError(
            f"the tissue could not be drawn: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}. The other results are in {folder}."
        )
    return True
