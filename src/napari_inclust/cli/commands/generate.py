"""`inclust generate`: a modality that the target was not measured for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..datasets import open_and_plan, train_datasets
from ..options import PlanOptions, TrainingOptions, Without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...data.dataset import Dataset


def generate(
    *,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Cells that lack a modality: a file or NAME=FILE.")],
    references: Annotated[
        list[str], typer.Argument(metavar="REFERENCE", help="Paired data sets that have it; as for `inclust plan`.")
    ],
    modality: Annotated[str, typer.Option("--modality", metavar="NAME", help="What to generate: protein, atac, ...")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="The target's cells with the generated features: .h5ad or .h5mu."
        ),
    ],
    options: PlanOptions,
    training: Annotated[TrainingOptions, Without("members")],
    reporter: Reporter,
) -> None:
    """Generate a modality that the target was not measured for (protein, accessibility), with a score of each feature.

    The scores come from cells of the references that training never saw: they say how well a feature is predicted
    there, not in the target.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_generated
    from ...multimodal.generate import generate

    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(target, *references))
    config = training.config()
    datasets, plan = open_and_plan("generate", [target, *references], options, reporter)
    _check_modality(modality, datasets[0], datasets[1:])
    plan.block(modality)  # fails before the training, not after it
    trained = train_datasets(plan, datasets, config, reporter)
    generated = generate(trained, datasets[0].name, modality)
    write_generated(output, trained, datasets[0].name, generated, command=command_line())
    pcc, pcc_knn = (float(generated.scores[c].median()) for c in ("pcc", "pcc_knn"))
    features = format_count(len(generated.features), "feature")
    reporter.summary(
        {
            "output": str(output),
            "features": len(generated.features),
            "median_pcc": pcc,
            "median_pcc_knn": pcc_knn,
            "seconds": reporter.seconds,
        },
        f"Pearson on reference cells never trained on, median of {features}: {pcc:.3f}  (nearest cells {pcc_knn:.3f})",
        f"{features} of {format_count(datasets[0].n_cells, 'cell')} in {output}  ({reporter.duration})",
    )


def _check_modality(modality: str, target: Dataset, references: Sequence[Dataset]) -> None:
    """Refuse a modality that the target measures, naming those that it lacks."""
    measured = target.modality_names
    if modality in measured:
        others = dict.fromkeys(b for s in references for b in s.modality_names if b not in measured)
        have = f"{', '.join(others)}: name one of these" if others else "nothing else: give references that have more"
        raise ConfigError(
            f"{target.name} already measures {modality}. Beside what it measures the references have {have}."
        )
