"""The published weights in our network give the published figures."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from napari_inclust.training.config import Config
from napari_inclust.training.loop import run_epochs
from napari_inclust.training.plan import Block, Plan, Presentation
from napari_inclust.training.table import MeasuredBlock, Table
from napari_inclust.training.trainer import Trainer

from . import published


@pytest.fixture(scope="module")
def merfish(shared):
    """Their scRNA matrix (30,370 x 153), labels, held-out genes, and their weights in our network."""
    folder = shared / "reference"
    with np.load(folder / "merfish_scRNA_inputdata1.npz", allow_pickle=False) as z:
        x = sp.csr_matrix((z["data"], z["indices"], z["indptr"]), shape=tuple(z["shape"])).toarray()
    labels = np.load(folder / "merfish_input_cell_types.npy")[: len(x)]
    held_out = np.load(folder / "merfish_imputation_index.npy")
    model = published.load(folder / "merfish_training.weight.h5", published.MERFISH, Config.preset("as-published"))
    return torch.from_numpy(x)[None], labels, held_out, model


def _apply_decoder(model, x):
    covariates = torch.zeros(1, x.shape[1], 2)
    covariates[..., 0] = 1  # the reference's
    return model.encode(x, covariates)


@torch.no_grad()
def test_published_imputation_weights_give_the_published_reconstruction_error(merfish):
    x, _, _, model = merfish
    encoded = _apply_decoder(model, x)
    assert ((x - model.decode(encoded.mu)) ** 2).mean().item() == pytest.approx(0.01369, abs=1e-5)

    random = torch.Generator().manual_seed(0)
    samples = [
        model.decode(encoded.mu + torch.randn(encoded.mu.shape, generator=random) * (0.5 * encoded.logvar).exp())
        for _ in range(20)
    ]
    assert ((x - samples[0]) ** 2).mean().item() == pytest.approx(0.01427, abs=2e-5)
    assert ((x - sum(samples) / 20) ** 2).mean().item() == pytest.approx(0.01373, abs=2e-5)


@torch.no_grad()
def test_published_classifier_reaches_the_published_accuracy(merfish):
    x, labels, held_out, model = merfish
    for shown, accuracy in ((x, 0.999), (x.index_fill(2, torch.from_numpy(held_out).long(), 0), 0.940)):
        called = model.classify(_apply_decoder(model, shown).z)[0].argmax(1).numpy()
        assert (called == labels).mean() == pytest.approx(accuracy, abs=1e-3)


def test_training_as_published_reaches_the_published_reconstruction_error(merfish):
    """On their scRNA rows alone, with their labels; theirs is 50 epochs of 47,371 cells, the section's among them."""
    x, labels, _, _ = merfish
    cells, genes = x.shape[1:]
    everything = np.ones(genes, dtype=bool)
    covariates = np.tile(np.array([[1, 0]], dtype=np.float32), (cells, 1))
    part = MeasuredBlock("genes", x[0].numpy(), np.arange(genes), prescaled=True)
    plan = Plan(
        task="as published",
        blocks=(Block("genes", 0, genes),),
        features=tuple(f"gene {i}" for i in range(genes)),
        tables=(Table("reference", (part,), covariates, labels.astype(np.intp)),),
        presentations=(Presentation("reference", everything, everything),),
        hidden_features=np.zeros((1, genes), dtype=bool),
        classes=tuple(f"type {i}" for i in range(labels.max() + 1)),
        covariates=("reference", "section"),
        decode_as="reference",
    )
    trainer = Trainer(plan, Config.preset("as-published", device="cpu"))
    epochs = list(run_epochs(trainer, lambda: None))
    assert [e.number for e in epochs if e.stage == "training"] == list(range(1, 51))
    with torch.no_grad():
        encoded = _apply_decoder(trainer.model, x)
        assert ((x - trainer.model.decode(encoded.mu)) ** 2).mean().item() < 1.03 * 0.01369
        assert (trainer.model.classify(encoded.z)[0].argmax(1).numpy() == labels).mean() > 0.99


@torch.no_grad()
def test_published_domain_weights_give_every_published_cluster(shared):
    folder = shared / "reference"
    pcs, neighbours, clusters = (np.load(folder / f"Fig7_{name}.npy") for name in ("10X", "10X_neighbor", "inClust"))
    config = Config.preset("as-published", arithmetic="plus", output="tanh", activation="tanh")
    model = published.load(folder / "Fig7_10X_demo.weight.h5", published.DOMAINS, config, shared_encoder=True)
    encoded = model.encode(torch.from_numpy(pcs).float()[None], torch.from_numpy(neighbours).float()[None])
    assert len(pcs) == 3284
    assert np.array_equal(model.classify(encoded.z)[0].argmax(1).numpy(), clusters.ravel())
