"""A trained imputation: the cells and genes it works on, and the exact prediction of any gene of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data import normalize as val
from ..data import subsample
from ..errors import PanelError
from ..training.batches import row_chunks
from ..training.inference import EncodedCells, encode_cells
from ..utils.parallel import map_in_threads
from .ensemble import StackedPredictor, StackingParameters
from .gene_predictors import ReferenceGenes, build_base_predictors, visible_genes_by_member
from .rescale import SectionScale
from .similarity import CellSimilarity

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..data.section import Reference, Section
    from ..training.config import Config
    from ..training.loop import Epoch
    from ..training.plan import Plan
    from ..training.table import MeasuredBlock
    from ..training.trained import Trained
    from ..training.trainer import Trainer

SAMPLE_CELLS_RANGE = (1000, 5000)  # cells on which genes are scored
MAX_SAMPLE_VALUES = 1_500_000  # cells x shared genes of that sample: fewer cells with a large panel
ANCHORS = 1000  # cells over which a prediction is standardised
CELLS_PER_ENCODING_CHUNK = 8192  # cells encoded at once
CELLS_PER_PREDICTION_CHUNK = 1024  # cells predicted at once in each thread
MAX_REFERENCE_CELLS = 4000  # reference cells that readouts look at


@dataclass(frozen=True, eq=False)
class ImputationModel:
    """A trained imputation plan with what it predicts from. `Run` adds scores, reliability and fast decoding.

    Attributes
    ----------
    trained
        Networks and data of the tables "reference" and "section".
    panel
        How the genes of both are matched.
    labels, batch
        Columns of obs that were used: the reference's cell types, batches of either side.
    choices
        What the held-out genes decided: weights of the predictors and the shape of the values.
    """

    trained: Trained
    panel: Panel
    labels: str | None
    batch: str | None
    choices: StackingParameters = field(default_factory=StackingParameters)

    @property
    def section(self) -> Section:
        """Cells whose genes are imputed."""
        return cast("Section", self.trained.dataset("section"))

    @property
    def reference(self) -> Reference:
        """Cells with all genes: those that were trained on."""
        return cast("Reference", self.trained.dataset("reference"))

    @property
    def trainer(self) -> Trainer:
        """The plan, its networks and its rows."""
        return self.trained.trainer

    @property
    def history(self) -> list[Epoch]:
        """The epochs of the training."""
        return self.trained.history

    @property
    def config(self) -> Config:
        """Settings of the training."""
        return self.trained.config

    @property
    def plan(self) -> Plan:
        """The mask plan that was trained."""
        return self.trained.plan

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene that can be shown: measured ones first, then those to impute."""
        return self.panel.genes

    def kind(self, gene: str) -> str:
        """Say whether a gene is "measured" or "imputed"."""
        return "measured" if self.panel.index(gene) < self.panel.n_shared + self.panel.n_target_only else "imputed"

    @cached_property
    def sample_rows(self) -> NDArray[np.intp]:
        """Rows of the section on which predictors are fitted and genes scored: of a large section a seeded sample."""
        most = int(np.clip(MAX_SAMPLE_VALUES // self.panel.n_shared, *SAMPLE_CELLS_RANGE))
        return subsample.sample_uniform(self.section.n_cells, most, self.config.seed)

    @cached_property
    def _standardisation_positions(self) -> NDArray[np.intp]:
        """Which of the sampled cells are the anchors, over which a prediction is standardised."""
        return subsample.sample_uniform(len(self.sample_rows), ANCHORS, self.config.seed)

    @property
    def standardisation_rows(self) -> NDArray[np.intp]:
        """Rows of the section over which a prediction is standardised."""
        return self.sample_rows[self._standardisation_positions]

    @cached_property
    def sample_cells(self) -> EncodedCells:
        """The sampled cells of the section."""
        return encode_cells(self.trainer, "section", self.sample_rows)

    @cached_property
    def predicted_type(self) -> NDArray[np.str_] | None:
        """(cells,) the class with the highest mean probability over the members; None without labels."""
        if not self.plan.classes:
            return None
        codes = np.concatenate(
            [
                encode_cells(self.trainer, "section", rows).class_probabilities.mean(0).argmax(1)
                for rows in row_chunks(self.section.n_cells, CELLS_PER_ENCODING_CHUNK)
            ]
        )
        names: NDArray[np.str_] = np.array(self.plan.classes)[codes]
        return names

    @property
    def _section_part(self) -> MeasuredBlock:
        part = self.plan.table("section").measured_block("genes")
        assert part is not None
        return part

    def type_probabilities(self, rows: NDArray[np.intp]) -> pd.DataFrame | None:
        """(rows, classes) class probabilities of cells of the section, mean over members; None without labels."""
        if not self.plan.classes:
            return None
        return pd.DataFrame(
            encode_cells(self.trainer, "section", rows).class_probabilities.mean(0),
            index=self.section.adata.obs_names[rows],
            columns=list(self.plan.classes),
        )

    @cached_property
    def _measured_values(self) -> sp.csr_matrix:
        """(cells, shared genes) log-normalised."""
        return self._section_part.lognormalised()

    @cached_property
    def _gene_fold(self) -> NDArray[np.intp]:
        """(shared genes,) the member that each was hidden from."""
        fold: NDArray[np.intp] = self.plan.hidden_features[:, : self.panel.n_shared].argmax(0)
        return fold

    @cached_property
    def _reference_genes(self) -> ReferenceGenes:
        values = val.lognormalise(
            self.reference.matrix[:, self.panel.reference_columns],
            self.reference.values.kind,
            val.library_size(self.reference.matrix),
        )
        return ReferenceGenes(values, self.panel.n_shared, self._reference_rows)

    @cached_property
    def _reference_rows(self) -> NDArray[np.intp]:
        """Reference cells that readouts look at: all, or a seeded sample of a large reference that keeps rare types."""
        labels = self.plan.table("reference").labels
        return subsample.sample_balanced(labels, MAX_REFERENCE_CELLS, self.config.seed)

    @cached_property
    def _unfitted_predictor(self) -> StackedPredictor:
        """The predictor before its weights are fitted."""
        anchors = encode_cells(self.trainer, "section", self.standardisation_rows)
        reference = encode_cells(self.trainer, "reference", self._reference_genes.reference_rows)
        mean, sd = val.column_mean_and_sd(self._measured_values)
        likeness = CellSimilarity.fit(anchors, reference, visible_genes_by_member(self.plan, self._reference_genes))
        readouts, levels = (
            build_base_predictors(self.trainer, self._reference_genes, reference, likeness),
            SectionScale(self._reference_genes.mean, self._reference_genes.sd, mean, sd, self._gene_fold),
        )
        return StackedPredictor(
            readouts, self._reference_genes, levels, likeness, self._gene_fold, StackingParameters()
        )

    @cached_property
    def predictor(self) -> StackedPredictor:
        """The predictor with the fitted weights."""
        return self._unfitted_predictor.with_parameters(self.choices)

    def measured(self, gene: str) -> NDArray[np.float32] | None:
        """(cells,) log-normalised measured values; None for a gene that the section lacks."""
        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return np.asarray(self._measured_values[:, [i]].toarray().ravel())
        if i >= self.panel.n_shared + self.panel.n_target_only:
            return None
        total = val.library_size(self.section.matrix[:, self.panel.target_columns[: self.panel.n_shared]])
        return np.asarray(
            val.lognormalise(self.section.matrix[:, [self.panel.target_columns[i]]], self.section.values.kind, total)
            .toarray()
            .ravel()
        )

    def measured_shared(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(rows, shared genes) log-normalised measured values of some cells."""
        values: NDArray[np.float32] = self._measured_values[rows].toarray()
        return values

    def _predict_all_cells(self, gene_indices: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and spread of all cells, group by group."""
        values, spread = np.zeros((2, self.section.n_cells, len(gene_indices)), dtype=np.float32)
        prediction = self.predictor.prepare(gene_indices)
        parts = list(row_chunks(self.section.n_cells, CELLS_PER_PREDICTION_CHUNK))
        with closing(
            map_in_threads(
                lambda rows: prediction.predict_expression(encode_cells(self.trainer, "section", rows)), parts
            )
        ) as predictions:
            for rows, predicted in zip(parts, predictions, strict=True):
                values[rows], spread[rows] = predicted
        return values, spread

    @property
    def _imputable_genes(self) -> tuple[str, ...]:
        return self.panel.shared + self.panel.reference_only

    def gene_indices(self, genes: Sequence[str]) -> NDArray[np.intp]:
        """(genes,) among those that the reference has: shared, then reference-only."""
        return np.array([self._gene_index(g) for g in genes], dtype=np.intp)

    def _gene_index(self, gene: str) -> int:
        """Position of a gene among those that the reference has: shared, then reference-only."""
        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return i
        if i < self.panel.n_shared + self.panel.n_target_only:
            raise PanelError(
                f"{gene} is measured in the section but the reference lacks it, so it cannot be imputed. "
                "`run.measured` gives its values."
            )
        return i - self.panel.n_target_only
