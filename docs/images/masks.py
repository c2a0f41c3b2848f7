"""Draws the masks of each task: `python docs/images/masks.py [FOLDER]`. The plans are true ones, of made-up cells; masks do not depend on values."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_inclust.data.dataset import Dataset
from napari_inclust.data.panel import align
from napari_inclust.data.section import Reference, Section
from napari_inclust.paint.figures.masks import MaskDiagram, draw_masks
from napari_inclust.training.build_plan import build_imputation_plan, build_plan

CELLS = 60


def cells(genes, proteins=0, peaks=False, seed=0):
    random = np.random.default_rng(seed)
    adata = AnnData(random.poisson(1.0, (CELLS, len(genes))).astype(np.float32))
    adata.obs_names = [f"cell {i}" for i in range(CELLS)]
    adata.var_names = [f"chr1:{1000 * i}-{1000 * i + 500}" for i in range(len(genes))] if peaks else genes
    adata.obsm["spatial"] = random.uniform(0, 100, (CELLS, 2))
    if proteins:
        adata.obsm["protein_counts"] = pd.DataFrame(random.poisson(5, (CELLS, proteins)), index=adata.obs_names, columns=[f"P{i}" for i in range(proteins)])
    return adata


def names(start, stop):
    return [f"Gene{i}" for i in range(start, stop)]


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    section = Section.from_adata(cells(names(0, 180)), name="section")
    reference = Reference.from_adata(cells(names(30, 1500), seed=1), name="reference")
    plans = {"impute": build_imputation_plan(section, reference, align(section, reference), members=5, seed=0)}
    tissue, rna = Dataset.from_adata(section.adata, name="section"), Dataset.from_adata(reference.adata, name="reference")
    cite = Dataset.from_adata(cells(names(0, 1500), proteins=40, seed=2), name="CITE-seq")
    multiome = Dataset.from_modalities({"rna": cells(names(0, 1500), seed=3), "atac": cells(names(0, 1800), peaks=True, seed=4)}, name="multiome")
    plans["integrate"] = build_plan("integrate", [tissue, rna])
    plans["generate"] = build_plan("generate", [tissue, cite])
    plans["pair"] = build_plan("pair", [multiome])
    plans["bridge"] = build_plan("bridge", [cite, multiome])
    for name, plan in plans.items():
        draw_masks(MaskDiagram.from_plan(plan), title=name).savefig(folder / f"masks-{name}.png", dpi=150)


if __name__ == "__main__":
    main()
