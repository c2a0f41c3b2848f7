"""The network: masks that really hide, members that do not touch each other, arithmetic as published."""

from __future__ import annotations

import math

import pytest
import torch

from napari_inclust.training import network as net
from napari_inclust.training.config import Config
from napari_inclust.training.losses import squared_error

M, B, F, G, C, K = 3, 6, 10, 14, 2, 4


def build(**changes):
    config = Config.preset("balanced", latent=5, hidden=(16, 8), decoder_hidden=(12,), **changes)
    model = net.Inclust(F, G, C, K, config, n_networks=M)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def x():
    return torch.randn(M, B, F, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def covariates():
    return torch.eye(C)[torch.arange(B) % C].expand(M, -1, -1)


def test_shapes_of_every_part(x, covariates):
    model = build()
    encoded = model.encode(x, covariates)
    assert [t.shape for t in encoded] == [(M, B, 5)] * 4
    assert model.decoder_activations(encoded.mu).shape == (M, B, 12)
    assert model.decode(encoded.mu).shape == (M, B, G)
    assert model.classify(encoded.z).shape == (M, B, K)


@pytest.mark.parametrize(("arithmetic", "sign"), [("minus", -1), ("plus", 1)])
def test_the_covariate_is_taken_off_or_added_in_the_latent(x, covariates, arithmetic, sign):
    encoded = build(arithmetic=arithmetic).encode(x, covariates)
    assert encoded.covariate_embedding.abs().sum() > 0
    torch.testing.assert_close(encoded.z, encoded.mu + sign * encoded.covariate_embedding)


def test_a_shared_encoder_embeds_a_covariate_that_is_a_feature_vector(x):
    config = Config.preset("balanced", latent=5, hidden=(16, 8), decoder_hidden=(12,), arithmetic="plus")
    model = net.Inclust(F, G, F, K, config, n_networks=M, shared_encoder=True)
    model.reset_parameters(torch.Generator().manual_seed(0))
    encoded = model.encode(x, x)
    torch.testing.assert_close(encoded.z, 2 * encoded.mu)


def test_members_do_not_touch_each_other(x, covariates):
    model = build()
    changed = x.clone()
    changed[1] += 5
    before, after = (model.decode(model.encode(v, covariates).mu) for v in (x, changed))
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])


def test_the_same_seed_gives_the_same_weights_and_members_differ():
    a, b = build(), build()
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.encoder.layers[0].weight[0], a.encoder.layers[0].weight[1])


def test_reconstruction_sees_only_what_the_output_mask_shows():
    x, x_hat, mask = torch.zeros(M, B, G), torch.ones(M, B, G), torch.zeros(M, 1, G)
    mask[:, :, :3] = 1
    assert squared_error(x, x_hat, mask).tolist() == pytest.approx([0.5 * 3] * M)


def test_mixture_kl_equals_the_definition_written_out(x, covariates):
    model = build()
    encoded = model.encode(x, covariates)
    logits = model.classify(encoded.z)
    expected = 0.0
    for k in range(K):
        prior = torch.distributions.Normal(model.centres[:, k].unsqueeze(1), 1.0)
        posterior = torch.distributions.Normal(encoded.z, (0.5 * encoded.logvar).exp())
        expected = expected + logits.softmax(-1)[..., k] * torch.distributions.kl_divergence(posterior, prior).sum(-1)
    torch.testing.assert_close(net.mixture_kl(encoded, model.centres, logits), expected.mean(-1))


def test_cross_entropy_counts_labelled_cells_alone_and_is_zero_without_any():
    logits = torch.zeros(M, B, K)
    logits[:, 1:] = torch.tensor([50.0, 0, 0, 0])
    labels = torch.tensor([2, -1, -1, -1, -1, -1])
    assert net.cross_entropy(logits, labels).tolist() == pytest.approx([math.log(K)] * M)
    assert net.cross_entropy(logits, torch.full((B,), -1)).tolist() == [0.0] * M


def test_entropy_is_smallest_when_the_classes_are_even():
    even, certain = torch.zeros(M, B, K), torch.zeros(M, B, K)
    certain[..., 0] = 100
    assert net.negative_entropy(even).tolist() == pytest.approx([-math.log(K)] * M)
    assert net.negative_entropy(certain).tolist() == pytest.approx([0] * M, abs=1e-4)
