"""Check before training of whether a reference fits a section: genes, cell types, depth, tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.normalize import library_size, lognormalise
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
MAX_SAMPLE_CELLS = 4000  # of each side that are examined
CLIP_SD = 4.0  # standard deviations at which z-scores are clipped

# Thresholds of the lights; docs/benchmarks.md has the values of real pairs and of simulated mismatches.
FEW_SHARED_GENES, FEW_CELLS = 30, 200  # below: amber
CORRELATION_LIMITS: dict[TrafficLight, float] = {"red": 0.1, "amber": 0.3}  # agreement below
MIN_GENE_AGREEMENT = 0.15  # of a gene; below, it disagrees
MAX_DISAGREEING_SHARE = 0.15  # of the reliable genes; above: amber
MIN_DETECTED_GENES = 5  # shared genes detected in a cell; below, it is shallow
LOW_DEPTH_LIMITS: dict[TrafficLight, float] = {"amber": 0.25, "red": 0.75}  # share of shallow cells above
UNDETECTED_SHARE, DETECTED_SHARE = 0.002, 0.02  # of cells that express a gene: below on one side, above on the other
MAX_UNDETECTED_GENE_SHARE = 0.1  # of such genes; above: amber
UNKNOWN_CELL_LIMITS: dict[TrafficLight, float] = {"amber": 0.1, "red": 0.6}  # share of cells of unknown groups above
MAX_MISSING_CELL_SHARE = 0.05  # of cells of groups without a counterpart; above: amber


@dataclass(frozen=True)
class CheckFinding:
    """One finding.

    Attributes
    ----------
    light
        "green", "amber" or "red".
    what
        Subject of the check, in a few words.
    found
        The result with its numbers, in a sentence.
    todo
        Advice; "" where nothing need be done.
    """

    light: TrafficLight
    what: str
    found: str
    todo: str = ""


@dataclass(frozen=True, eq=False)
class ReferenceCheck:
    """Result of comparing a section with a reference.

    Attributes
    ----------
    light
        The worst of the findings.
    findings
        The worst first.
    table
        One row a shared gene: `agreement` (of its correlations with the other shared genes, section against reference,
        corrected for noise; NaN for an unreliable gene), `detected_section`, `detected_reference` (shares of cells),
        `reliable`, `finding` ("disagrees", "silent in the reference", "silent in the section" or "").
    groups
        One row a group of the section's cells (its labels where named, else clusters): `share` of the cells, `nearest`
        type of the reference, `resemblance` (correlation with it), `chance` (the correlation that a wrong type
        reaches), `lack` (missing covariation, 0 to 1), `typical` (its most typical genes), `finding` ("unknown": no
        more than chance; "missing": no counterpart, by its lack; "doubtful": resembles its type far less than the
        other groups; "cannot tell": too few genes; or "").
    types
        One row a type of the reference: `resemblance` to the most similar group of the section, `found` (nearest to a
        group that is not unknown).
    sanity
        Sex genes and control probes.
    """

    light: TrafficLight
    findings: tuple[CheckFinding, ...]
    table: pd.DataFrame
    groups: pd.DataFrame
    types: pd.DataFrame
    sanity: SanityGenes

    @property
    def summary(self) -> str:
        """The light and all findings that are not green, in one line."""
        problems = [f"{f.what}: {f.found}" for f in self.findings if f.light != "green"]
        return f"reference check: {self.light}" + (
            f" ({'; '.join(problems)})" if problems else " (nothing speaks against this pair)"
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
    """Compare a section with a reference over their shared genes; takes seconds, trains nothing.

    Parameters
    ----------
    section, reference, panel
        The panel is that of `align(section, reference)`.
    labels, section_labels
        Columns of obs with cell types: of the reference, of the section. Without them clusters are compared.
    seed
        Of the sampled cells, clusters and permutations.

    Raises
    ------
    DataError
        Too few cells to train, unknown columns, or fewer than two classes.
    """
    for data in (section, reference):
        check_cell_count(data.name, data.n_cells)
    rng = np.random.default_rng(seed)
    n = panel.n_shared
    sides = (section, reference)
    rows = [np.sort(rng.permutation(d.n_cells)[:MAX_SAMPLE_CELLS]) for d in sides]
    type_codes = [_type_codes(d, key, r) for d, key, r in zip(sides, (section_labels, labels), rows, strict=True)]
    columns = (panel.target_columns[:n], panel.reference_columns[:n])
    raw = [d.matrix[r][:, c] for d, r, c in zip(sides, rows, columns, strict=True)]
    values = [lognormalise(m, d.values.kind).toarray() for m, d in zip(raw, sides, strict=True)]
    detected = [np.asarray((m > 0).mean(0)).ravel() for m in raw]
    constant = {
        side: [g for g, extent in zip(panel.shared, np.ptp(m.toarray(), axis=0), strict=True) if extent == 0]
        for side, m in zip(SIDES, raw, strict=True)
    }
    agreement, overall = correlation_agreement(values[0], values[1], rng)
    table = _gene_table(panel, agreement, detected)
    z = [np.clip(zscore(a), -CLIP_SD, CLIP_SD) for a in values]
    groups, types = compare_cell_types(z[0], z[1], type_codes[0], type_codes[1], panel.shared, seed)
    sanity = check_sanity_genes(section, reference, panel)
    findings = [
        _check_size(section, reference, panel),
        _check_correlations(overall),
        _check_disagreeing_genes(table),
        _check_undetected_genes(table),
        _check_constant_genes(constant, n),
        _check_depth(raw[0], "section"),
        _check_depth(raw[1], "reference"),
        _check_cell_types(groups, section.n_cells, section_labels is not None),
        _check_reference_types(types, labels is not None),
        _check_sanity_genes(sanity),
    ]
    ordered = sorted((f for f in findings if f is not None), key=lambda f: -TRAFFIC_LIGHTS.index(f.light))
    return ReferenceCheck(ordered[0].light, tuple(ordered), table, groups, types, sanity)


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
    """Light of a share that should be small."""
    return "red" if value > limits["red"] else "amber" if value > limits["amber"] else "green"


def _check_size(section: Section, reference: Reference, panel: Panel) -> CheckFinding:
    found = f"{panel.n_shared} shared genes, {section.n_cells:,} and {reference.n_cells:,} cells"
    if panel.n_shared < FEW_SHARED_GENES:
        return CheckFinding(
            "amber",
            "few shared genes",
            found,
            f"with fewer than {FEW_SHARED_GENES} little can be learnt or checked; look for a reference with more of "
            "the panel's genes.",
        )
    if min(section.n_cells, reference.n_cells) < FEW_CELLS:
        return CheckFinding(
            "amber",
            "few cells",
            found,
            f"with fewer than {FEW_CELLS} cells on a side the scores are uncertain; add cells if there are more.",
        )
    return CheckFinding("green", "size", found)


def _check_correlations(agreement: float) -> CheckFinding:
    found = (
        f"the shared genes' correlations with each other agree by {agreement:.2f} (1: as well as noise allows; "
        "0: unrelated)"
    )
    if agreement < CORRELATION_LIMITS["red"]:
        todo = (
            "this looks like another tissue or species, gene names are mixed up, or most cell types are missing; do "
            "not impute from this reference."
        )
        return CheckFinding("red", "another tissue?", found, todo)
    if agreement < CORRELATION_LIMITS["amber"]:
        todo = (
            "this looks like another region of the tissue, or a very shallow reference; look for a more similar one, "
            "and rely on held-out scores alone."
        )
        return CheckFinding("amber", "another region?", found, todo)
    return CheckFinding("green", "gene correlations", found)


def _check_disagreeing_genes(table: pd.DataFrame) -> CheckFinding:
    disagreeing = table.index[table["finding"] == "disagrees"].tolist()
    n_reliable = int(table["reliable"].sum())
    if not disagreeing:
        return CheckFinding("green", "disagreeing genes", f"none of the {n_reliable} genes with enough signal")
    worst = table.loc[disagreeing, "agreement"].sort_values().index.tolist()
    found = (
        f"{len(disagreeing)} of the {n_reliable} genes with enough signal behave differently in the two sets "
        f"({_join_names(worst)})"
    )
    todo = "they may be other transcripts or unspecific probes; leave them out if their held-out scores are poor too."
    many = len(disagreeing) > MAX_DISAGREEING_SHARE * max(n_reliable, 1)
    return CheckFinding("amber" if many else "green", "disagreeing genes", found, todo)


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
    """Genes that do not vary, from which nothing can be learnt; their score is 0 for any prediction."""
    found = "; ".join(f"{len(names)} in the {side} ({_join_names(names)})" for side, names in genes.items() if names)
    if not found:
        return None
    many = max(map(len, genes.values())) > MAX_UNDETECTED_GENE_SHARE * n
    return CheckFinding(
        "amber" if many else "green",
        "constant genes",
        found,
        "they cannot be scored (the table has 0) or learnt from; leave them out.",
    )


def _check_depth(matrix: Any, side: str) -> CheckFinding:
    n_detected = np.diff(matrix.indptr)
    few = min(MIN_DETECTED_GENES, matrix.shape[1] // 3)
    share = float((n_detected < few).mean())
    found = (
        f"median cell: {np.median(n_detected):.0f} of {matrix.shape[1]} shared genes detected, sum "
        f"{np.median(library_size(matrix)):.0f}; {share:.0%} of cells have fewer than {few}"
    )
    light = _light_for(share, LOW_DEPTH_LIMITS)
    todo = f"such cells cannot be matched; filter them out of the {side}, or find a deeper one."
    return CheckFinding(light, f"depth of the {side}", found, "" if light == "green" else todo)


def _check_cell_types(groups: pd.DataFrame, n_cells: int, labelled: bool) -> CheckFinding:
    what = "types" if labelled else "clusters"
    share = {
        f: float(groups.loc[groups["finding"] == f, "share"].sum())
        for f in ("unknown", "missing", "doubtful", "cannot tell")
    }
    parts = {
        "unknown": "resemble no type of the reference more than chance",
        "missing": "have no counterpart in the reference, where their distinguishing genes do not covary",
        "doubtful": "resemble their nearest type far less than the others do",
    }
    sentences = []
    for finding, text in parts.items():
        if share[finding] > 0:
            rows = groups[groups["finding"] == finding]
            sentences.append(
                f"{share[finding]:.0%} of the section's cells (about {share[finding] * n_cells:,.0f}) {text}: "
                f"{_join_names([_describe_group(g, row) for g, row in rows.iterrows()], 3)}"
            )
    if share["cannot tell"] > 0:
        sentences.append(f"for {share['cannot tell']:.0%} of the section's cells the panel is too small to decide")
    if not sentences:
        return CheckFinding(
            "green", "kinds of cells", f"all {len(groups)} {what} of the section resemble a type of the reference"
        )
    doubts = share["doubtful"] > UNKNOWN_CELL_LIMITS["amber"] or share["missing"] > MAX_MISSING_CELL_SHARE
    light = _light_for(share["unknown"], UNKNOWN_CELL_LIMITS)
    if doubts and light == "green":
        light = "amber"
    todo = "add a reference that has them, or leave those cells out of conclusions; low trust marks them."
    return CheckFinding(light, "kinds of cells", "; ".join(sentences), todo if light != "green" else "")


def _describe_group(group: object, row: pd.Series) -> str:
    return f"{group} (nearest {row['nearest']}; typical {row['typical']})"


def _check_reference_types(types: pd.DataFrame, labelled: bool) -> CheckFinding | None:
    """Green in any case: a reference may have more types than the section."""
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
