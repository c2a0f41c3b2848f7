"""Options that several commands have: groups of options, each a frozen dataclass that is declared once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from ..errors import ConfigError, OutputError

if TYPE_CHECKING:
    from ..data.section import Section
    from ..imputation.run import Run
    from ..io.readers.options import ReadOptions
    from ..training.config import Config

_DATA_HELP_PANEL, _TRAINING_HELP_PANEL = "Data", "Training"
_data_option = functools.partial(typer.Option, rich_help_panel=_DATA_HELP_PANEL)
_training_option = functools.partial(typer.Option, rich_help_panel=_TRAINING_HELP_PANEL)
_LABELS_METAVAR = "KEY|NAME:KEY"

Spatial = Annotated[
    Path,
    typer.Argument(
        metavar="SPATIAL",
        help="The tissue section: .h5ad, SpatialData .zarr, a MERSCOPE, Xenium or CosMx folder, a table.",
    ),
]
Spatials = Annotated[
    list[Path],
    typer.Argument(
        metavar="SPATIAL",
        help="The tissue section, or several: .h5ad, SpatialData .zarr, a MERSCOPE, Xenium or CosMx folder, a table.",
    ),
]
Reference = Annotated[
    Path,
    typer.Argument(
        metavar="REFERENCE", help="The scRNA-seq reference: .h5ad, .h5mu, 10x .h5 or folder, loom, a table."
    ),
]
DatasetPaths = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA",
        help="Data sets: a file, NAME=FILE, or files of the same cells joined by + (NAME=RNA.h5ad+ATAC.h5ad); "
        ".h5mu holds several.",
    ),
]
Labels = Annotated[
    str | None,
    _data_option(
        "--labels",
        metavar=_LABELS_METAVAR,
        help="Column of the reference's obs with cell types; NAME is the name of the reference.",
    ),
]
Batch = Annotated[str | None, _data_option("--batch", metavar="KEY", help="Column of obs with batches.")]
TableName = Annotated[
    str,
    typer.Option(
        "--table-name", metavar="NAME", help="Name of the new table in a SpatialData zarr, or of the modality in .h5mu."
    ),
]
DEFAULT_TABLE_NAME = "inclust_imputed"  # as io.writers.imputed.TABLE_NAME, which needs pandas


@dataclass(frozen=True)
class ReadingOptions:
    """How a section and its reference are read."""

    values: Annotated[
        str | None,
        _data_option(
            "--values",
            metavar="KIND",
            help="What the section's values are: counts, linear or lognorm (default: detected).",
        ),
    ] = None
    reference_values: Annotated[
        str | None, _data_option("--reference-values", metavar="KIND", help="The same for the reference.")
    ] = None
    pixel_size: Annotated[
        float | None, _data_option("--pixel-size", metavar="UM", help="Micrometres per unit of the coordinates.")
    ] = None
    plane: Annotated[
        str | None,
        _data_option("--plane", metavar="XY", help="Plane of three-dimensional coordinates: xy, xz or yz."),
    ] = None
    table: Annotated[
        str | None, _data_option("--table", metavar="NAME", help="Table of a SpatialData zarr that has several.")
    ] = None
    system: Annotated[
        str | None,
        _data_option("--system", metavar="NAME", help="Coordinate system of a SpatialData zarr that has several."),
    ] = None
    columns: Annotated[
        str | None,
        _data_option(
            "--columns",
            metavar="X,Y[,NAMES]",
            help="Columns of a table with the places (and names) of the cells, when not known by their names.",
        ),
    ] = None

    def read_options(self) -> ReadOptions:
        """Return the options of the section for the readers.

        Raises
        ------
        ConfigError
            A value that is not among the choices, or another number of columns than two or three.
        """
        from ..io.readers.options import ReadOptions

        columns = tuple(name.strip() for name in self.columns.split(",")) if self.columns else ()
        return ReadOptions(self.values, self.pixel_size, self.plane, self.table, self.system, columns)

    def read_section(self, path: Path) -> Section:
        """Read a section; of three-dimensional coordinates x and y are taken where no plane is given."""
        from ..io.readers.dispatch import open_section

        return open_section(path, self.read_options(), flatten=True)


@dataclass(frozen=True)
class GeneOptions:
    """Which genes are imputed."""

    genes: Annotated[
        str | None,
        typer.Option(
            "--genes",
            metavar="A,B",
            help="Genes to impute; `all`: every gene of the reference (default: those not measured).",
        ),
    ] = None
    genes_file: Annotated[Path | None, typer.Option("--genes-file", metavar="F", help="File with one gene a line.")] = (
        None
    )

    def names(self) -> list[str] | None:
        """Return the names given; ["all"] for all; None for the default.

        Raises
        ------
        ConfigError
            Both options, a file that cannot be read, or no name at all.
        """
        if self.genes is not None and self.genes_file is not None:
            raise ConfigError("--genes and --genes-file were both given. Give one.")
        if self.genes is not None:
            text = self.genes.replace(",", "\n")
        elif self.genes_file is not None:
            try:
                text = self.genes_file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"cannot read the list of genes {self.genes_file} ({error}). "
                    "Expected a text file with one gene a line."
                ) from None
        else:
            return None
        names = list(dict.fromkeys(name.strip() for name in text.splitlines() if name.strip()))
        if not names:
            raise ConfigError("no gene was named. Give names like Sox2,Gad1, or `all`.")
        return names


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training."""

    preset: Annotated[
        str | None,
        _training_option(
            "--preset", metavar="P", help="Named settings; `inclust presets` lists them (default: balanced)."
        ),
    ] = None
    epochs: Annotated[int | None, _training_option("--epochs", metavar="N", help="Epochs at most.")] = None
    members: Annotated[
        int | None,
        _training_option(
            "--members", metavar="M", help="Networks trained at once; each hides one fold of the shared genes."
        ),
    ] = None
    seed: Annotated[
        int | None,
        _training_option(
            "--seed", metavar="S", help="The same seed gives the same result on one machine (default: 0)."
        ),
    ] = None
    device: Annotated[
        str | None, _training_option("--device", metavar="D", help="auto, cpu, cuda or mps (default: auto).")
    ] = None
    config_file: Annotated[Path | None, _training_option("--config", metavar="FILE.toml", help="Settings by name.")] = (
        None
    )

    def changes(self, **settings: Any) -> dict[str, Any]:
        """Return the single settings that were given, these options and `settings`, by name."""
        settings = {"epochs": self.epochs, "members": self.members, "seed": self.seed, "device": self.device} | settings
        return {name: value for name, value in settings.items() if value is not None}

    def config(self, **settings: Any) -> Config:
        """Build the settings: the preset, then the file, then single options.

        Parameters
        ----------
        settings
            Settings by name from other options of the command; None: not given.
        """
        from ..training.config import Config

        changes = self.changes(**settings)
        if self.config_file is not None:
            return Config.from_toml(self.config_file, self.preset, **changes)
        return Config.preset(self.preset or "balanced", **changes)


