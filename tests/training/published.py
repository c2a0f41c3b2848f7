"""The published Keras weights (HDF5) in our network."""

from __future__ import annotations

from pathlib import Path

import h5py
import torch

from napari_inclust.training.config import Config
from napari_inclust.training.network import EnsembleLinear, Inclust

MERFISH = {
    "encoder.layers.0": "model_1/dense_1", "encoder.layers.1": "model_1/dense_2", "mu": "model_1/dense_3", "logvar": "model_1/dense_4",
    "covariate": "dense_5", "decoder.layers.0": "model_2/dense_6", "head": "model_2/dense_7", "classifier": "model_3/dense_8",
}  # fmt: skip
DOMAINS = {
    "encoder.layers.0": "model_1/dense_1", "encoder.layers.1": "model_1/dense_2", "mu": "model_1/dense_3", "logvar": "model_1/dense_4",
    "decoder.layers.0": "model_3/dense_5", "head": "model_3/dense_6", "classifier": "model_4/dense_7",
}  # fmt: skip


def load(path: Path, layers: dict[str, str], config: Config, **network: object) -> Inclust:
    """Build the network that the file's shapes ask for and copy every array into it."""
    with h5py.File(path) as file:
        arrays = {
            name: (
                torch.from_numpy(_find_images(file, at, "kernel:0")),
                torch.from_numpy(_find_images(file, at, "bias:0")),
            )
            for name, at in layers.items()
        }
        centres = torch.from_numpy(file["gaussian_1/gaussian_1/mean:0"][()])
    n_in, n_out = arrays["encoder.layers.0"][0].shape[0], arrays["head"][0].shape[1]
    n_covariates = arrays["covariate"][0].shape[0] if "covariate" in arrays else n_in
    model = Inclust(n_in, n_out, n_covariates, len(centres), config, n_networks=1, **network)
    for name, (kernel, bias) in arrays.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, EnsembleLinear)
        assert layer.weight.shape[1:] == kernel.shape
        layer.weight.data[0], layer.bias.data[0, 0] = kernel, bias
    model.centres.data[0] = centres
    return model.eval()


def _find_images(file: h5py.File, at: str, what: str):
    group, _, layer = at.rpartition("/")
    return file[f"{group}/{layer}/{what}" if group else f"{layer}/{layer}/{what}"][()]
