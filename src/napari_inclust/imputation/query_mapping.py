"""Query mapping: networks of a saved run take a new section, with a panel or batch of its own.

Every old weight stays; only the new section's covariate is trained, as in scArches (Lotfollahi et al., Nature
Biotechnology 2022, 10.1038/s41587-021-01001-7). A gene that the new section lacks is masked at the input: its row of
the first layer is left out, which is the same. Its shared genes keep the folds in which the networks were trained,
so their held-out scores stay honest.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.panel import MIN_SHARED_GENES, Panel, align
from ..errors import PanelError, RunError
from ..training.build_plan import build_imputation_plan
from ..training.trained import Trained, train
from ..training.trainer import Trainer
from ..utils import device as dev
from .run import Run

if TYPE_CHECKING:
    from ..data.section import Reference, Section
    from ..training.config import Config
    from ..training.loop import Epoch
    from ..training.plan import Plan
    from ..training.table import Mask

EPOCHS, LEARNING_RATE = 10, 0.02  # one vector a network is trained
SECTION_COVARIATE = "platform: section"

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class PretrainedModel:
    """The part of a saved run that mapping uses.

    Attributes
    ----------
    shared_genes
        Genes that the networks saw, in the order of their inputs.
    hidden : (members, shared) bool
        Which of them each member never saw; without the last member, which saw all.
    covariates
        Names, in the order of the weights.
    labels, batch
        Columns of obs that the run used.
    provenance
        Of the run, for the mapped one's provenance.
    """

    weights: Weights
    config: Config
    shared_genes: tuple[str, ...]
    hidden: Mask
    covariates: tuple[str, ...]
    labels: str | None
    batch: str | None
    provenance: dict[str, Any]

    @property
    def n_components(self) -> int:
        """Outputs other than the shared genes."""
        return int(self.weights["head.weight"].shape[2]) - len(self.shared_genes)


def map_section(
    pretrained: PretrainedModel, section: Section, reference: Reference, *, train_covariates: bool = True
) -> Generator[Epoch, None, Run]:
    """Map a new section onto a saved run: yields an `Epoch` after each, returns the `Run` of the new section.

    Parameters
    ----------
    pretrained
        As `io.runs.load.open_mapping_source` reads it from a saved run.
    reference
        The reference that the run was trained on. Where the run has batches and the section has their column too, its
        levels are new covariates.
    train_covariates
        Train the new covariates' embeddings; otherwise the new section takes the old one's as it is, and nothing at all
        is trained.

    Raises
    ------
    PanelError
        Too few of the genes that the networks know.
    """
    panel = restrict_panel(align(section, reference), pretrained.shared_genes, section.name)
    at = find_gene_indices(panel.shared, pretrained.shared_genes)
    hidden = pretrained.hidden[:, at]
    members = np.flatnonzero(hidden.any(1))  # a member without a gene of its fold in the new section scores nothing
    plan = build_imputation_plan(
        section,
        reference,
        panel,
        members=len(members),
        seed=pretrained.config.seed,
        components=pretrained.n_components,
        labels=pretrained.labels,
        batch=pretrained.batch,
        hidden_genes=hidden[members],
    )
    config = pretrained.config.replace(device="auto", epochs=EPOCHS, learning_rate=LEARNING_RATE, patience=EPOCHS)
    trainer = Trainer(plan, config)
    new = load_pretrained_weights(trainer, pretrained, at, members)
    finish = partial(Run.from_trained, panel=panel, labels=pretrained.labels, batch=pretrained.batch)
    if train_covariates:
        trainer.train_only_covariates(new)
        run = yield from train(trainer, (reference, section), finish)
    else:
        with dev.limit_threads(config.threads):
            run = finish(Trained((reference, section), trainer))
    run.provenance["mapped"] = {
        "trained": [plan.covariates[i] for i in new] if train_covariates else [],
        "from": pretrained.provenance,
    }
    return run


def restrict_panel(panel: Panel, known_genes: Sequence[str], section_name: str) -> Panel:
    """Restrict the shared genes of a panel to those that the networks know; the others count as target-only.

    Raises
    ------
    PanelError
        Fewer than `panel.MIN_SHARED_GENES` of them.
    """
    known = {g.lower() for g in known_genes}
    stay = [i for i, g in enumerate(panel.shared) if g.lower() in known]
    if len(stay) < MIN_SHARED_GENES:
        raise PanelError(
            f"{section_name} measures {len(stay)} of the {len(known_genes)} genes that the run's networks know "
            f"({', '.join(known_genes[:3])}, ...); at least {MIN_SHARED_GENES} are needed to map it. "
            "Train a run of its own: inclust impute."
        )
    go = [i for i in range(panel.n_shared) if i not in set(stay)]
    own = range(panel.n_shared, panel.n_shared + panel.n_target_only)
    order = [*stay, *go, *own]
    notes = panel.notes
    if go:
        new = f"{len(go)} genes that both sets have are new to the run's networks ({panel.genes[go[0]]}, ...)"
        notes += (f"{new}: not used as input.",)
    lacking = len(known_genes) - len(stay)
    if lacking:
        unmeasured = f"{lacking} of the {len(known_genes)} genes that the run's networks know are not measured here"
        notes += (f"{unmeasured}: masked, and imputed.",)
    return Panel(
        genes=tuple(panel.genes[i] for i in order) + panel.reference_only,
        n_shared=len(stay),
        n_target_only=len(go) + panel.n_target_only,
        n_reference_only=panel.n_reference_only,
        target_columns=panel.target_columns[order],
        reference_columns=np.concatenate([panel.reference_columns[stay], panel.reference_columns[panel.n_shared :]]),
        controls=panel.controls,
        notes=notes,
    )


def load_pretrained_weights(
    trainer: Trainer, pretrained: PretrainedModel, gene_indices: Sequence[int], members: NDArray[np.intp]
) -> list[int]:
    """Copy a run's weights into the networks of a plan over some of its genes.

    Parameters
    ----------
    gene_indices
        Position of each shared gene of the plan among the run's.
    members
        The run's members that stay; its last one, which saw every gene, always does.

    Returns
    -------
    list of int
        Positions of the plan's covariates that the run did not know.

    Raises
    ------
    RunError
        Weights that do not fit.
    """
    n_old, variants = len(pretrained.hidden) + 1, trainer.n_kl_weights
    networks = np.concatenate([v * n_old + np.append(members, n_old - 1) for v in range(variants)])
    inputs = np.asarray(gene_indices, dtype=np.intp)
    outputs = np.concatenate(
        [inputs, len(pretrained.shared_genes) + np.arange(len(trainer.output_indices) - len(inputs))]
    )
    new: list[int] = []
    state = {}
    for name, value in pretrained.weights.items():
        chosen = value[networks]
        if name == "encoder.layers.0.weight":
            chosen = chosen[:, inputs]
        elif name in ("head.weight", "head.bias", "spread"):
            chosen = chosen[..., outputs]
        elif name == "covariate.weight":
            chosen, new = _covariate_embeddings(chosen, pretrained.covariates, trainer.plan)
        state[name] = torch.from_numpy(np.ascontiguousarray(chosen))
    try:
        trainer.model.load_state_dict(state)
    except RuntimeError as error:
        raise RunError(
            f"the run's weights do not fit this reference: {str(error).splitlines()[-1].strip()} "
            "Open the reference that it was trained on."
        ) from None
    return new


def _covariate_embeddings(
    old: NDArray[np.float32], names: Sequence[str], plan: Plan
) -> tuple[NDArray[np.float32], list[int]]:
    """Embeddings of the plan's covariates, from the run where it knows them, and the positions of those to train."""
    out = np.zeros((len(old), len(plan.covariates), old.shape[2]), dtype=np.float32)
    new = []
    for i, name in enumerate(plan.covariates):
        known = name in names
        if known:
            out[:, i] = old[:, names.index(name)]
        if not known or name == SECTION_COVARIATE or name.endswith("(section)"):
            new.append(i)
    return out, new


def find_gene_indices(genes: Sequence[str], known_genes: Sequence[str]) -> list[int]:
    """Where each gene stands among the known ones: by its name, else without regard to case."""
    exact = {name: i for i, name in enumerate(known_genes)}
    any_case = {name.lower(): i for name, i in reversed(exact.items())}
    return [exact[gene] if gene in exact else any_case[gene.lower()] for gene in genes]
