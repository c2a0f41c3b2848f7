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
from ..training.plan import check_cells
from .pair_evidence import Matrix, Typed, kinds_of_cells, structure
from .sanity import Sanity, sanity

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..data.section import Reference, Section

Light = Literal["green", "amber", "red"]
LIGHTS: tuple[Light, ...] = ("green", "amber", "red")
SIDES = ("section", "reference")
SAMPLE = 4000  # cells of each side that are looked at
CLIP = 4.0  # standard deviations at which a value is cut

# Where the lights change; docs/benchmarks.md tells what real pairs and made-up mismatches give.
FEW_GENES, FEW_CELLS = 30, 200
STRUCTURE: dict[Light, float] = {"red": 0.1, "amber": 0.3}
DISAGREES, MANY_DISAGREE = 0.15, 0.15
THIN_CELL = 5  # detected shared genes
THIN: dict[Light, float] = {"amber": 0.25, "red": 0.75}
SILENT, HEARD, MANY_SILENT = 0.002, 0.02, 0.1  # share of cells that express a gene: of the side that hardly does, of the other; share of such genes
UNKNOWN: dict[Light, float] = {"amber": 0.1, "red": 0.6}
ABSENT = 0.05  # share of cells without a counterpart


@dataclass(frozen=True)
class Reason:
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

    light: Light
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

    light: Light
    reasons: tuple[Reason, ...]
    table: pd.DataFrame
    groups: pd.DataFrame
    types: pd.DataFrame
    sanity: Sanity

    @property
    def line(self) -> str:
        """All in one line."""
        wrong = [f"{r.what}: {r.found}" for r in self.reasons if r.light != "green"]
        return f"reference check: {self.light}" + (f" ({'; '.join(wrong)})" if wrong else " (nothing speaks against this pair)")


