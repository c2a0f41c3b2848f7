"""A run and a training that take no time: the shape of imputation.run.Run and training.loop.epochs, without a network."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from napari_inclust.data.panel import align
from napari_inclust.data.section import Reference, Section
from napari_inclust.training.config import Config


@dataclasses.dataclass(frozen=True)
class FakeEpoch:
    number: int
    total: int
    seconds: float = 0.1
    remaining: float = 1.0
    stage: str = "training"
    terms: dict[str, float] = dataclasses.field(default_factory=dict)
    validation: float = float("nan")
    best: bool = True


@dataclasses.dataclass(frozen=True)
class FakeReliability:
    table: pd.DataFrame
    mean_absolute_error: float = 0.08
    rank_correlation: float = 0.66

    @property
    def output_columns(self) -> pd.DataFrame:
        return self.table.rename(columns={"predicted_pcc": "foreseen"})[["foreseen", "moran", "moran_flag"]]


class FakeRun:
    """Imputed values are the row number scaled by the gene's position: easy to check on the canvas."""

    def __init__(self, section: Section, reference: Reference, config: Config | None = None) -> None:
        self.section, self.reference, self.config = section, reference, config or Config()
        self.panel = align(section, reference)
        self.genes = self.panel.genes
        self.device = "cpu (fake)"
        self.history: list[Any] = []
        n = self.panel.n_shared
        self.scores = pd.DataFrame(
            {"pcc": np.linspace(-0.2, 0.9, n), "pcc_knn": 0.2, "pcc_type_mean": 0.1, "pcc_gene_mean": 0.0},
            index=list(self.panel.shared),
        )

    @property
    def gene_trust(self) -> Any:
        """Foreseen scores; of Gene30 nothing is foreseen. Gene31 is too smooth."""
        names = list(self.panel.reference_only)
        predicted = np.linspace(0.1, 0.7, len(names))
        lost = np.array([n == "Gene30" for n in names])
        table = pd.DataFrame(
            {
                "predicted_pcc": np.where(lost, np.nan, predicted), "reason": np.where(lost, "unlike the scored genes in: detection", ""), "moran": 0.3,
                "moran_flag": [n == "Gene31" for n in names],
            }, index=names,
        )  # fmt: skip
        return FakeReliability(table)

    def predict_scores(self, genes: Any) -> Any:
        return FakeReliability(self.gene_trust.table.loc[list(genes)])

    def cell_table(self) -> pd.DataFrame:
        kinds = pd.Categorical(np.resize(["glia", "neuron"], self.section.n_cells))
        return pd.DataFrame(
            {"inclust_trust": self.cell_trust, "inclust_type": kinds}, index=self.section.adata.obs_names
        )

    @property
    def calibration(self) -> Any:
        rows = [("all", "all", 24_000, 0.902)] + [
            (f"level {g} of 3", f"prediction {c} of 3", 2000, 0.85 + 0.01 * (g + c))
            for g in range(1, 4)
            for c in range(1, 4)
        ]
        return SimpleNamespace(
            nominal_coverage=0.9,
            small_strata_note="",
            coverage=pd.DataFrame(rows, columns=["genes", "cells", "values", "coverage"]),
        )

    @property
    def cell_trust(self) -> Any:
        return np.linspace(0, 1, self.section.n_cells)

    def interval(self, imputed: Any) -> Any:
        return imputed.values - 0.5, imputed.values + 1.0

    def kind(self, gene: str) -> str:
        return "imputed" if gene in self.panel.reference_only else "measured"

    def impute(self, gene: str) -> Any:
        n = self.section.n_cells
        values = (np.arange(n, dtype=np.float32) / n + 1 + self.panel.index(gene) % 3).astype(np.float32)
        kind = "imputed" if gene in self.panel.reference_only else "held-out"
        score = float(self.scores.loc[gene, "pcc"]) if gene in self.panel.shared else None
        return SimpleNamespace(
            gene=gene, values=values, spread=np.full(n, 0.25, dtype=np.float32), kind=kind, score=score
        )

    def chunks(self, genes: Any, size: int = 64) -> Any:
        for start in range(0, len(genes), size):
            part = [self.impute(g) for g in genes[start : start + size]]
            yield (
                [p.gene for p in part],
                np.stack([p.values for p in part], 1),
                np.stack([p.spread for p in part], 1),
                [p.kind for p in part],
                [p.score for p in part],
            )

    def compare(self, a: Any, b: Any, genes: Any) -> Any:
        """A test that errs by nothing: every measured difference was as imputed."""
        from napari_inclust.imputation.differential_expression import (
            COLUMNS,
            Comparison,
            HeldOutDifferences,
            difference_table,
        )

        ten = np.ones(10)
        hidden = HeldOutDifferences(ten, ten, 0 * ten, 0 * ten)
        values = np.stack([self.impute(g).values for g in genes], 1)[a | b]
        table = difference_table(values, a[a | b], np.ones(len(genes)), hidden).assign(
            gene=list(genes), kind="imputed", imputed=True
        )
        return Comparison(
            table.assign(p_adjusted=table["p"]).reindex(columns=COLUMNS),
            hidden,
            hidden.between_variance,
            int(a.sum()),
            int(b.sum()),
        )

    def type_probabilities(self, rows: Any) -> Any:
        return pd.DataFrame({"neuron": 0.15, "glia": 0.8, "vessel": 0.05}, index=self.section.adata.obs_names[rows])

    provenance = {"task": "fake"}

    def save(self, path: Any) -> Any:
        path.write_text("fake run")
        return path

    def measured(self, gene: str) -> Any:
        from napari_inclust.data.normalize import lognormalise

        if gene not in self.section.genes:
            return None
        return (
            lognormalise(self.section.matrix, self.section.values.kind)[:, self.section.genes.index(gene)]
            .toarray()
            .ravel()
        )


