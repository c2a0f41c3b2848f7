"""Whether a reference fits a section, before anything is trained: genes that disagree, kinds of cells that one side lacks, depth, likely another tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.obs import label_codes
from ..evaluation.metrics import zscore
from ..training.plan import check_cell_count
from .pair_evidence import Matrix, TypeCodes, compare_cell_types, correlation_agreement
from .sanity import SanityGenes, check_sanity_genes

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..data.section import Reference, Section

TrafficLight = Literal["green", "amber", "red"]
TRAFFIC_LIGHTS: tuple[TrafficLight, ...] = ("green", "amber", "red")
SIDES = ("section", "reference")
MAX_SAMPLE_CELLS = 4000  # cells of each side that are looked at
CLIP_SD = 4.0  # standard deviations at which a value is cut

# Where the lights change; docs/benchmarks.md tells what real pairs and made-up mismatches give.
MIN_SHARED_GENES, MIN_CELLS_PER_SIDE = 30, 200
CORRELATION_LIMITS: dict[TrafficLight, float] = {"red": 0.1, "amber": 0.3}
MIN_GENE_AGREEMENT, MAX_DISAGREEING_SHARE = 0.15, 0.15
MIN_DETECTED_GENES = 5  # detected shared genes
LOW_DEPTH_LIMITS: dict[TrafficLight, float] = {"amber": 0.25, "red": 0.75}
UNDETECTED_SHARE, DETECTED_SHARE, MAX_UNDETECTED_GENE_SHARE = (
    0.002,
    0.02,
    0.1,
)  # share of cells that express a gene: of the side that hardly does, of the other; share of such genes
UNKNOWN_CELL_LIMITS: dict[TrafficLight, float] = {"amber": 0.1, "red": 0.6}
MAX_MISSING_CELL_SHARE = 0.05  # share of cells without a counterpart


@dataclass(frozen=True)
class CheckFinding:
    """One finding.

    Attributes
    ----------
    light
        "green", "amber" or "red".
    what
        What was looked at, in a few words.
    found
        The number, in a sentence.
    todo
        What to do; "" where nothing is to be done.
    """

    light: TrafficLight
    what: str
    found: str
    todo: str = ""


@dataclass(frozen=True, eq=False)
class ReferenceCheck:
    """What is known of a pair before training.

    Attributes
    ----------
    light
        The worst of the reasons.
    reasons
        Every finding, the worst first.
    table
        One row a shared gene: `agreement` (of its correlations with the other shared genes, section against reference, corrected for noise; NaN where a gene
        is too noisy to tell), `detected_section`, `detected_reference` (shares of cells), `reliable`, `finding` ("disagrees", "silent in the reference",
        "silent in the section" or "").
    groups
        One row a group of the section's cells (its labels where they were named, else clusters): `share` of the cells, `nearest` type of the reference,
        `resemblance` (correlation with it), `chance` (what a wrong type reaches), `lack` (0 to 1: how much less of what sets it apart varies in the reference than
        of the median cell's group), `typical` (its most typical genes), `finding` ("unknown": no more than chance; "missing": without a counterpart, by its
        lack; "doubtful": resembles far less than the other groups; "cannot tell": too few genes; or "").
    types
        One row a type of the reference: `resemblance` to the most similar group of the section, `found` (nearest to a group that is not unknown).
    sanity
        Sex genes and controls.
    """

    light: TrafficLight
    findings: tuple[CheckFinding, ...]
    table: pd.DataFrame
    groups: pd.DataFrame
    types: pd.DataFrame
    sanity: SanityGenes

    @property
    def summary(self) -> str:
        """All in one line."""
        wrong = [f"{r.what}: {r.found}" for r in self.findings if r.light != "green"]
        return f"reference check: {self.light}" + (
            f" ({'; '.join(wrong)})" if wrong else " (nothing speaks against this pair)"
        )


def check_reference(
    section: Section,
    reference: Reference,
    panel: Panel,
    *,
    labels: str | None = None,
    section_labels: str | None = None,
    seed: int = 0,
) -> ReferenceCheck:
    """Compare a section with a reference over their shared genes; seconds, no training.

    Parameters
    ----------
    labels, section_labels
        Columns of obs with cell types: of the reference, of the section. Without them clusters stand in for types.

    Raises
    ------
    DataError
        Too few cells to train, unknown columns, or fewer than two classes.
    """
    for data in (section, reference):
        check_cell_count(data.name, data.n_cells)
    random = np.random.default_rng(seed)
    n = panel.n_shared
    rows = [np.sort(random.permutation(d.n_cells)[:MAX_SAMPLE_CELLS]) for d in (section, reference)]
    coded = [_type_codes(d, key, r) for d, key, r in ((section, section_labels, rows[0]), (reference, labels, rows[1]))]
    raw = [
        d.matrix[r][:, c[:n]]
        for d, r, c in zip((section, reference), rows, (panel.target_columns, panel.reference_columns), strict=True)
    ]
    ours, theirs = (
        val.lognormalise(m, d.values.kind).toarray() for m, d in zip(raw, (section, reference), strict=True)
    )
    detected = [np.asarray((m > 0).mean(0)).ravel() for m in raw]
    constant = {
        side: [g for g, flat in zip(panel.shared, np.ptp(m.toarray(), axis=0) == 0, strict=True) if flat]
        for side, m in zip(SIDES, raw, strict=True)
    }
    agreement, overall = correlation_agreement(ours, theirs, random)
    table = _gene_table(panel, agreement, detected)
    z = [np.clip(zscore(a), -CLIP_SD, CLIP_SD) for a in (ours, theirs)]
    groups, types = compare_cell_types(z[0], z[1], coded[0], coded[1], panel.shared, seed)
    sane = check_sanity_genes(section, reference, panel)
    reasons = [
        _check_size(section, reference, panel), _check_correlations(overall), _check_disagreeing_genes(table), _check_undetected_genes(table), _check_constant_genes(constant, n), _check_depth(raw[0], "section"), _check_depth(raw[1], "reference"),
        _check_cell_types(groups, section.n_cells, section_labels is not None), _check_reference_types(types, labels is not None), _check_sanity_genes(sane),
    ]  # fmt: skip
    found = sorted((r for r in reasons if r is not None), key=lambda r: -TRAFFIC_LIGHTS.index(r.light))
    return ReferenceCheck(found[0].light, tuple(found), table, groups, types, sane)


def _gene_table(panel: Panel, agreement: Matrix, detected: list[Matrix]) -> pd.DataFrame:
    section, reference = detected
    finding = np.where(agreement < MIN_GENE_AGREEMENT, "disagrees", "")
    finding = np.where((reference < UNDETECTED_SHARE) & (section > DETECTED_SHARE), "silent in the reference", finding)
    finding = np.where((section < UNDETECTED_SHARE) & (reference > DETECTED_SHARE), "silent in the section", finding)
    columns = {
        "agreement": agreement,
        "detected_section": section,
        "detected_reference": reference,
        "reliable": np.isfinite(agreement),
        "finding": finding,
    }
    return pd.DataFrame(columns, index=pd.Index(panel.shared, name="gene"))


def _type_codes(data: Reference, key: str | None, rows: NDArray[np.intp]) -> TypeCodes:
    """Names and codes of the types of some cells; none without a column."""
    if key is None:
        return (), np.full(len(rows), -1, dtype=np.intp)
    names, codes = label_codes(data, key)
    return names, codes[rows]


def _join_names(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _light_for(value: float, limits: dict[TrafficLight, float]) -> TrafficLight:
    """The light of a share that should be small."""
    return "red" if value > limits["red"] else "amber" if value > limits["amber"] else "green"


def _check_size(section: Section, reference: Reference, panel: Panel) -> CheckFinding:
    found = f"{panel.n_shared} shared genes, {section.n_cells:,} and {reference.n_cells:,} cells"
    if panel.n_shared < MIN_SHARED_GENES:
        return CheckFinding(
            "amber",
            "few shared genes",
            found,
            f"with fewer than {MIN_SHARED_GENES} little can be learnt or checked; look for a reference with more of the panel's genes.",
        )
    if min(section.n_cells, reference.n_cells) < MIN_CELLS_PER_SIDE:
        return CheckFinding(
            "amber",
            "few cells",
            found,
            f"with fewer than {MIN_CELLS_PER_SIDE} cells on a side the scores are unsure; add cells if there are more.",
        )
    return CheckFinding("green", "size", found)


def _check_correlations(agreement: float) -> CheckFinding:
    found = f"the shared genes' correlations with each other agree by {agreement:.2f} (1: as well as noise allows; 0: unrelated)"
    if agreement < CORRELATION_LIMITS["red"]:
        todo = "this looks like another tissue or species, gene names are mixed up, or most kinds of cells are missing; do not impute from this reference."
        return CheckFinding("red", "another tissue?", found, todo)
    if agreement < CORRELATION_LIMITS["amber"]:
        todo = "this looks like another region of the tissue, or a very shallow reference; look for a nearer one, and believe held-out scores alone."
        return CheckFinding("amber", "another region?", found, todo)
    return CheckFinding("green", "gene correlations", found)


def _check_disagreeing_genes(table: pd.DataFrame) -> CheckFinding:
    wrong = table.index[table["finding"] == "disagrees"].tolist()
    told = int(table["reliable"].sum())
    if not wrong:
        return CheckFinding("green", "disagreeing genes", f"none of the {told} genes that are clear enough to tell")
    worst = table.loc[wrong, "agreement"].sort_values().index.tolist()
    found = f"{len(wrong)} of the {told} genes that are clear enough to tell behave differently in the two sets ({_join_names(worst)})"
    todo = "they may be other transcripts or unspecific probes; leave them out if their held-out scores are poor too."
    return CheckFinding(
        "amber" if len(wrong) > MAX_DISAGREEING_SHARE * max(told, 1) else "green", "disagreeing genes", found, todo
    )


def _check_undetected_genes(table: pd.DataFrame) -> CheckFinding | None:
    parts = {
        side: table.index[table["finding"] == f"silent in the {side}"].tolist() for side in ("reference", "section")
    }
    total = sum(map(len, parts.values()))
    if not total:
        return None
    found = "; ".join(
        f"{len(g)} silent in the {side} but not in the other ({_join_names(g)})" for side, g in parts.items() if g
    )
    todo = "a probe that failed, or a gene that one side cannot see: its imputed values would be wrong."
    return CheckFinding(
        "amber" if total > MAX_UNDETECTED_GENE_SHARE * len(table) else "green", "silent genes", found, todo
    )


def _check_constant_genes(genes: dict[str, list[str]], n: int) -> CheckFinding | None:
    """Genes that do not vary: nothing can be learnt from them, and their score is 0 whatever is predicted."""
    found = "; ".join(f"{len(names)} in the {side} ({_join_names(names)})" for side, names in genes.items() if names)
    if not found:
        return None
    many = max(map(len, genes.values())) > MAX_UNDETECTED_GENE_SHARE * n
    return CheckFinding(
        "amber" if many else "green",
        "constant genes",
        found,
        "they cannot be scored (0 stands in the table) and teach nothing; leave them out.",
    )


def _check_depth(matrix: Any, side: str) -> CheckFinding:
    seen = np.diff(matrix.indptr)
    few = min(MIN_DETECTED_GENES, matrix.shape[1] // 3)
    share = float((seen < few).mean())
    found = f"median cell: {np.median(seen):.0f} of {matrix.shape[1]} shared genes detected, sum {np.median(val.library_size(matrix)):.0f}; {share:.0%} of cells have fewer than {few}"
    light = _light_for(share, LOW_DEPTH_LIMITS)
    return CheckFinding(
        light,
        f"depth of the {side}",
        found,
        ""
        if light == "green"
        else f"such cells cannot be placed; filter them out of the {side}, or find a deeper one.",
    )


def _check_cell_types(groups: pd.DataFrame, n_cells: int, labelled: bool) -> CheckFinding:
    what = "types" if labelled else "clusters"
    share = {
        f: float(groups.loc[groups["finding"] == f, "share"].sum())
        for f in ("unknown", "missing", "doubtful", "cannot tell")
    }
    parts = {
        "unknown": "resemble no type of the reference more than chance",
        "missing": "have no counterpart in the reference, where what sets them apart does not vary",
        "doubtful": "resemble their nearest type far less than the others do",
    }
    told = [
        f"{share[f]:.0%} of the section's cells (about {share[f] * n_cells:,.0f}) {said}: {_join_names([_describe_group(g, row) for g, row in groups[groups['finding'] == f].iterrows()], 3)}"
        for f, said in parts.items()
        if share[f] > 0
    ]
    if share["cannot tell"] > 0:
        told.append(f"of {share['cannot tell']:.0%} of the section's cells the panel is too small to tell")
    if not told:
        return CheckFinding(
            "green", "kinds of cells", f"all {len(groups)} {what} of the section resemble a type of the reference"
        )
    doubts = share["doubtful"] > UNKNOWN_CELL_LIMITS["amber"] or share["missing"] > MAX_MISSING_CELL_SHARE
    light = TRAFFIC_LIGHTS[
        max(
            TRAFFIC_LIGHTS.index(_light_for(share["unknown"], UNKNOWN_CELL_LIMITS)),
            TRAFFIC_LIGHTS.index("amber" if doubts else "green"),
        )
    ]
    todo = "add a reference that has them, or leave those cells out of conclusions; low trust marks them."
    return CheckFinding(light, "kinds of cells", "; ".join(told), todo if light != "green" else "")


def _describe_group(group: object, row: pd.Series) -> str:
    return f"{group} (nearest {row['nearest']}; typical {row['typical']})"


def _check_reference_types(types: pd.DataFrame, labelled: bool) -> CheckFinding | None:
    """Harmless: a reference may have more than the section."""
    missing = types.index[~types["found"]].tolist()
    if not labelled:
        return CheckFinding(
            "green", "types of the reference", "not labelled: types that only the reference has cannot be named"
        )
    return (
        CheckFinding(
            "green",
            "types not seen in the section",
            f"{len(missing)} of {len(types)} types of the reference ({_join_names(missing)})",
        )
        if missing
        else None
    )


def _check_sanity_genes(result: SanityGenes) -> CheckFinding | None:
    if not result.note:
        return None
    todo = "imputed sex genes and what goes with them will be those of the other sex." if result.sexes_differ else ""
    return CheckFinding("amber" if result.sexes_differ else "green", "sanity genes", result.note, todo)
