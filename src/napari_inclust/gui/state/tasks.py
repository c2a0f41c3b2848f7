"""Tasks that fit the loaded data, and their masks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .generated import as_datasets, reference_modalities

if TYPE_CHECKING:
    from ...data.section import Reference, Section
    from ...paint.figures.masks import MaskDiagram
    from ...training.config import Config

IMPUTE, GENERATE, INTEGRATE, MAP = "impute", "generate", "integrate", "map"
_N_PLAN_CELLS = 64  # on which a plan is made for its picture: masks do not depend on values


@dataclass(frozen=True)
class Task:
    """One that fits the data.

    Attributes
    ----------
    kind
        `IMPUTE`, `GENERATE`, `INTEGRATE` or `MAP`.
    block
        The modality that is generated, else "".
    command
        How it is run where a dock has nothing to show of it; empty: it is run here.
    """

    kind: str
    label: str
    description: str
    modality: str = ""
    command: str = ""


def available_tasks(section: Section | None, reference: Reference | None) -> list[Task]:
    """Tasks for a section and a reference; quick, without reading values."""
    impute = Task(
        IMPUTE,
        "impute genes and cell types",
        "Genes that only the reference has, for the cells of the section; with cell types, those of the section too",
    )
    if section is None or reference is None:
        return [impute]
    others = [name for name in reference_modalities(reference) if name not in ("rna", "gex")]
    generate = [
        Task(
            GENERATE, f"generate {m}", f"The {m} of the reference, for the cells of the section: painted like a gene", m
        )
        for m in others
    ]
    files = [shlex.quote(str(d.path)) if d.path else d.name for d in (section, reference)]
    mapped = Task(
        MAP,
        "map onto a saved run",
        "In seconds: a run of another section with this reference takes this one; "
        "its networks and settings stay as they are",
    )
    about = "One latent of both, free of the differences between them"
    together = Task(
        INTEGRATE, "integrate both", about, command=f"inclust integrate {' '.join(files)} -o integrated.h5ad"
    )
    return [impute, *generate, mapped, together]


def task_masks(task: Task, section: Section, reference: Reference, config: Config) -> MaskDiagram:
    """Return the masks of a task, from its real plan on a few cells; takes some tenths of a second.

    Raises
    ------
    InclustError
        Data that the task does not fit.
    """
    from ...data.panel import align
    from ...paint.figures.masks import MaskDiagram
    from ...training.build_plan import build_imputation_plan, build_plan

    small_section = section.subset(np.arange(min(_N_PLAN_CELLS, section.n_cells)))
    small_reference = reference.subset(np.arange(min(_N_PLAN_CELLS, reference.n_cells)))
    if task.kind in (IMPUTE, MAP):
        panel = align(small_section, small_reference)
        members = min(config.members, panel.n_shared // 2)
        return MaskDiagram.from_plan(
            build_imputation_plan(
                small_section,
                small_reference,
                panel,
                members=members,
                seed=config.seed,
                components=config.components,
            )
        )
    return MaskDiagram.from_plan(build_plan(task.kind, as_datasets(small_section, small_reference)))
