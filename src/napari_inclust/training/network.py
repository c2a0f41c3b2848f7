"""The whole network: masked encoder, covariate arithmetic, classifier, mixture prior, decoder; several members at once.

Shapes: M members, B cells, F features shown to the encoder, G features decoded, C covariates, L latent dimensions,
K classes, H hidden units.
Source: inClust+ (Wang et al., BMC Bioinformatics 2024, 25:41) and inClust (Wang et al., Cell Reports Methods 2023).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import Config

ACTIVATIONS = {"linear": lambda x: x, "relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


class EnsembleLinear(nn.Module):
    """M affine maps at once: (M, B, n_in) -> (M, B, n_out)."""

    def __init__(self, n_networks: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_networks, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, n_out))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot uniform weights, as Keras does, and zero biases."""
        bound = math.sqrt(6 / (self.weight.shape[1] + self.weight.shape[2]))
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(M, B, n_in) -> (M, B, n_out)."""
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleLayerNorm(nn.Module):
    """Layer normalisation with a scale and shift of each member's own."""

    def __init__(self, n_networks: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_networks, 1, width))
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(M, B, width) -> (M, B, width)."""
        return functional.layer_norm(x, x.shape[-1:]) * self.weight + self.bias


class EnsembleMLP(nn.Module):
    """Hidden layers: affine, layer norm (if asked), activation."""

    def __init__(self, n_networks: int, n_in: int, widths: tuple[int, ...], layer_norm: bool, activation: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EnsembleLinear(n_networks, a, b) for a, b in zip((n_in, *widths), widths, strict=False)
        )
        self.norms = nn.ModuleList(EnsembleLayerNorm(n_networks, w) for w in widths) if layer_norm else None
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """(M, B, n_in) -> (M, B, last width)."""
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if self.norms is not None:
                x = self.norms[i](x)
            x = self.activation(x)
        return x


class EncoderOutput(NamedTuple):
    """Outputs of the encoder, each (M, B, L)."""

    mu: Tensor
    logvar: Tensor
    covariate_embedding: Tensor  # of the covariate
    z: Tensor  # free of the covariate ("minus"), or with it ("plus")


class Inclust(nn.Module):
    """M networks, trained side by side.

    Parameters
    ----------
    n_in, n_out
        Features shown to the encoder; features decoded.
    n_covariates
        Length of a covariate vector. With `shared_encoder` the covariate is a feature vector (the neighbours' mean) and
        goes through the encoder itself.
    n_classes
        Outputs of the classifier, centres of the prior; at least 1.
    with_dispersion
        Give each output a second parameter (`spread`): log-variance or log-dispersion, as its likelihood needs.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_covariates: int,
        n_classes: int,
        config: Config,
        *,
        n_networks: int,
        shared_encoder: bool = False,
        with_dispersion: bool = False,
    ) -> None:
        super().__init__()
        latent, sign = config.latent, {"minus": -1.0, "plus": 1.0}
        self.covariate_sign = sign[config.arithmetic]
        self.encoder = EnsembleMLP(n_networks, n_in, config.hidden, config.layer_norm, config.activation)
        self.mu = EnsembleLinear(n_networks, config.hidden[-1], latent)
        self.logvar = EnsembleLinear(n_networks, config.hidden[-1], latent)
        self.covariate = None if shared_encoder else EnsembleLinear(n_networks, n_covariates, latent)
        self.classifier = EnsembleLinear(n_networks, latent, n_classes)
        self.centres = nn.Parameter(torch.zeros(n_networks, n_classes, latent))
        self.decoder = EnsembleMLP(n_networks, latent, config.decoder_hidden, config.layer_norm, config.activation)
        self.head = EnsembleLinear(n_networks, config.decoder_hidden[-1], n_out)
        self.spread = nn.Parameter(torch.zeros(n_networks, 1, n_out)) if with_dispersion else None
        self.output_activation = ACTIVATIONS[config.output]

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all initial weights from one generator: the same seed gives the same network."""
        for module in self.modules():
            if isinstance(module, EnsembleLinear):
                module.reset_parameters(generator)
        nn.init.normal_(self.centres, std=0.1, generator=generator)

    def encode(self, x: Tensor, covariates: Tensor) -> EncoderOutput:
        """Encode inputs (M, B, F), already masked: `x * m_in`, with covariates (M, B, C)."""
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-10, 10)
        e = self.embed_covariates(covariates)
        return EncoderOutput(mu, logvar, e, mu + self.covariate_sign * e)

    def embed_covariates(self, covariates: Tensor) -> Tensor:
        """Covariates (M, B, C) -> their embedding in the latent (M, B, L)."""
        e: Tensor = self.mu(self.encoder(covariates)) if self.covariate is None else self.covariate(covariates)
        return e

    def decoder_activations(self, latent: Tensor) -> Tensor:
        """Last hidden layer of the decoder (M, B, H): the head is affine in it."""
        h: Tensor = self.decoder(latent)
        return h

    def decode(self, latent: Tensor) -> Tensor:
        """(M, B, L) -> (M, B, G)."""
        decoded: Tensor = self.output_activation(self.head(self.decoder_activations(latent)))
        return decoded

    def classify(self, z: Tensor) -> Tensor:
        """Logits (M, B, K)."""
        logits: Tensor = self.classifier(z)
        return logits


def mixture_kl(encoded: EncoderOutput, centres: Tensor, logits: Tensor) -> Tensor:
    """sum_k q_k KL( N(z, sd^2) || N(c_k, 1) ), mean over cells: (M,).

    The distance to every centre is expanded, so that no (M, B, K, L) tensor is made.
    """
    spread = (encoded.logvar.exp() - 1 - encoded.logvar).sum(-1)  # (M, B)
    distance = (
        encoded.z.square().sum(-1, keepdim=True)
        - 2 * encoded.z @ centres.transpose(1, 2)
        + centres.square().sum(-1).unsqueeze(1)
    )  # (M, B, K)
    return 0.5 * (spread + (logits.softmax(-1) * distance).sum(-1)).mean(-1)


def negative_entropy(logits: Tensor) -> Tensor:
    """sum_k q_k log q_k, mean over cells: (M,); smallest when q is even."""
    return (logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean(-1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the labelled cells (labels >= 0): (M,); 0 when no cell has a label."""
    known = labels >= 0
    if not bool(known.any()):
        return logits.new_zeros(len(logits))
    return -logits[:, known].log_softmax(-1)[:, torch.arange(int(known.sum())), labels[known]].mean(-1)
