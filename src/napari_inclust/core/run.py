"""What training returns: weights, settings, panel, scores and provenance; imputes genes one at a time or in chunks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import PanelError
from . import baselines, cell_trust, covariation, subsample
from . import values as val
from .fast import Fast
from .gene_trust import GeneTrust, of_run
from .interval import Calibration, calibrate
from .latent import Cells, encode
from .likeness import Likeness
from .parallel import in_threads
from .predict import Choices, Predictor
from .provenance import versions
from .readout import Genes, build_readouts, shown_genes
from .rows import chunks
from .scale import Levels
from .score import metrics, pearson, zscore
from .stages import stage, tell

if TYPE_CHECKING:
    from .compare import Comparison
    from .config import Config
    from .panel import Panel
    from .plan import Plan
    from .section import Reference, Section
    from .table import Part
    from .train import Epoch
    from .trainer import Trainer

SAMPLED_CELLS, SAMPLED_VALUES = (1000, 5000), 1_500_000  # cells on which genes are scored: within these, fewer with a large panel
ANCHORS = 1000  # cells over which a prediction is standardised
_MAKING = threading.Lock()
GROUP = 8192  # cells encoded at once
PART = 1024  # cells predicted at once in each thread
REFERENCE_CELLS = 4000  # reference cells that readouts look at


@dataclass(frozen=True, eq=False)
class Imputed:
    """One gene over all cells.

    Attributes
    ----------
    values, spread : (cells,) float32
        Log-normalised, on the reference's scale; standard deviation over the members.
    kind
        "imputed" (the section does not measure the gene) or "held-out" (it does; predicted by the member that never saw it).
    score
        Held-out Pearson of a measured gene; None for one that is not measured.
    """

    gene: str
    values: NDArray[np.float32]
    spread: NDArray[np.float32]
    kind: str
    score: float | None


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with its data. Made by `train.fit`, or loaded with `napari_inclust.load_run`.

    Attributes
    ----------
    scores
        One row a shared gene, all from held-out predictions: the columns of `score.metrics`, and `pcc_gene_mean`, `pcc_type_mean`, `pcc_knn` of the baselines.
    choices
        What the held-out genes decided: weights of the readouts and the shape of the values.
    provenance
        Settings, seed, versions, fingerprints of the data, times.
    """

    section: Section
    reference: Reference
    panel: Panel
    trainer: Trainer
    history: list[Epoch]
    labels: str | None
    batch: str | None
    choices: Choices = field(default_factory=Choices)
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.trainer.config

    @property
    def plan(self) -> Plan:
        return self.trainer.plan

    @property
    def device(self) -> str:
        """Where it was trained."""
        from .device import describe

        return str(self.provenance["device"]) if self.provenance else describe(self.trainer.device)

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene that can be shown: measured ones first, then those to impute."""
        return self.panel.genes

    def kind(self, gene: str) -> str:
        """ "measured" or "imputed"."""
        return "measured" if self.panel.index(gene) < self.panel.n_shared + self.panel.n_target_only else "imputed"

    @cached_property
    def sample(self) -> NDArray[np.intp]:
        """Rows of the section on which choices are made and genes scored: all, or a seeded sample of a large section."""
        most = int(np.clip(SAMPLED_VALUES // self.panel.n_shared, *SAMPLED_CELLS))
        return subsample.uniform(self.section.n_cells, most, self.config.seed)

    @cached_property
    def _anchored(self) -> NDArray[np.intp]:
        """Which of the sampled cells are the anchors, over which a prediction is standardised."""
        return subsample.uniform(len(self.sample), ANCHORS, self.config.seed)

    @property
    def anchors(self) -> NDArray[np.intp]:
        """Rows of the section over which a prediction is standardised."""
        return self.sample[self._anchored]

    @cached_property
    def cells(self) -> Cells:
        """The sampled cells of the section."""
        return encode(self.trainer, "section", self.sample)

    @cached_property
    def predicted_type(self) -> NDArray[np.str_] | None:
        """(cells,) the class with the highest mean probability over the members; None without labels."""
        if not self.plan.classes:
            return None
        codes = np.concatenate([encode(self.trainer, "section", rows).classes.mean(0).argmax(1) for rows in chunks(self.section.n_cells, GROUP)])
        names: NDArray[np.str_] = np.array(self.plan.classes)[codes]
        return names

    @property
    def _section_part(self) -> Part:
        part = self.plan.table("section").part("genes")
        assert part is not None
        return part

    def type_probabilities(self, rows: NDArray[np.intp]) -> pd.DataFrame | None:
        """(rows, classes) mean over the members of what the networks make of some cells of the section; None without labels."""
        if not self.plan.classes:
            return None
        return pd.DataFrame(encode(self.trainer, "section", rows).classes.mean(0), index=self.section.adata.obs_names[rows], columns=list(self.plan.classes))

    @cached_property
    def _measured(self) -> sp.csr_matrix:
        """(cells, shared genes) log-normalised."""
        return self._section_part.lognormalised()

    @cached_property
    def _fold(self) -> NDArray[np.intp]:
        """(shared genes,) the member that each was hidden from."""
        fold: NDArray[np.intp] = self.plan.hidden[:, : self.panel.n_shared].argmax(0)
        return fold

    @cached_property
    def _genes(self) -> Genes:
        values = val.lognormalise(self.reference.matrix[:, self.panel.reference_columns], self.reference.values.kind, val.library_size(self.reference.matrix))
        return Genes(values, self.panel.n_shared, self._reference_rows)

    @cached_property
    def _reference_rows(self) -> NDArray[np.intp]:
        """Reference cells that readouts look at: all, or a seeded sample of a large reference that keeps rare types."""
        labels = self.plan.table("reference").labels
        return subsample.rows(labels, REFERENCE_CELLS, self.config.seed)

    @cached_property
    def _undecided(self) -> Predictor:
        """The predictor before any choice."""
        anchors = encode(self.trainer, "section", self.anchors)
        reference = encode(self.trainer, "reference", self._genes.rows)
        mean, sd = val.moments(self._measured)
        likeness = Likeness.find(anchors, reference, shown_genes(self.plan, self._genes))
        readouts, levels = build_readouts(self.trainer, self._genes, reference, likeness), Levels(self._genes.mean, self._genes.sd, mean, sd, self._fold)
        return Predictor(readouts, self._genes, levels, likeness, self._fold, Choices())

    @cached_property
    def predictor(self) -> Predictor:
        return self._undecided.choosing(self.choices)

    @classmethod
    def finish(
        cls, section: Section, reference: Reference, panel: Panel, trainer: Trainer, history: list[Epoch], *, labels: str | None, batch: str | None
    ) -> Run:
        """Let the held-out genes decide how to read out, score every shared gene, and write down where all came from."""
        raw = cls(section, reference, panel, trainer, history, labels, batch)
        truth = raw._measured[raw.sample].toarray()
        learned, held_out = raw._undecided.learn(raw.cells, raw._anchored, truth)
        types = raw.cells.classes.mean(0).argmax(1) if trainer.plan.classes else None
        scores = metrics(truth, held_out, types)
        scores.index = pd.Index(panel.shared, name="gene")
        for name, predicted in raw._baselines(truth).items():
            scores[f"pcc_{name}"] = pearson(truth, predicted).astype(np.float64)
        done = cls(section, reference, panel, trainer, history, labels, batch, learned.choices, scores, raw._origin())
        done.__dict__.update({name: vars(raw)[name] for name in ("_undecided", "_genes", "cells", "_measured")})  # cached properties: not computed twice
        return done

    def _baselines(self, truth: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Predictions of the shared genes (sampled cells, shared), each from the genes of the other folds only."""
        n, reference = self.panel.n_shared, self.plan.table("reference")
        values = self._genes.matrix[:, :n].toarray()
        ours, theirs = zscore(truth), zscore(values)
        out = {"gene_mean": np.tile(values.mean(0), (len(ours), 1)), "knn": np.zeros_like(ours)}
        if self.plan.classes:
            out["type_mean"] = np.zeros_like(ours)
        for m in stage("predicting them with the baselines", range(self.plan.folds)):
            fold = np.flatnonzero(self._fold == m)
            rest = np.flatnonzero(self._fold != m)
            out["knn"][:, fold] = baselines.knn_weights(ours[:, rest], theirs[:, rest], self.config.seed) @ values[:, fold]
            if self.plan.classes:
                means = baselines.type_means(self._genes.matrix[:, fold].tocsr(), reference.labels[self._genes.rows], len(self.plan.classes))
                out["type_mean"][:, fold] = means[self.cells.classes[m].argmax(1)]
        return out

    def held_out(self) -> pd.DataFrame:
        """Held-out predictions of all shared genes: (cells, shared genes), log-normalised, cells in the section's order."""
        values = np.hstack([chunk[1] for chunk in self.chunks(self.panel.shared)])
        return pd.DataFrame(values, index=self.section.adata.obs_names, columns=list(self.panel.shared))

    def measured(self, gene: str) -> NDArray[np.float32] | None:
        """(cells,) log-normalised measured values; None for a gene that the section lacks."""
        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return np.asarray(self._measured[:, [i]].toarray().ravel())
        if i >= self.panel.n_shared + self.panel.n_target_only:
            return None
        total = val.library_size(self.section.matrix[:, self.panel.target_columns[: self.panel.n_shared]])
        return np.asarray(val.lognormalise(self.section.matrix[:, [self.panel.target_columns[i]]], self.section.values.kind, total).toarray().ravel())

    def measured_shared(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(rows, shared genes) log-normalised measured values of some cells."""
        values: NDArray[np.float32] = self._measured[rows].toarray()
        return values

    def compare(self, a: NDArray[np.bool_], b: NDArray[np.bool_] | None = None, genes: Sequence[str] | None = None) -> Comparison:
        """Imputed genes in cells `a` against cells `b` (default: all others), with the error of imputing counted in; see `compare.compare`."""
        from .compare import compare

        return compare(self, a, b, genes)

    def impute(self, gene: str) -> Imputed:
        """One gene over all cells, for looking at: within a small, known error (`fast`) of the exact values that `chunks` gives.

        Raises
        ------
        PanelError
            A gene that the reference lacks.
        """
        feature = self._feature(gene)
        values, spread, _ = self.fast.predict(feature)
        measured = feature < self.panel.n_shared
        score = float(self.scores["pcc"].iloc[feature]) if measured else None
        return Imputed(self._imputable[feature], values, spread, "held-out" if measured else "imputed", score)

    @cached_property
    def gene_trust(self) -> GeneTrust:
        """`foreseen` of every gene that the section lacks."""
        return self.foreseen(self.panel.reference_only)

    def foreseen(self, genes: Sequence[str]) -> GeneTrust:
        """Foreseen held-out Pearson of genes that the section lacks, with the error of foreseeing."""
        return of_run(self, genes)

    @cached_property
    def calibration(self) -> Calibration:
        """Of 90 % intervals, on the held-out genes."""
        levels, shared = self.predictor.levels, np.arange(self.panel.n_shared)
        mean, spread = levels.mean[shared], levels.mean[shared] / np.maximum(levels.ratio[shared], 1e-6)
        truth = self._measured[self.sample].toarray()
        return calibrate(self.predictor.held_out(shared, self.cells), truth, mean, spread, self._fold)

    def interval(self, imputed: Imputed) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lower and upper end (cells,) of the 90 % interval of each value of a gene: where a measurement of it would lie."""
        feature, levels = self._feature(imputed.gene), self.predictor.levels
        mean = float(levels.mean[feature])
        return self.calibration.interval(imputed.values, mean, mean / max(float(levels.ratio[feature]), 1e-6))

    @cached_property
    def cell_trust(self) -> NDArray[np.float64]:
        """(cells,) 0 to 1: how much each cell is of a kind that the reference has."""
        groups = list(chunks(self.section.n_cells, GROUP))
        tell("judging the cells", 0, len(groups))
        reference = encode(self.trainer, "reference", self._genes.rows).x[-1]
        profiles = cell_trust.kinds(reference, self.plan.table("reference").labels[self._genes.rows], self.config.seed)
        near = cell_trust.Neighbourhood(self.cells.x[-1], self.config.seed)
        lack = covariation.lacking(near.groups, near.sizes, near.among, reference)

        def stranger(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
            strange, group = near.strangeness(x, profiles)
            return strange + lack[group]

        strange = [stranger(encode(self.trainer, "section", rows).x[-1]) for rows in stage("judging the cells", groups)]
        return cell_trust.trust(np.concatenate(strange), stranger(near.among))

    def about_cells(self) -> pd.DataFrame:
        """One row a cell: `inclust_trust`, and with labels `inclust_type`."""
        columns: dict[str, Any] = {"inclust_trust": self.cell_trust}
        if self.predicted_type is not None:
            columns["inclust_type"] = pd.Categorical(self.predicted_type)
        return pd.DataFrame(columns, index=self.section.adata.obs_names)

    @property
    def fast(self) -> Fast:
        """Made at the first gene (seconds to minutes, by the number of cells), then a gene costs milliseconds; by one thread, others wait for it."""
        with _MAKING:
            return self._fast

    @cached_property
    def _fast(self) -> Fast:
        return Fast(self.predictor, self.anchors, self.section.n_cells, lambda rows: encode(self.trainer, "section", rows), len(self._imputable))

    def chunks(
        self, genes: Sequence[str], size: int = 64
    ) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.float32], list[str], list[float | None]]]:
        """Genes in groups of `size`: names, values and spread (cells, size), kinds, scores. Memory does not grow with the number of genes."""
        features = self.positions(genes)
        for start in range(0, len(features), size):
            part = features[start : start + size]
            values, spread = self._everywhere(part)
            kinds = ["held-out" if f < self.panel.n_shared else "imputed" for f in part]
            scores = [float(self.scores["pcc"].iloc[f]) if f < self.panel.n_shared else None for f in part]
            yield [self._imputable[f] for f in part], values, spread, kinds, scores

    def _everywhere(self, features: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and spread of all cells, group by group."""
        values, spread = np.zeros((2, self.section.n_cells, len(features)), dtype=np.float32)
        prediction = self.predictor.prepared(features)
        parts = list(chunks(self.section.n_cells, PART))
        with closing(in_threads(lambda rows: prediction.values(encode(self.trainer, "section", rows)), parts)) as found:
            for rows, made in zip(parts, found, strict=True):
                values[rows], spread[rows] = made
        return values, spread

    def save(self, path: str | Path) -> Path:
        """Write the run as one file; see `store.save`."""
        from .store import save

        return save(self, path)

    @property
    def _imputable(self) -> tuple[str, ...]:
        return self.panel.shared + self.panel.reference_only

    def positions(self, genes: Sequence[str]) -> NDArray[np.intp]:
        """(genes,) among those that the reference has: shared, then reference-only."""
        return np.array([self._feature(g) for g in genes], dtype=np.intp)

    def _feature(self, gene: str) -> int:
        """Position of a gene among those that the reference has: shared, then reference-only."""
        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return i
        if i < self.panel.n_shared + self.panel.n_target_only:
            raise PanelError(f"{gene} is measured in the section but the reference lacks it, so it cannot be imputed. `run.measured` gives its values.")
        return i - self.panel.n_target_only

    def _origin(self) -> dict[str, Any]:
        data = {
            side: {
                "path": str(d.path) if d.path else None,
                "name": d.name,
                "cells": d.n_cells,
                "values": asdict(d.values),
                "source": d.source,
                "fingerprint": d.fingerprint,
                "drawn": asdict(d.drawn) if d.drawn is not None else None,
                "choices": getattr(d, "choices", {}),
            }
            for side, d in (("section", self.section), ("reference", self.reference))
        }
        return {
            "task": self.plan.task, "config": self.config.to_dict(), "labels": self.labels, "batch": self.batch, "device": self.device, "data": data,
            "genes": {"shared": self.panel.n_shared, "imputable": self.panel.n_reference_only}, "epochs": len(self.history), "seconds": self.history[-1].seconds if self.history else 0.0,
            **versions(),
        }  # fmt: skip
