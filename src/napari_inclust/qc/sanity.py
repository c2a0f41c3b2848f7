"""Sanity genes: genes of one sex, and control probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..data.section import Reference

# Transcribed from the inactive X chromosome (Tukiainen et al., Nature 2017, 550:244), and single-copy genes of the Y
# chromosome (Bellott et al., Nature 2014, 508:494).
FEMALE_GENES = ("xist", "tsix")
MALE_GENES = ("ddx3y", "uty", "eif2s3y", "kdm5d", "usp9y", "rps4y1", "eif1ay", "zfy", "sry", "nlgn4y", "tmsb4y")
MIN_EXPRESSED_SHARE = 0.02  # share of cells above which a sex gene counts as expressed
MIN_CELLS_FOR_SEX = 50


@dataclass(frozen=True)
class SanityGenes:
    """Sex genes of a section and a reference, and the section's control probes.

    Attributes
    ----------
    sex_genes
        Genes of one sex that either data set has.
    section_sex, reference_sex
        "female", "male", "both", or "" where the genes do not decide.
    controls
        Blank and negative-control probes of the section: never imputed.
    note
        One sentence for the user; "" where there is nothing to report.
    """

    sex_genes: tuple[str, ...]
    section_sex: str
    reference_sex: str
    controls: tuple[str, ...]
    note: str

    @property
    def sexes_differ(self) -> bool:
        """Whether section and reference are of different sexes."""
        return {self.section_sex, self.reference_sex} == {"female", "male"}


def is_sex_gene(gene: str) -> bool:
    """Return whether a gene (human or mouse symbol) is expressed in one sex only."""
    return gene.lower() in FEMALE_GENES or gene.lower() in MALE_GENES


def check_sanity_genes(section: Reference, reference: Reference, panel: Panel) -> SanityGenes:
    """Find the sex genes of both sides and the control probes of the section."""
    sex_genes = tuple(g for g in panel.genes if is_sex_gene(g))
    section_sex, reference_sex = _infer_sex(section), _infer_sex(reference)
    remarks = []
    imputed = [g for g in panel.reference_only if is_sex_gene(g)]
    if section_sex and reference_sex:
        remarks.append(f"by their sex genes the section is {section_sex}, the reference {reference_sex}")
    elif reference_sex:
        remarks.append(f"by its sex genes the reference is {reference_sex}")
    if imputed:
        remarks.append(f"imputed {', '.join(imputed)} show the sex of the reference, not of the section")
    if panel.controls:
        one = len(panel.controls) == 1
        remarks.append(
            f"{len(panel.controls)} control probe{'' if one else 's'} ({panel.controls[0]}{'' if one else ', ...'}) "
            "never imputed"
        )
    return SanityGenes(sex_genes, section_sex, reference_sex, panel.controls, "; ".join(remarks))


def _infer_sex(data: Reference) -> str:
    """Sex by the share of cells that express the genes of each; "" without such genes, or where none is expressed."""
    names = [g.lower() for g in data.genes]
    if data.n_cells < MIN_CELLS_FOR_SEX:
        return ""

    def expressed(genes: tuple[str, ...]) -> bool:
        columns = [i for i, g in enumerate(names) if g in genes and g != "tsix"]
        return (
            bool(columns)
            and float((np.asarray(data.matrix[:, columns].sum(1)).ravel() > 0).mean()) > MIN_EXPRESSED_SHARE
        )

    female, male = expressed(FEMALE_GENES), expressed(MALE_GENES)
    return "both" if female and male else "female" if female else "male" if male else ""
