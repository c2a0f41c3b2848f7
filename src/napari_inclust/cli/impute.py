"""`inclust impute`: train, and write the imputed genes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigError, PanelError
from . import options as o
from .console import Talk, duration, plural
from .training import check_run_path, command_line, facts, load, open_data, save, score_line, settings, train

if TYPE_CHECKING:
    from ..core.gene_trust import GeneTrust
    from ..core.panel import Panel


def impute(
    spatial: o.Spatial,
    reference: o.Reference,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The result: .h5ad or .zarr.")],
    genes: Annotated[
        str | None, typer.Option("--genes", metavar="A,B", help="Genes to impute; `all`: every gene of the reference (default: those not measured).")
    ] = None,
    genes_file: Annotated[Path | None, typer.Option("--genes-file", metavar="F", help="File with one gene a line.")] = None,
    labels: o.Labels = None,
    batch: o.Batch = None,
    values: o.SpatialValues = None,
    reference_values: o.ReferenceValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    members: o.Members = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    saved_run: o.SavedRun = None,
    save_run: o.SaveRun = None,
    resume: o.Resume = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Impute genes of a tissue section from a reference.

    OUT holds the section's cells with the imputed genes (log-normalised), their spread, their scores, and where they come from. A gene that the
    section measures gets its held-out prediction, and says so.
    """
    from ..io.imputed import write_imputed
    from ..io.write import check_output

    start, talk = time.perf_counter(), Talk(quiet, json)
    check_output(output, inputs=(spatial, reference))
    check_run_path(save_run)
    chosen = settings(preset, config, epochs=epochs, members=members, seed=seed, device=device)
    asked = requested(genes, genes_file)
    data = open_data(spatial, reference, talk, values=values, reference_values=reference_values, pixel_size=pixel_size, plane=plane, table=table, system=system)
    names = genes_to_impute(data.panel, asked)
    run = load(saved_run, data) if saved_run else train(data, chosen, talk, labels=labels, batch=batch, checkpoint=resume)
    save(run, save_run)
    trust = run.foreseen([name for name in names if run.kind(name) == "imputed"])
    with talk.progress("imputing", len(names)) as update:
        var = write_imputed(output, run, names, command=command_line(), cells=run.about_cells(), foreseen=trust.table["predicted_pcc"], progress=update)
    seconds = time.perf_counter() - start
    kinds = {str(kind): int(n) for kind, n in var["kind"].value_counts().items()}
    talk.summary(
        {"output": str(output), "genes": len(var), "kinds": kinds, "seconds": round(seconds, 2), "saved_run": save_run, **facts(run)},
        score_line(run),
        foreseen_line(trust),
        f"{plural(len(var), 'gene')} of {plural(run.section.n_cells, 'cell')} in {output}  ({duration(seconds)})",
    )


def foreseen_line(trust: GeneTrust) -> str:
    """What is to be expected of the unmeasured genes, and how far that itself may be believed."""
    known = trust.table["predicted_pcc"].dropna()
    if not len(known):
        return "foreseen Pearson of the imputed genes: none can be said"
    return (
        f"foreseen Pearson, median of {len(known)} imputed genes: {known.median():.3f} "
        f"(mean error {trust.error:.3f}, rank correlation {trust.rank_correlation:.2f}, on genes hidden from the foreseeing)"
    )


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
            raise ConfigError(f"cannot read the list of genes {genes_file} ({error}). Expected a text file with one gene a line.") from None
    else:
        return None
    names = list(dict.fromkeys(name.strip() for name in text.splitlines() if name.strip()))
    if not names:
        raise ConfigError("no gene was named. Give names like Sox2,Gad1, or `all`.")
    return names


def genes_to_impute(panel: Panel, asked: list[str] | None) -> list[str]:
    """Genes of the result in the panel's spelling, in the order asked for.

    Raises
    ------
    PanelError
        Unknown genes, genes that the reference lacks, or nothing to impute.
    """
    if asked is None:
        if not panel.n_reference_only:
            raise PanelError("the reference has no gene that the section lacks: nothing to impute. Name genes with --genes for their held-out predictions.")
        return list(panel.reference_only)
    if asked == ["all"]:
        return [*panel.shared, *panel.reference_only]
    names, wrong, target_only = [], [], set(panel.target_only)
    for gene in asked:
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
