"""Errors that a user can act on: each says what was found, what was expected and what to do."""


class InclustError(Exception):
    """A mistake in the input or the settings.

    The command line prints the message alone (no traceback) and ends with `exit_code`; napari shows it as a
    notification.
    """

    exit_code = 2


class InclustWarning(UserWarning):
    """Something that was done in another way than asked for, and why; also in the notes of the run's panel."""


class DataError(InclustError):
    """A file or a data set that cannot be used as it is."""

    exit_code = 3


class PanelError(DataError):
    """The gene panels of the two data sets do not fit together."""


class ConfigError(InclustError):
    """A setting that is unknown or out of range."""


class RunError(InclustError):
    """A saved run that is damaged, of another version, or does not fit the data."""

    exit_code = 4


class OutputError(InclustError):
    """A result that could not be written; nothing half-written is left."""

    exit_code = 5
