"""Which genes a command imputes: names on the command line or in a file, matched to the panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, PanelError

if TYPE_CHECKING:
    from ..data.panel import Panel


def requested(genes: str | None, genes_file: Path | None) -> list[str] | None:
    """The names asked for; ["all"] for all; None for the default.

    Raises
    ------
    ConfigError
        Both options, a file that cannot be read, or no name at all.
    """
    if genes is not None and genes_file is not None:
        raise ConfigError("--genes and --genes-file were both given. Give one.")
    if genes is not None:
        text = genes.replace(",", "\n")
    elif genes_file is not None:
        try:
            text = genes_file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"cannot read the list of genes {genes_file} ({error}). Expected a text file with one gene a line."
            ) from None
    else:
        return None
    names = list(dict.fromkeys(name.strip() for name in text.splitlines() if name.strip()))
    if not names:
        raise ConfigError("no gene was named. Give names like Sox2,Gad1, or `all`.")
    return names


def genes_to_impute(panel: Panel, requested: list[str] | None) -> list[str]:
    """Genes of the result in the panel's spelling, in the order asked for.

    Raises
    ------
    PanelError
        Unknown genes, genes that the reference lacks, or nothing to impute.
    """
    if requested is None:
        if not panel.n_reference_only:
            raise PanelError(
                "the reference has no gene that the section lacks: nothing to impute. Name genes with --genes for their held-out predictions."
            )
        return list(panel.reference_only)
    if requested == ["all"]:
        return [*panel.shared, *panel.reference_only]
    names, wrong, target_only = [], [], set(panel.target_only)
    for gene in requested:
        try:
            name = panel.genes[panel.index(gene)]
        except PanelError as error:
            wrong.append(str(error))
            continue
        if name in target_only:
            wrong.append(f"{name} is measured, but the reference lacks it: it cannot be predicted.")
        names.append(name)
    if wrong:
        more = f" ({len(wrong) - 3} more like these.)" if len(wrong) > 3 else ""
        raise PanelError(" ".join(wrong[:3]) + more)
    return list(dict.fromkeys(names))
