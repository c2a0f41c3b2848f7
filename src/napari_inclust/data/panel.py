"""Gene panel: which genes a section and a reference share, and which can be imputed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import PanelError
from .feature_names import are_ensembl_ids, names_in_var, strip_version, unique_positions

if TYPE_CHECKING:
    from .section import Reference, Section

MIN_SHARED_GENES = 10
_CONTROL_PROBE = re.compile(
    r"^(blank|negprb|negcontrol|negative|systemcontrol|unassignedcodeword|deprecatedcodeword|intergenic"
    r"|genomiccontrol|antisense_|ercc-)",
    re.I,
)


def control_probes(names: Iterable[str]) -> list[str]:
    """Return the names that are no genes: blanks, negative controls, spike-ins."""
    return [name for name in names if _CONTROL_PROBE.match(name)]


@dataclass(frozen=True)
class Panel:
    """One order of the genes: shared, then target-only, then reference-only.

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
        Remarks for the user: genes matched ignoring case or by Ensembl id, controls left out.
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
        """The genes that both have."""
        return self.genes[: self.n_shared]

    @property
    def target_only(self) -> tuple[str, ...]:
        """The genes that the section alone has."""
        return self.genes[self.n_shared : self.n_shared + self.n_target_only]

    @property
    def reference_only(self) -> tuple[str, ...]:
        """The genes that the reference alone has, which can be imputed."""
        return self.genes[self.n_shared + self.n_target_only :]

    def index(self, gene: str) -> int:
        """Return the position of a gene, ignoring case where that is unambiguous.

        Raises
        ------
        PanelError
            Unknown gene; the message names similar ones.
        """
        try:
            return self.genes.index(gene)
        except ValueError:
            position = unique_positions(g.lower() for g in self.genes).get(gene.lower())
        if position is not None:
            return position
        near = difflib.get_close_matches(gene, self.genes, n=3, cutoff=0.6)
        hint = f"Did you mean {', '.join(near)}?" if near else "`inclust info` lists the genes of a file."
        raise PanelError(f"no gene {gene!r} in the section or in the reference. {hint}")


def align(section: Section, reference: Reference) -> Panel:
    """Match the genes of a section and a reference.

    Names are matched exactly, then by Ensembl id or symbol columns of `var` when one side has ids and the other
    symbols, then ignoring case.

    Raises
    ------
    PanelError
        Fewer than `MIN_SHARED_GENES` shared genes, with examples of both sides; shared genes that are all zero on a
        side; a section that holds predictions only.
    """
    notes: list[str] = []
    if section.predicted is not None:
        if not section.genes:
            raise PanelError(
                f"{section.name} holds no measured genes, only predictions of a run ({section.predicted.summary}), "
                "which cannot be trained on. Open the section that they were made from."
            )
        notes.append(
            f"{section.predicted.summary} by an earlier run, in the section's file: shown, and left out of the "
            "training."
        )
    target, ref = list(section.genes), list(reference.genes)
    target_keys, ref_keys = _harmonise_gene_names(section, reference, notes)
    controls = tuple(control_probes(target))
    if controls:
        notes.append(
            f"{len(controls)} control probe{'s' if len(controls) > 1 else ''} left out "
            f"({', '.join(controls[:3])}{', ...' if len(controls) > 3 else ''})."
        )
    excluded = {*controls, *control_probes(ref)}

    by_key = unique_positions(ref_keys)
    by_lowercase_key = unique_positions(k.lower() for k in ref_keys)
    pairs: dict[int, int] = {}
    used: set[int] = set()
    matched_ignoring_case: list[str] = []
    for exact in (True, False):
        for i, key in enumerate(target_keys):
            if i in pairs or target[i] in excluded:
                continue
            j = by_key.get(key) if exact else by_lowercase_key.get(key.lower())
            if j is not None and j not in used and ref[j] not in excluded:
                pairs[i] = j
                used.add(j)
                if not exact:
                    matched_ignoring_case.append(f"{target[i]} = {ref[j]}")
    if matched_ignoring_case:
        n = len(matched_ignoring_case)
        notes.append(
            f"{n} gene{'s' if n > 1 else ''} matched ignoring case (as in {matched_ignoring_case[0]}): check that both "
            "sets are of one species."
        )
    if len(pairs) < MIN_SHARED_GENES:
        raise PanelError(
            f"{section.name} and {reference.name} share {len(pairs)} gene{'' if len(pairs) == 1 else 's'}; at least "
            f"{MIN_SHARED_GENES} are needed. The section has names like {', '.join(target[:3])}, the reference like "
            f"{', '.join(ref[:3])}. Give both the same kind of names (symbols or Ensembl ids; a `var` column "
            "'gene_symbol' or 'gene_ids' is used when present)."
        )
    shared = sorted(pairs)
    _check_not_all_zero(section, shared)
    _check_not_all_zero(reference, [pairs[i] for i in shared])
    notes += [
        note
        for data, columns in ((section, shared), (reference, [pairs[i] for i in shared]))
        for note in _notes_on_all_zero(data, columns)
    ]
    target_only = [i for i in range(len(target)) if i not in pairs and target[i] not in excluded]
    reference_only = [j for j in range(len(ref)) if j not in used and ref[j] not in excluded]
    taken = {target[i] for i in shared + target_only}
    clash = [ref[j] for j in reference_only if ref[j] in taken]
    if clash:
        raise PanelError(
            f"the name {clash[0]!r} stands for different genes in the two sets (matched by id elsewhere). "
            "Make the names agree."
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
            f"{data.name} holds only zeros in the {len(columns)} shared genes ({data.values} in {data.values_source}): "
            "nothing can be learnt. Check that its values were written."
        )


def _notes_on_all_zero(data: Reference, columns: Sequence[int]) -> list[str]:
    """Describe cells and shared genes that are zero everywhere, in at most one note."""
    shared = data.matrix[:, list(columns)]
    cells, genes = (int((np.asarray(shared.sum(axis)).ravel() == 0).sum()) for axis in (1, 0))
    empty = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((cells, "cell"), (genes, "shared gene")) if n]
    if not empty:
        return []
    note = f"{data.name}: {' and '.join(empty)} without any count in the shared panel: kept, but nothing can be learnt"
    return [f"{note} from them."]


def _harmonise_gene_names(
    section: Section, reference: Reference, notes: list[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Names of both sides of one kind: ids lose their version; one side is translated where the two differ."""
    sides = (section, reference)
    ids = [are_ensembl_ids(data.genes) for data in sides]
    keys: list[Sequence[str]] = [
        tuple(map(strip_version, data.genes)) if is_id else data.genes for data, is_id in zip(sides, ids, strict=True)
    ]
    if ids[0] != ids[1]:
        for side, data in enumerate(sides):
            to_ids = ids[1 - side]
            pair = names_in_var(data.adata.raw.var if data.values_source == "raw" else data.adata.var, ids=to_ids)
            if pair is not None:
                column, keys[side] = pair
                kind = "Ensembl ids" if to_ids else "symbols"
                notes.append(f"genes matched by the {kind} in var[{column!r}] of {data.name}.")
                break
    return keys[0], keys[1]
