"""A modality that only the reference has, generated for the cells of the section; torch is imported in the thread."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...paint.values import GENERATED, CellValues

if TYPE_CHECKING:
    from ...data.dataset import Dataset
    from ...data.section import Reference, Section
    from ...training.config import Config
    from ...training.trained import Trained


@dataclass(frozen=True, eq=False)
class GeneratedFeatures:
    """What was generated.

    Attributes
    ----------
    values
        By "feature (modality)": each over the cells of the section.
    trained
        The trained plan, and `generated` what it gave: what goes into a file.
    """

    section: Section
    modality: str
    values_by_feature: dict[str, CellValues]
    trained: Any
    prediction: Any

    @property
    def best_feature(self) -> str:
        """The feature with the highest score on held-out cells of the reference."""
        return max(
            self.values_by_feature, key=lambda name: np.nan_to_num(self.values_by_feature[name].score or 0.0, nan=-1.0)
        )

    def write(self, path: Path) -> str:
        """Write all features to a file, and return a message."""
        from ...io.writers.atomic import check_output
        from ...io.writers.tasks import write_generated

        check_output(path, (".h5ad",), inputs=[p for p in (self.section.path,) if p is not None])
        write_generated(
            path,
            self.trained,
            self.trained.datasets[0].name,
            self.prediction,
            command=f"napari: generate {self.modality}",
        )
        return (
            f"{len(self.values_by_feature)} generated features of {self.modality} are in {path}, "
            "with the score of each in var."
        )


def reference_modalities(reference: Reference | None) -> tuple[str, ...]:
    """Names of the modalities of a reference; quick, without reading values."""
    from ...data.dataset import PROTEIN_OBSM_KEYS

    if reference is None:
        return ()
    if reference.path is not None and reference.path.suffix == ".h5mu":
        from ...io.readers.anndata_files import modality_names as of_file

        return tuple(of_file(reference.path))
    return ("rna", "protein") if any(key in reference.adata.obsm for key in PROTEIN_OBSM_KEYS) else ("rna",)


def as_datasets(section: Section, reference: Reference) -> tuple[Dataset, Dataset]:
    """Section and reference with all modalities.

    Raises
    ------
    DataError
        A reference whose modalities cannot be read.
    """
    from ...data.dataset import Dataset
    from ...io.readers.datasets import read_dataset

    tissue = Dataset.from_adata(section.adata, name=section.name, path=section.path)
    name = reference.name if reference.name != section.name else f"{reference.name} (reference)"
    if reference.path is not None and reference.path.suffix == ".h5mu":
        return tissue, read_dataset([reference.path], name)
    return tissue, Dataset.from_adata(reference.adata, name=name, path=reference.path)


def train_and_generate(
    section: Section,
    reference: Reference,
    config: Config,
    *,
    modality: str,
    labels: str | None = None,
    batch: str | None = None,
    checkpoint: Path | None = None,
) -> Generator[Any, None, GeneratedFeatures]:
    """Train the plan of `generate` and decode a modality: yields epochs, returns what was made.

    Raises
    ------
    InclustError
        Data sets that nothing connects; a modality that no data set measures.
    """
    from ...training.build_plan import build_plan
    from ...training.trained import train_plan

    sets = as_datasets(section, reference)
    covariates = (batch,) if batch is not None else ()
    plan = build_plan("generate", sets, covariates=covariates, labels={} if labels is None else {sets[1].name: labels})
    plan.block(modality)
    trained = yield from train_plan(plan, sets, config, checkpoint=checkpoint)
    yield replace(trained.history[-1], stage="scoring")
    return _generate_features(section, trained, modality)


def load_generated(section: Section, reference: Reference, path: Path, modality: str) -> GeneratedFeatures:
    """Generate the values of a saved plan again.

    Raises
    ------
    InclustError
        A plan that is damaged, or was trained on other data.
    """
    from ...io.runs.load import load_trained

    return _generate_features(section, load_trained(path, as_datasets(section, reference)), modality)


def _generate_features(section: Section, trained: Trained, modality: str) -> GeneratedFeatures:
    from ...multimodal.generate import generate

    tissue, reference = trained.datasets[0], trained.datasets[1]
    made = generate(trained, tissue.name, modality)
    scores = made.scores["pcc"]
    unit = (
        "share of open cells"
        if reference.modality(modality).normalisation == "binary"
        else f"log1p of normalised {modality}"
    )
    values = {
        f"{feature} ({modality})": CellValues(
            f"{feature} ({modality})", made.values[:, i], GENERATED, made.spread[:, i], float(scores.iloc[i]), unit
        )
        for i, feature in enumerate(made.features)
    }
    return GeneratedFeatures(section, modality, values, trained, made)