def fake_steps(epochs: int = 5, seconds: float = 0.0, fail: Exception | None = None) -> Any:
    """A stand-in for training.loop.epochs."""

    def steps(
        section: Section,
        reference: Reference,
        config: Config,
        *,
        labels: str | None = None,
        batch: str | None = None,
        checkpoint: Any = None,
    ) -> Any:
        start = int(checkpoint.read_text()) if checkpoint is not None and checkpoint.exists() else 0
        done = start
        try:
            for number in range(start + 1, epochs + 1):
                time.sleep(seconds)
                if fail is not None and number == 2:
                    raise fail
                terms = {"reconstruction": 1 / number, "prior": 0.1, "labels": 0.2, "loss": 1 / number + 0.3}
                done = number
                yield FakeEpoch(
                    number, epochs, number * seconds, (epochs - number) * seconds, "training", terms, 1.1 / number
                )
        except GeneratorExit:
            checkpoint.write_text(str(done))
            raise
        yield FakeEpoch(epochs, epochs, stage="scoring")
        return FakeRun(section, reference, config)

    return steps


def small_section(n: int = 60, genes: int = 24, seed: int = 0, name: str = "small") -> Section:
    """A grid of cells 20 um apart with whole-number counts, and a column of types."""
    from anndata import AnnData

    random = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n)))
    xy = np.array([(20.0 * (i % side), 20.0 * (i // side)) for i in range(n)])
    adata = AnnData(random.poisson(2.0, (n, genes)).astype(np.float32))
    adata.obs_names = [f"cell_{i}" for i in range(n)]
    adata.var_names = [f"Gene{i}" for i in range(genes)]
    adata.obs["cell_type"] = pd.Categorical([("neuron", "glia", "vessel")[i % 3] for i in range(n)])
    adata.obs["sample"] = pd.Categorical([("a", "b")[i % 2] for i in range(n)])
    adata.obsm["spatial"] = xy
    adata.uns["spatial_unit"] = "micrometre"
    return Section.from_adata(adata, name=name)


def small_reference(n: int = 50, genes: int = 40, seed: int = 1) -> Reference:
    """Has the section's genes from Gene4 on, and some more to impute."""
    from anndata import AnnData

    adata = AnnData(np.random.default_rng(seed).poisson(2.0, (n, genes)).astype(np.float32))
    adata.obs_names = [f"ref_{i}" for i in range(n)]
    adata.var_names = [f"Gene{i + 4}" for i in range(genes)]
    adata.obs["cell_type"] = pd.Categorical([("neuron", "glia", "vessel")[i % 3] for i in range(n)])
    return Reference.from_adata(adata, name="small reference")


def fake_find(steps: int = 3, seconds: float = 0.0, fail: Exception | None = None) -> Any:
    """A stand-in for spatial_domains.find.steps: stripes of cells, the third fifth of them unsure."""

    def find(
        section: Section, n_domains: int | None, *, method: str, section_key: str | None, run: Any, graph: Any = None
    ) -> Any:
        from napari_inclust.spatial_domains.edit import DomainSegmentation
        from napari_inclust.spatial_domains.find import Domains, SearchProgress

        for i in range(steps):
            time.sleep(seconds)
            if fail is not None:
                raise fail
            yield SearchProgress(i, steps, "3 domains")
        n = section.n_cells
        sure = np.where((np.arange(n) >= 0.6 * n) & (np.arange(n) < 0.8 * n), 0.4, 1.0).astype(np.float32)
        numbers = [2, 3, 4] if n_domains is None else [n_domains]
        solutions = {k: DomainSegmentation.from_labels(np.arange(n) * k // n, sure) for k in numbers}
        table = pd.DataFrame({"stability": {2: 0.5, 3: 0.9, 4: 0.7} if n_domains is None else {n_domains: 0.6}})
        table.index.name = "k"
        chosen = 3 if n_domains is None else n_domains
        space, sections = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32), np.zeros(n, dtype=np.intp)
        facts = {
            "method": method,
            "section_key": section_key or "",
            "graph": str(graph or "nearest"),
            "data": section.fingerprint,
        }
        return Domains(
            section, method, solutions, chosen, table, solutions[chosen], space, section.xy, sections, (), facts
        )  # type: ignore[arg-type]

    return find
