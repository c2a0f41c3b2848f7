"""Docks and sample data of the manifest. napari imports this module to open any of them, so that it stays light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    import napari

    from .viewer_context import ViewerContext

_MINIMUM_WIDTH, _PREFERRED_WIDTH = 360, 430  # pixels: at napari's own font nothing breaks into a second row
LayerData = tuple[Any, dict[str, Any], str]


class PluginDock(QWidget):
    """A dock of napari that holds one of our docks, built with the context of its viewer.

    Attributes
    ----------
    dock_module, dock_class
        Relative module and class of our dock.
    scrolls
        Whether the whole dock scrolls.
    """

    dock_module: ClassVar[str]
    dock_class: ClassVar[str]
    scrolls: ClassVar[bool] = True

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        from .viewer_context import get_viewer_context
        from .widgets.scrolled import DockScrollArea

        self.context = get_viewer_context(napari_viewer)
        self.context.docks.add(self)
        self.dock: QWidget = getattr(import_module(self.dock_module, __package__), self.dock_class)(self.context)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(DockScrollArea(self.dock) if self.scrolls else self.dock)
        # otherwise napari leaves half of the height empty
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the preferred size."""
        return QSize(max(_PREFERRED_WIDTH, self.minimumSizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the smallest size."""
        hint = super().minimumSizeHint()
        return QSize(max(_MINIMUM_WIDTH, hint.width()), hint.height())

    def _apply_font_size(self) -> None:
        """Give lists, tables and plots the font size of napari, whose style sheets leave them out."""
        from .theme import font_size

        font = self.font()
        if font.pointSize() != font_size():
            font.setPointSize(font_size())
            self.setFont(font)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Follow the font of the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._apply_font_size()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Apply the font of the theme, and close the context together with the window."""
        super().showEvent(event)
        self._apply_font_size()  # not earlier: a style sheet applied later resets the widgets inside
        self.context.close_with_window(self)


def _create_dock_class(name: str, dock: str, title: str, *, scrolls: bool = True) -> type[PluginDock]:
    """Create the class that napari instantiates for one dock.

    Parameters
    ----------
    name
        Of the class, as in the manifest.
    dock
        Module in `docks` and class of the widget, joined by a dot; imported when the dock is opened.
    title
        In napari's menu Plugins > inClust+.
    scrolls
        Whether the whole dock scrolls.
    """
    module, widget = dock.split(".")
    members = {
        "__doc__": f"Plugins > inClust+ > {title}.",
        "__module__": __name__,
        "dock_module": f".docks.{module}",
        "dock_class": widget,
        "scrolls": scrolls,
    }
    return type(name, (PluginDock,), members)


DataPlugin = _create_dock_class("DataPlugin", "data.DataDock", "Data")
TrainPlugin = _create_dock_class("TrainPlugin", "train.TrainDock", "Train")
GenesPlugin = _create_dock_class("GenesPlugin", "genes.GenesDock", "Genes")
QualityPlugin = _create_dock_class("QualityPlugin", "quality.QualityDock", "Quality")
CellsPlugin = _create_dock_class("CellsPlugin", "cells.CellsDock", "Cells")
LatentPlugin = _create_dock_class(  # its wheel zooms
    "LatentPlugin", "latent.EmbeddingView", "Scatter plot", scrolls=False
)
DomainsPlugin = _create_dock_class("DomainsPlugin", "domains.DomainsDock", "Domains")
RegionsPlugin = _create_dock_class("RegionsPlugin", "regions.RegionsDock", "Regions")
FigurePlugin = _create_dock_class("FigurePlugin", "figure.FigureDock", "Figure")
SessionPlugin = _create_dock_class("SessionPlugin", "session.SessionDock", "Session")
SavePlugin = _create_dock_class("SavePlugin", "save.ExportDock", "Export")
MainPlugin = _create_dock_class("MainPlugin", "main.MainDock", "all steps", scrolls=False)  # each step scrolls


def section_layers(section: Any) -> list[LayerData]:
    """Return the cells as plain layer data: a label image of the cell types, or else an image of the first gene."""
    from ..paint.layers.cell_layers import CategoryLayer, GeneLayer
    from ..paint.limits import PercentileLimits
    from ..paint.raster.cell_raster import section_raster
    from ..paint.values import CellValues
    from .state.columns import categories_from_column, guess_cell_type_column
    from .state.gene_source import lognormalised_genes

    raster, names, key = section_raster(section), section.adata.obs_names, guess_cell_type_column(section.adata.obs)
    if key is not None:
        categories = categories_from_column(section, key)
        return [CategoryLayer(raster, categories, lambda row: str(names[row])).as_layer_data_tuple()]
    if section.genes:
        painted = CellValues(section.genes[0], lognormalised_genes(section).column(0))
    else:
        assert section.predicted is not None
        name, kind = next(iter(section.predicted.kinds.items()))
        painted = CellValues(name, section.predicted.values(name), kind)
    limits = PercentileLimits().get_limits(painted.values)
    return [GeneLayer(raster, painted, limits, lambda row: str(names[row])).as_layer_data_tuple()]


def open_demo() -> list[LayerData]:
    """Open the demo section (File > Open Sample), and its reference in the docks.

    napari always adds the returned layers; where there are docks, they are replaced by those of the session.
    """
    import napari
    from qtpy.QtCore import QTimer

    from ..io.demo import demo_reference, demo_section

    section, viewer, context = demo_section(), napari.current_viewer(), current_context()
    if context is not None:
        QTimer.singleShot(0, lambda: _replace_sample_layers(viewer, context, section, demo_reference()))
    return section_layers(section)


def _replace_sample_layers(viewer: Any, context: ViewerContext, section: Any, reference: Any) -> None:
    from .controllers.loading import DEMO
    from .state.columns import guess_cell_type_column

    for layer in [x for x in viewer.layers if x.source.sample == ("napari-inclust", "demo")]:
        viewer.layers.remove(layer)
    context.loading_controller.paths.update(section=DEMO, reference=DEMO)
    context.session.open_section(section)
    context.session.open_reference(reference, guess_cell_type_column(reference.adata.obs))
    ensure_main_dock(viewer, context)


def ensure_main_dock(viewer: Any, context: ViewerContext) -> None:
    """Open the dock of all steps unless one of our docks is open."""
    if not len(context.docks):
        viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")


def current_context() -> ViewerContext | None:
    """Return the context of the current viewer, or None without a viewer."""
    import napari

    from .viewer_context import get_viewer_context

    viewer = napari.current_viewer()
    return None if viewer is None else get_viewer_context(viewer)
