"""Which genes are shared, which are imputed: one ordering of the genes for everything."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import PanelError

if TYPE_CHECKING:
    from .section import Reference, Section

MIN_SHARED_GENES = 10
_ENSEMBL_GENE_ID = re.compile(r"^ENS[A-Z]*G\d{6,}(\.\d+)?$")
_CONTROL_PROBE = re.compile(
    r"^(blank|negprb|negcontrol|negative|systemcontrol|unassignedcodeword|deprecatedcodeword|intergenic|genomiccontrol|antisense_|ercc-)",
    re.I,
)
SYMBOL_COLUMNS = (
    "gene_symbol",
    "gene_symbols",
    "gene_name",
    "gene_names",
    "symbol",
    "feature_name",
    "gene_short_name",
    "gene",
)
ENSEMBL_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "feature_id")


def control_probes(names: Iterable[str]) -> list[str]:
    """Those of some features that are no genes: blanks, negative controls, spike-ins."""
    return [name for name in names if _CONTROL_PROBE.match(name)]


@dataclass(frozen=True)
class Panel:
    """One ordering of the features: shared, then target-only, then reference-only.

    Attributes
    ----------
    genes
        Names in order: the section's spelling for shared and target-only genes, the reference's for the rest.
    n_shared, n_target_only, n_reference_only
        Sizes of the three parts.
    target_columns : (n_shared + n_target_only,) int
        Column of each in the section.
    reference_columns : (n_shared + n_reference_only,) int
        Column of each in the reference; shared first.
    controls
        Blank and negative-control probes, left out of everything.
    notes
        What a user should know: matched by case, by Ensembl id, controls left out.
    """

    genes: tuple[str, ...]
    n_shared: int
    n_target_only: int
    n_reference_only: int
    target_columns: NDArray[np.intp]
    reference_columns: NDArray[np.intp]
    controls: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def shared(self) -> tuple[str, ...]:
        return self.genes[: self.n_shared]

    @property
    def target_only(self) -> tuple[str, ...]:
        return self.genes[self.n_shared : self.n_shared + self.n_target_only]

    @property
    def reference_only(self) -> tuple[str, ...]:
        """The genes that can be imputed: the reference has them, the section does not."""
        return self.genes[self.n_shared + self.n_target_only :]

    def index(self, gene: str) -> int:
        """Position of a gene, ignoring case when that is unambiguous.

        Raises
        ------
        PanelError
            Unknown gene, with the nearest names.
        """
        try:
            return self.genes.index(gene)
        except ValueError:
            same = [i for i, g in enumerate(self.genes) if g.lower() == gene.lower()]
        if len(same) == 1:
            return same[0]
        near = difflib.get_close_matches(gene, self.genes, n=3, cutoff=0.6)
        hint = f"Did you mean {', '.join(near)}?" if near else "`inclust info` lists the genes of a file."
        raise PanelError(f"no gene {gene!r} in the section or in the reference. {hint}")


def align(section: Section, reference: Reference) -> Panel:
    """Match the genes of a section and a reference.

    Names are matched as they are, then by Ensembl id or symbol columns of `var` when one side has ids and the other symbols, then ignoring case.

    Raises
    ------
    PanelError
        Fewer than `MIN_SHARED` shared genes, with examples of both sides; shared genes that are all zero on a side; a section of predictions only.
    """
    notes: list[str] = []
    if section.predicted is not None:
        if not section.genes:
            raise PanelError(
                f"{section.name} holds no measured genes, only predictions of a run ({section.predicted.summary}), which no training may see. "
                "Open the section that they were made from."
            )
        notes.append(
            f"{section.predicted.summary} by an earlier run, in the section's file: shown, and left out of the training."
        )
    target, ref = list(section.genes), list(reference.genes)
    target_keys, ref_keys = _harmonise_gene_names(section, reference, notes)
    controls = tuple(control_probes(target))
    if controls:
        notes.append(
            f"{len(controls)} control probe{'s' if len(controls) > 1 else ''} left out ({', '.join(controls[:3])}{', ...' if len(controls) > 3 else ''})."
        )
    left_out = {*controls, *control_probes(ref)}

    by_key = _unique_positions(ref_keys)
    by_case = _unique_positions([k.lower() for k in ref_keys])
    pairs: dict[int, int] = {}
    used: set[int] = set()
    cased: list[str] = []
    for exact in (True, False):
        for i, key in enumerate(target_keys):
            if i in pairs or target[i] in left_out:
                continue
            j = by_key.get(key) if exact else by_case.get(key.lower())
            if j is not None and j not in used and ref[j] not in left_out:
                pairs[i] = j
                used.add(j)
                if not exact:
                    cased.append(f"{target[i]} = {ref[j]}")
    if cased:
        notes.append(
            f"{len(cased)} gene{'s' if len(cased) > 1 else ''} matched ignoring case (as in {cased[0]}): check that both sets are of one species."
        )
    if len(pairs) < MIN_SHARED_GENES:
        raise PanelError(
            f"{section.name} and {reference.name} share {len(pairs)} gene{'' if len(pairs) == 1 else 's'}; at least {MIN_SHARED_GENES} are needed. "
            f"The section has names like {', '.join(target[:3])}, the reference like {', '.join(ref[:3])}. Give both the same kind of names "
            "(symbols or Ensembl ids; a `var` column 'gene_symbol' or 'gene_ids' is used when present)."
        )
    shared = sorted(pairs)
    _check_not_all_zero(section, shared)
    _check_not_all_zero(reference, [pairs[i] for i in shared])
    notes += [
        note
        for data, columns in ((section, shared), (reference, [pairs[i] for i in shared]))
        for note in _notes_on_all_zero(data, columns)
    ]
    target_only = [i for i in range(len(target)) if i not in pairs and target[i] not in left_out]
    reference_only = [j for j in range(len(ref)) if j not in used and ref[j] not in left_out]
    taken = {target[i] for i in shared + target_only}
    clash = [ref[j] for j in reference_only if ref[j] in taken]
    if clash:
        raise PanelError(
            f"the name {clash[0]!r} stands for different genes in the two sets (matched by id elsewhere). Make the names agree."
        )
    return Panel(
        genes=tuple([target[i] for i in shared] + [target[i] for i in target_only] + [ref[j] for j in reference_only]),
        n_shared=len(shared),
        n_target_only=len(target_only),
        n_reference_only=len(reference_only),
        target_columns=np.array(shared + target_only, dtype=np.intp),
        reference_columns=np.array([pairs[i] for i in shared] + reference_only, dtype=np.intp),
        controls=controls,
        notes=tuple(notes),
    )


def _check_not_all_zero(data: Reference, columns: Sequence[int]) -> None:
    if not data.matrix[:, list(columns)].count_nonzero():
        raise PanelError(
            f"{data.name} holds only zeros in the {len(columns)} shared genes ({data.values} in {data.values_source}): nothing can be learnt. Check that its values were written."
        )


def _notes_on_all_zero(data: Reference, columns: Sequence[int]) -> list[str]:
    """A note on cells and shared genes that are zero everywhere."""
    shared = data.matrix[:, list(columns)]
    cells, genes = (int((np.asarray(shared.sum(axis)).ravel() == 0).sum()) for axis in (1, 0))
    found = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((cells, "cell"), (genes, "shared gene")) if n]
    return (
        [
            f"{data.name}: {' and '.join(found)} without any count in the shared panel: kept, but nothing can be learnt from them."
        ]
        if found
        else []
    )


def _harmonise_gene_names(section: Section, reference: Reference, notes: list[str]) -> tuple[list[str], list[str]]:
    """Names of both sides in one language: Ensembl ids lose their version; one side is translated where the two differ."""
    sides = [(section, list(section.genes)), (reference, list(reference.genes))]
    is_id = [ensembl_fraction(names) > 0.5 for _, names in sides]
    keys = [[n.split(".")[0] if ids else n for n in names] for (_, names), ids in zip(sides, is_id, strict=True)]
    if is_id[0] != is_id[1]:
        for side, want_ids in ((0, is_id[1]), (1, is_id[0])):
            column = _find_name_column(sides[side][0], ENSEMBL_COLUMNS if want_ids else SYMBOL_COLUMNS, want_ids)
            if column is not None:
                name, translated = column
                keys[side] = translated
                notes.append(
                    f"genes matched by the {'Ensembl ids' if want_ids else 'symbols'} in var[{name!r}] of {sides[side][0].name}."
                )
                break
    return keys[0], keys[1]


def _find_name_column(data: Reference, candidates: Sequence[str], want_ids: bool) -> tuple[str, list[str]] | None:
    var = data.adata.raw.var if data.values_source == "raw" else data.adata.var
    for name in candidates:
        if name in var:
            column = [str(v).split(".")[0] if want_ids else str(v) for v in var[name]]
            if (ensembl_fraction(column) > 0.5) == want_ids:
                return name, column
    return None


def ensembl_fraction(names: Sequence[str]) -> float:
    """Share of names that are Ensembl gene ids."""
    return sum(bool(_ENSEMBL_GENE_ID.match(n)) for n in names) / max(1, len(names))


def _unique_positions(keys: Iterable[str]) -> dict[str, int]:
    """Position of each key that occurs once."""
    seen: dict[str, int] = {}
    twice = set()
    for i, key in enumerate(keys):
        if key in seen:
            twice.add(key)
        seen[key] = i
    return {k: i for k, i in seen.items() if k not in twice}