def check(
    section: Section, reference: Reference, panel: Panel, *, labels: str | None = None, section_labels: str | None = None, seed: int = 0
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
        check_cells(data.name, data.n_cells)
    random = np.random.default_rng(seed)
    n = panel.n_shared
    rows = [np.sort(random.permutation(d.n_cells)[:SAMPLE]) for d in (section, reference)]
    coded = [_codes(d, key, r) for d, key, r in ((section, section_labels, rows[0]), (reference, labels, rows[1]))]
    raw = [d.matrix[r][:, c[:n]] for d, r, c in zip((section, reference), rows, (panel.target_columns, panel.reference_columns), strict=True)]
    ours, theirs = (val.lognormalise(m, d.values.kind).toarray() for m, d in zip(raw, (section, reference), strict=True))
    detected = [np.asarray((m > 0).mean(0)).ravel() for m in raw]
    constant = {side: [g for g, flat in zip(panel.shared, np.ptp(m.toarray(), axis=0) == 0, strict=True) if flat] for side, m in zip(SIDES, raw, strict=True)}
    agreement, overall = structure(ours, theirs, random)
    table = _table(panel, agreement, detected)
    z = [np.clip(zscore(a), -CLIP, CLIP) for a in (ours, theirs)]
    groups, types = kinds_of_cells(z[0], z[1], coded[0], coded[1], panel.shared, seed)
    sane = sanity(section, reference, panel)
    reasons = [
        _size(section, reference, panel), _structure(overall), _disagreeing(table), _silent(table), _constant(constant, n), _thin(raw[0], "section"), _thin(raw[1], "reference"),
        _kinds(groups, section.n_cells, section_labels is not None), _types(types, labels is not None), _sanity(sane),
    ]  # fmt: skip
    found = sorted((r for r in reasons if r is not None), key=lambda r: -LIGHTS.index(r.light))
    return ReferenceCheck(found[0].light, tuple(found), table, groups, types, sane)


def _table(panel: Panel, agreement: Matrix, detected: list[Matrix]) -> pd.DataFrame:
    section, reference = detected
    finding = np.where(agreement < DISAGREES, "disagrees", "")
    finding = np.where((reference < SILENT) & (section > HEARD), "silent in the reference", finding)
    finding = np.where((section < SILENT) & (reference > HEARD), "silent in the section", finding)
    columns = {"agreement": agreement, "detected_section": section, "detected_reference": reference, "reliable": np.isfinite(agreement), "finding": finding}
    return pd.DataFrame(columns, index=pd.Index(panel.shared, name="gene"))


def _codes(data: Reference, key: str | None, rows: NDArray[np.intp]) -> Typed:
    """Names and codes of the types of some cells; none without a column."""
    if key is None:
        return (), np.full(len(rows), -1, dtype=np.intp)
    names, codes = label_codes(data, key)
    return names, codes[rows]


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _graded(value: float, edges: dict[Light, float]) -> Light:
    """The light of a share that should be small."""
    return "red" if value > edges["red"] else "amber" if value > edges["amber"] else "green"


def _size(section: Section, reference: Reference, panel: Panel) -> Reason:
    found = f"{panel.n_shared} shared genes, {section.n_cells:,} and {reference.n_cells:,} cells"
    if panel.n_shared < FEW_GENES:
        return Reason(
            "amber",
            "few shared genes",
            found,
            f"with fewer than {FEW_GENES} little can be learnt or checked; look for a reference with more of the panel's genes.",
        )
    if min(section.n_cells, reference.n_cells) < FEW_CELLS:
        return Reason("amber", "few cells", found, f"with fewer than {FEW_CELLS} cells on a side the scores are unsure; add cells if there are more.")
    return Reason("green", "size", found)


def _structure(overall: float) -> Reason:
    found = f"the shared genes' correlations with each other agree by {overall:.2f} (1: as well as noise allows; 0: unrelated)"
    if overall < STRUCTURE["red"]:
        todo = "this looks like another tissue or species, gene names are mixed up, or most kinds of cells are missing; do not impute from this reference."
        return Reason("red", "another tissue?", found, todo)
    if overall < STRUCTURE["amber"]:
        todo = "this looks like another region of the tissue, or a very shallow reference; look for a nearer one, and believe held-out scores alone."
        return Reason("amber", "another region?", found, todo)
    return Reason("green", "gene correlations", found)


def _disagreeing(table: pd.DataFrame) -> Reason:
    wrong = table.index[table["finding"] == "disagrees"].tolist()
    told = int(table["reliable"].sum())
    if not wrong:
        return Reason("green", "disagreeing genes", f"none of the {told} genes that are clear enough to tell")
    worst = table.loc[wrong, "agreement"].sort_values().index.tolist()
    found = f"{len(wrong)} of the {told} genes that are clear enough to tell behave differently in the two sets ({_some(worst)})"
    todo = "they may be other transcripts or unspecific probes; leave them out if their held-out scores are poor too."
    return Reason("amber" if len(wrong) > MANY_DISAGREE * max(told, 1) else "green", "disagreeing genes", found, todo)


def _silent(table: pd.DataFrame) -> Reason | None:
    parts = {side: table.index[table["finding"] == f"silent in the {side}"].tolist() for side in ("reference", "section")}
    total = sum(map(len, parts.values()))
    if not total:
        return None
    found = "; ".join(f"{len(g)} silent in the {side} but not in the other ({_some(g)})" for side, g in parts.items() if g)
    todo = "a probe that failed, or a gene that one side cannot see: its imputed values would be wrong."
    return Reason("amber" if total > MANY_SILENT * len(table) else "green", "silent genes", found, todo)


def _constant(genes: dict[str, list[str]], n: int) -> Reason | None:
    """Genes that do not vary: nothing can be learnt from them, and their score is 0 whatever is predicted."""
    found = "; ".join(f"{len(names)} in the {side} ({_some(names)})" for side, names in genes.items() if names)
    if not found:
        return None
    many = max(map(len, genes.values())) > MANY_SILENT * n
    return Reason("amber" if many else "green", "constant genes", found, "they cannot be scored (0 stands in the table) and teach nothing; leave them out.")


def _thin(matrix: Any, side: str) -> Reason:
    seen = np.diff(matrix.indptr)
    few = min(THIN_CELL, matrix.shape[1] // 3)
    share = float((seen < few).mean())
    found = f"median cell: {np.median(seen):.0f} of {matrix.shape[1]} shared genes detected, sum {np.median(val.library_size(matrix)):.0f}; {share:.0%} of cells have fewer than {few}"
    light = _graded(share, THIN)
    return Reason(
        light, f"depth of the {side}", found, "" if light == "green" else f"such cells cannot be placed; filter them out of the {side}, or find a deeper one."
    )


def _kinds(groups: pd.DataFrame, n_cells: int, labelled: bool) -> Reason:
    what = "types" if labelled else "clusters"
    share = {f: float(groups.loc[groups["finding"] == f, "share"].sum()) for f in ("unknown", "missing", "doubtful", "cannot tell")}
    parts = {
        "unknown": "resemble no type of the reference more than chance",
        "missing": "have no counterpart in the reference, where what sets them apart does not vary",
        "doubtful": "resemble their nearest type far less than the others do",
    }
    told = [
        f"{share[f]:.0%} of the section's cells (about {share[f] * n_cells:,.0f}) {said}: {_some([_described(g, row) for g, row in groups[groups['finding'] == f].iterrows()], 3)}"
        for f, said in parts.items()
        if share[f] > 0
    ]
    if share["cannot tell"] > 0:
        told.append(f"of {share['cannot tell']:.0%} of the section's cells the panel is too small to tell")
    if not told:
        return Reason("green", "kinds of cells", f"all {len(groups)} {what} of the section resemble a type of the reference")
    doubts = share["doubtful"] > UNKNOWN["amber"] or share["missing"] > ABSENT
    light = LIGHTS[max(LIGHTS.index(_graded(share["unknown"], UNKNOWN)), LIGHTS.index("amber" if doubts else "green"))]
    todo = "add a reference that has them, or leave those cells out of conclusions; low trust marks them."
    return Reason(light, "kinds of cells", "; ".join(told), todo if light != "green" else "")


def _described(group: object, row: pd.Series) -> str:
    return f"{group} (nearest {row['nearest']}; typical {row['typical']})"


def _types(types: pd.DataFrame, labelled: bool) -> Reason | None:
    """Harmless: a reference may have more than the section."""
    missing = types.index[~types["found"]].tolist()
    if not labelled:
        return Reason("green", "types of the reference", "not labelled: types that only the reference has cannot be named")
    return Reason("green", "types not seen in the section", f"{len(missing)} of {len(types)} types of the reference ({_some(missing)})") if missing else None


def _sanity(sane: Sanity) -> Reason | None:
    if not sane.note:
        return None
    todo = "imputed sex genes and what goes with them will be those of the other sex." if sane.opposed else ""
    return Reason("amber" if sane.opposed else "green", "sanity genes", sane.note, todo)
