"""Features that cells were not measured for, from data sets that have them: decoded, and averaged over the nearest cells, blended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import ConfigError
from .predict import standardised
from .readout import unit
from .score import metrics
from .table import Part
from .trained import Trained

NEIGHBOURS = 50
MOST_SOURCE = 20_000  # cells of a source among which neighbours are sought
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CHUNK = 2048

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Generated:
    """A block for the cells of one data set.

    Attributes
    ----------
    values : (cells, features) float32
        log1p of the block's normalised values, on the scale of the data sets that measure it; the share of open cells for peaks.
    spread : (cells, features) float32
        Standard deviation over the networks.
    scores
        One row a feature: Pearson, Spearman and RMSE (of z-scored values) on cells of the sources that no gradient saw, `sources`, and quantiles of the
        residuals there: value + `q05` to value + `q95` holds 90 % of what would be measured.
    """

    block: str
    features: tuple[str, ...]
    values: Matrix
    spread: Matrix
    scores: pd.DataFrame

    def quantile(self, q: float) -> Matrix:
        """(cells, features): the value below which a share `q` (one of `QUANTILES`) of measurements would lie."""
        if q not in QUANTILES:
            raise ConfigError(f"no quantile {q:g}; there are {', '.join(f'{x:g}' for x in QUANTILES)}.")
        out: Matrix = (self.values + self.scores[_name(q)].to_numpy()).astype(np.float32)
        return out


def generate(trained: Trained, table: str, block: str, *, inputs: Sequence[str] | None = None) -> Generated:
    """A block's features for the cells of a table.

    The decoder (with the covariate of the data set that measures the block) and the mean over the nearest cells of that data set, each standardised feature
    by feature, are averaged and put back on its scale. Where several data sets measure a feature, their predictions are averaged.

    Parameters
    ----------
    inputs
        Blocks that the encoder sees of the cells; default those from which the block was trained and that the table measures.

    Raises
    ------
    ConfigError
        Nobody measures the block, or nothing connects it with the cells.
    """
    plan = trained.plan
    here, target = plan.block(block), trained.data(table)
    n = here.stop - here.start
    inputs = tuple(inputs) if inputs is not None else _way(trained, table, block)
    z = trained.encode(table, inputs)[0]
    values, spread, mass = np.zeros((target.n_cells, n), np.float32), np.zeros((target.n_cells, n), np.float32), np.zeros(n, np.float32)
    scored = []
    for t in plan.tables:
        part = t.part(block)
        if part is None:
            continue
        source = _Source(trained, t.name, part, block, tuple(b for b in inputs if t.part(b) is not None) or None)
        at = part.features - here.start
        found, deviation = source.predict(z)
        values[:, at] += found
        spread[:, at] += deviation
        mass[at] += 1
        scored.append(source.scores().set_index(pd.Index([plan.features[f] for f in part.features], name="feature")))
    frame = pd.concat(scored)
    scores = frame.drop(columns="source").groupby(level=0).mean().reindex(list(plan.features[here.start : here.stop]))
    scores["sources"] = frame.groupby(level=0)["source"].agg(", ".join)
    return Generated(block, plan.features[here.start : here.stop], values / mass, spread / mass, scores)


def _way(trained: Trained, table: str, block: str) -> tuple[str, ...]:
    """The inputs of an arrow that trains the block, all of which the table measures; its own reconstruction only where there is no other way."""
    plan, has = trained.plan, trained.data(table).blocks
    ways = []
    for p in plan.presentations:
        shown = tuple(b.name for b in plan.blocks if p.inputs[b.start : b.stop].any())
        b = plan.block(block)
        if p.outputs[b.start : b.stop].any() and all(s in has for s in shown):
            ways.append(shown)
    if not ways:
        raise ConfigError(f"no arrow leads from what {table} measures ({', '.join(has)}) to {block}. Name the inputs to go through another modality's latent.")
    return min(ways, key=lambda w: block in w)


class _Source:
    """A data set that measures the block, and its cells in the latent."""

    def __init__(self, trained: Trained, table: str, part: Part, block: str, inputs: tuple[str, ...] | None) -> None:
        trainer = trained.trainer
        self.trained, self.table, self.block, self.inputs = trained, table, block, inputs
        self.kind = trained.plan.block(block).likelihood
        self.at = part.features - trained.plan.block(block).start
        self.rows = _sample(trainer.train_rows[table], trainer.config.seed)
        self.held = trainer.validation_rows[table]
        self.truth = part.lognormalised()
        if trained.data(table).modality(block).normalise == "binary":
            self.truth.data = np.ones_like(self.truth.data)
        self.known = self.truth[self.rows]
        self.z = trained.encode(table, inputs, self.rows)[0]
        self.covariate = trained.plan.table(table).covariate

    def predict(self, z: Matrix) -> tuple[Matrix, Matrix]:
        """Values and their spread over the networks for cells z (networks, cells, latent): both (cells, features)."""
        decoded = self._units(self.trained.decode(z, self.block, self.covariate)[..., self.at])
        each = []
        for d, near in zip(decoded, (self._neighbours(zm, own) for zm, own in zip(z, self.z, strict=True)), strict=True):
            shape = (standardised(d, d) + standardised(near, near)) / 2
            each.append(shape * np.sqrt(d.std(0) * near.std(0)) + (d.mean(0) + near.mean(0)) / 2)
        stacked = np.stack(each).astype(np.float32)
        return stacked.mean(0), stacked.std(0)

    def _units(self, decoded: Matrix) -> Matrix:
        """From what the decoder gives to the units of the values."""
        if self.kind == "nb":
            rate: Matrix = np.log1p(np.exp(np.clip(decoded, -15, 10)))
            return rate
        if self.kind == "bernoulli":
            open_: Matrix = (1 / (1 + np.exp(-decoded))).astype(np.float32)
            return open_
        scaled = self.trained.trainer.rows[self.table].parts[self.block]
        out: Matrix = decoded * scaled.spread[0, 0].cpu().numpy() + scaled.shift[0, 0].cpu().numpy()
        return out

    def _neighbours(self, z: Matrix, own: Matrix) -> Matrix:
        """(cells, features) mean of the nearest cells of the source by cosine."""
        k = min(NEIGHBOURS, len(own))
        anchors, cells = unit(own).T, unit(z)
        out = np.empty((len(z), self.known.shape[1]), dtype=np.float32)
        for start in range(0, len(z), _CHUNK):
            near = np.argpartition(-(cells[start : start + _CHUNK] @ anchors), k - 1, axis=1)[:, :k]
            weights = sp.csr_matrix((np.full(near.size, 1 / k, np.float32), near.ravel(), np.arange(0, near.size + 1, k)), shape=(len(near), len(own)))
            out[start : start + _CHUNK] = (weights @ self.known).toarray()
        return out

    def scores(self) -> pd.DataFrame:
        """On the cells that no gradient saw: how well each feature is predicted, and how far off."""
        z = self.trained.encode(self.table, self.inputs, self.held)[0]
        predicted, _ = self.predict(z)
        truth = self.truth[self.held].toarray()
        residual = truth - predicted
        found = metrics(truth, predicted)[["pcc", "spearman", "rmse"]]
        return found.assign(**{_name(q): np.quantile(residual, q, axis=0) for q in QUANTILES}, source=self.table)


def _sample(rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    return rows if len(rows) <= MOST_SOURCE else np.sort(np.random.default_rng(seed).choice(rows, MOST_SOURCE, replace=False))


def _name(q: float) -> str:
    return f"q{round(100 * q):02d}"
