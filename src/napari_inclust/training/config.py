"""Frozen settings of a run.

Each field carries its help, unit and range: the forms, the command line and the checks are built from them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..utils.settings import check_settings, setting


@dataclass(frozen=True)
class Config:
    """All settings of a run; `Config.preset(name)` gives a named set, keyword arguments change single settings.

    Raises
    ------
    ConfigError
        A value out of its range, with the range.
    """

    # training
    members: int = setting(
        5,
        "Networks trained at once; each hides one fold of the shared genes, which scores them",
        low=2,
        high=50,
        unit="networks",
    )
    epochs: int = setting(15, "Epochs at most", low=1, high=10_000, unit="epochs")
    steps: int = setting(20, "Gradient steps in an epoch", low=1, high=100_000, unit="steps")
    batch: int = setting(128, "Cells of each data set in a step", low=8, high=100_000, unit="cells")
    learning_rate: float = setting(8e-3, "Learning rate of AdamW: its peak with one cycle", low=1e-6, high=1.0)
    schedule: str = setting(
        "one-cycle",
        "How the learning rate goes: up and down in one cycle, or constant (as published)",
        choices=("one-cycle", "constant"),
    )
    weight_decay: float = setting(1e-4, "Weight decay of AdamW", low=0.0, high=1.0)
    patience: int = setting(
        10, "Epochs without a better validation loss before training stops early", low=1, high=10_000, unit="epochs"
    )
    keep: str = setting(
        "best",
        "Weights that are kept: of the epoch with the best validation loss, or the last (as published)",
        choices=("best", "last"),
    )
    seed: int = setting(
        0, "Seed of everything random: the same seed gives the same result on one machine", low=0, high=2**31 - 1
    )
    device: str = setting("auto", "Where to compute", choices=("auto", "cpu", "cuda", "mps"))
    threads: int = setting(0, "CPU threads; 0 leaves one core free", low=0, high=256, unit="threads")
    # network
    latent: int = setting(32, "Dimensions of the latent space", low=2, high=512, unit="dimensions")
    hidden: tuple[int, ...] = setting((128, 128), "Width of each encoder layer", low=4, high=4096, unit="units")
    decoder_hidden: tuple[int, ...] = setting((128,), "Width of each decoder layer", low=4, high=4096, unit="units")
    activation: str = setting("relu", "Activation of the hidden layers", choices=("relu", "tanh"))
    layer_norm: bool = setting(True, "Layer normalisation in hidden layers")
    output: str = setting("linear", "Last activation of the decoder", choices=("linear", "relu", "sigmoid", "tanh"))
    arithmetic: str = setting(
        "minus",
        "How the covariate acts on the latent: minus removes it, plus adds it (spatial domains)",
        choices=("minus", "plus"),
    )
    # loss
    kl_weights: tuple[float, ...] = setting(
        (0.2,),
        "Weights of the mixture prior (KL), reached over the first 30 % of the steps; "
        "one set of members is trained for each",
        low=0.0,
        high=1000.0,
    )
    label_weight: float = setting(
        10.0, "Weight of the label term (cross-entropy) where labels are given", low=0.0, high=1000.0
    )
    entropy_weight: float = setting(
        1.0, "Weight of the entropy of the classes when nothing is labelled", low=0.0, high=1000.0
    )
    align_weight: float = setting(
        0.0,
        "Weight of unbalanced optimal transport between the latents of the data sets; "
        "0: the covariate arithmetic alone aligns them",
        low=0.0,
        high=1000.0,
    )
    reconstruction_weight: float = setting(1.0, "Weight of the reconstruction", low=0.0, high=1000.0)
    # masks and noise
    mask_input: bool = setting(
        True, "Hide each fold from the encoder in the reference too (the published code does not)"
    )
    masking: float = setting(0.5, "Highest fraction of the input genes hidden at random in a step", low=0.0, high=0.95)
    noise: float = setting(0.0, "Noise on the input, in standard deviations of the gene", low=0.0, high=5.0, unit="sd")
    clip: float = setting(3.0, "Largest absolute scaled value that the network sees", low=0.5, high=1e6, unit="sd")
    components: int = setting(
        30,
        "Principal components of the whole reference that the network learns beside the shared genes",
        low=1,
        high=500,
        unit="components",
    )
    # reading out
    scale: str = setting(
        "zscore",
        "Scale of each gene in training: z-scores within each data set, or values divided by the largest",
        choices=("zscore", "max"),
    )
    decode: str = setting(
        "mean", "Decode the posterior mean, or one random sample as published", choices=("mean", "sample")
    )
    switch_covariate: bool = setting(
        True, "Decode with the reference's covariate (the target's was never trained for unmeasured genes)"
    )
    readouts: tuple[str, ...] = setting(
        ("genes", "cells", "latent", "decoder"),
        "Predictors that are blended: a process over genes, attention to reference cells by their genes, and in the "
        "latent, the decoder; or the decoder's own head alone, as published",
        choices=("genes", "cells", "latent", "decoder", "head"),
    )
    name: str = setting("balanced", "Preset that these settings started from")

    def __post_init__(self) -> None:
        """Check every value against its choices or range."""
        check_settings(self)
        if not self.hidden or not self.decoder_hidden or not self.readouts:
            raise ConfigError("hidden, decoder_hidden and readouts need at least one entry each.")

    @classmethod
    def preset(cls, name: str = "balanced", **changes: Any) -> Config:
        """Return a named set of settings, with single settings changed.

        Raises
        ------
        ConfigError
            An unknown preset or setting.
        """
        if name not in PRESETS:
            raise ConfigError(f"unknown preset {name!r}; expected one of {', '.join(PRESETS)}.")
        return cls(name=name, **PRESETS[name]["settings"]).replace(**changes)

    @classmethod
    def from_toml(cls, path: str | Path, preset: str | None = None, **changes: Any) -> Config:
        """Read settings from a TOML file: `preset = "fast"` and any of the fields; arguments override the file.

        Raises
        ------
        ConfigError
            A file that is missing or not TOML, an unknown setting, a value of the wrong type.
        """
        try:
            text = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the settings file {path}: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not a TOML file: {error}.") from None
        written = str(text.pop("preset", "balanced"))
        base = cls.preset(preset or written)
        return base.replace(**text).replace(**changes)

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some settings changed; lists become tuples, and whole numbers floats where needed."""
        known = {f.name: f for f in dataclasses.fields(self)}
        for key, value in changes.items():
            if key not in known:
                raise ConfigError(f"unknown setting {key!r}; expected one of {', '.join(known)}.")
            now = getattr(self, key)
            if isinstance(now, tuple) and isinstance(value, list):
                value = tuple(value)
            if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not type(now):
                raise ConfigError(f"{key} is {value!r}; expected a value like {now!r}.")
            changes[key] = value
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and TOML."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"help": "A first look: fewer steps.", "settings": {"epochs": 8}},
    "balanced": {"help": "The default.", "settings": {}},
    "thorough": {"help": "Twice the members and steps.", "settings": {"members": 10, "epochs": 30}},
    "as-published": {
        "help": "The published method, its defects included: unmasked input, one random sample, the target's own "
        "covariate, published sizes and weights.",
        "settings": {
            "epochs": 50,
            "steps": 95,
            "batch": 500,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "keep": "last",
            "weight_decay": 0.0,
            "latent": 50,
            "hidden": (200, 50),
            "decoder_hidden": (200,),
            "layer_norm": False,
            "output": "sigmoid",
            "kl_weights": (1.0,),
            "label_weight": 50.0,
            "reconstruction_weight": 5.0,
            "mask_input": False,
            "masking": 0.0,
            "noise": 0.0,
            "clip": 1e6,
            "scale": "max",
            "decode": "sample",
            "switch_covariate": False,
            "readouts": ("head",),
            "patience": 50,
        },
    },
}
