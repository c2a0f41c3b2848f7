"""napari-inclust: impute unmeasured genes, paint them on the tissue, and see how far each may be believed.

Everything here is imported on first use, so that `import napari_inclust` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_MODULES = {
    "Config": "training.config",
    "Panel": "data.panel",
    "Reference": "data.section",
    "Run": "imputation.run",
    "Section": "data.section",
    "Domains": "spatial_domains.result",
    "align": "data.panel",
    "domains": "spatial_domains.find",
    "fit": "imputation.fit",
    "load_run": "io.runs.load",
    "load_trained": "io.runs.load",
    "read_reference": "io.readers.dispatch",
    "read_section": "io.readers.dispatch",
    "InclustError": "errors",
}
__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