@dataclass(frozen=True)
class RunOptions:
    """Files of the trained run and of the state of its training."""

    saved_run: Annotated[
        Path | None, _training_option("--run", metavar="RUN", help="Use a run that was saved, without training.")
    ] = None
    save_run: Annotated[
        Path | None, _training_option("--save-run", metavar="RUN", help="Keep the trained run, for Python and napari.")
    ] = None
    resume: Annotated[
        Path | None,
        _training_option(
            "--resume",
            metavar="CHECKPOINT",
            help="Keep the state here when training is stopped, and go on from it the next time.",
        ),
    ] = None

    def check_paths(self) -> None:
        """Refuse files that cannot be written, before training."""
        check_run_path(self.save_run)
        check_run_path(self.resume)

    def save(self, run: Run) -> None:
        """Save a run where `--save-run` says, if it was given."""
        if self.save_run is not None:
            run.save(self.save_run)


@dataclass(frozen=True)
class PlanOptions:
    """How several data sets become a plan."""

    covariates: Annotated[
        list[str] | None,
        typer.Option("--covariate", metavar="KEY", help="Column of obs (batch, donor, condition); may be repeated."),
    ] = None
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar=_LABELS_METAVAR,
            help="Column of obs with cell types: KEY of every reference (without a target: of every data set that has "
            "it), or NAME:KEY of the data set NAME; may be repeated.",
        ),
    ] = None
    likelihoods: Annotated[
        list[str] | None,
        typer.Option(
            "--likelihood",
            metavar="MODALITY:KIND",
            help="squared (default), gaussian, nb or bernoulli; may be repeated.",
        ),
    ] = None


class Without:
    """Fields of a group of options that a command lacks: `Annotated[TrainingOptions, Without("members")]`."""

    def __init__(self, *names: str) -> None:
        self.names = names


SectionReadingOptions = Annotated[ReadingOptions, Without("reference_values")]


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each group of options among the parameters of a command by one parameter for each of its fields.

    Parameters
    ----------
    command
        A function; a parameter annotated with a dataclass, or with a dataclass and `Without`, is a group of options.

    Returns
    -------
    The command with a signature for typer; it is called with the values of all options and builds the groups.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        group, *extras = get_args(hints[parameter.name]) or (hints[parameter.name],)
        if not dataclasses.is_dataclass(group):
            parameters.append(_keyword_parameter(parameter.name, parameter.default, hints[parameter.name]))
            continue
        assert isinstance(group, type)
        omitted = {name for extra in extras for name in extra.names}
        fields = [f for f in dataclasses.fields(group) if f.init and f.name not in omitted]
        field_hints = get_type_hints(group, include_extras=True)
        parameters += [_keyword_parameter(f.name, f.default, field_hints[f.name]) for f in fields]
        groups[parameter.name] = group, [f.name for f in fields]

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        built = {name: group(**{f: values.pop(f) for f in fields}) for name, (group, fields) in groups.items()}
        command(**values, **built)

    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    return expanded


def _keyword_parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def check_run_path(path: Path | None) -> None:
    """Refuse a file for a run or a checkpoint that cannot be written, or that holds data, before training.

    Raises
    ------
    OutputError
        A folder that does not exist, a folder instead of a file, or a file with data.
    """
    from ..io.readers.dispatch import guess_format

    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise OutputError(f"the folder {path.absolute().parent} does not exist. Make it first.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected a file, such as run.inclust. Choose another name.")
    if path.exists() and (kind := guess_format(path)) is not None:
        raise OutputError(
            f"{path} holds data ({kind.name}), which would be replaced. Choose another name, such as run.inclust."
        )


def parse_gene_list(genes: str) -> tuple[str, ...]:
    """Return the names given with `--genes` of a command that reads a result.

    Raises
    ------
    ConfigError
        No name at all.
    """
    from ..data.gene_sets import parse_genes

    names = parse_genes(genes)
    if not names:
        raise ConfigError("--genes names no gene. Give at least one, separated by commas.")
    return names
