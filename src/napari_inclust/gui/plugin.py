"""What the manifest names: docks and sample data (its reader is in `reader`). Kept light: napari imports it to open any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    import napari

    from .viewer_context import ViewerContext

_MINIMUM_WIDTH, _PREFERRED_WIDTH = 360, 430  # pixels: at napari's own font nothing breaks into a second row
LayerData = tuple[Any, dict[str, Any], str]


class _PluginDock(QWidget):
    """Gives a dock the workbench of its viewer."""

    scrolls = True

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        from .viewer_context import get_viewer_context
        from .widgets.scrolled import DockScrollArea

        self.context = get_viewer_context(napari_viewer)
        self.context.docks.add(self)
        self.dock = self.build_dock(self.context)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(DockScrollArea(self.dock) if self.scrolls else self.dock)
        self.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
        )  # else napari fills half of the height with nothing

    def build_dock(self, context: ViewerContext) -> QWidget:
        raise NotImplementedError

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(max(_PREFERRED_WIDTH, self.minimumSizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        hint = super().minimumSizeHint()
        return QSize(max(_MINIMUM_WIDTH, hint.width()), hint.height())

    def _apply_font_size(self) -> None:
        """napari's size of the text for lists, tables and plots too, which its style sheets leave out."""
        from .theme import font_size

        font = self.font()
        if font.pointSize() != font_size():
            font.setPointSize(font_size())
            self.setFont(font)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._apply_font_size()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self._apply_font_size()  # not before: a style sheet that comes later takes it back from the widgets inside
        self.context.close_with_window(self)


class DataPlugin(_PluginDock):
    """Plugins > inClust+ > Data."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.data import DataDock

        return DataDock(context)


class TrainPlugin(_PluginDock):
    """Plugins > inClust+ > Train."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.train import TrainDock

        return TrainDock(context)


class GenesPlugin(_PluginDock):
    """Plugins > inClust+ > Genes."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.genes import GenesDock

        return GenesDock(context)


class QualityPlugin(_PluginDock):
    """Plugins > inClust+ > Quality."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.quality import QualityDock

        return QualityDock(context)


class DomainsPlugin(_PluginDock):
    """Plugins > inClust+ > Domains."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.domains import DomainsDock

        return DomainsDock(context)


class CellsPlugin(_PluginDock):
    """Plugins > inClust+ > Cells."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.cells import CellsDock

        return CellsDock(context)


class LatentPlugin(_PluginDock):
    """Plugins > inClust+ > Scatter plot."""

    scrolls = False  # the wheel zooms

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.latent import EmbeddingView

        return EmbeddingView(context)


class RegionsPlugin(_PluginDock):
    """Plugins > inClust+ > Regions."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.regions import RegionsDock

        return RegionsDock(context)


class FigurePlugin(_PluginDock):
    """Plugins > inClust+ > Figure."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.figure import FigureDock

        return FigureDock(context)


class SessionPlugin(_PluginDock):
    """Plugins > inClust+ > Session."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.session import SessionDock

        return SessionDock(context)


class SavePlugin(_PluginDock):
    """Plugins > inClust+ > Export."""

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.save import ExportDock

        return ExportDock(context)


class MainPlugin(_PluginDock):
    """Plugins > inClust+ > all steps."""

    scrolls = False  # each step does

    def build_dock(self, context: ViewerContext) -> QWidget:
        from .docks.main import MainDock

        return MainDock(context)


def section_layers(section: Any) -> list[LayerData]:
    """The cells as plain layers, for a viewer without docks: a label image of the types, or of the first gene."""
    from ..paint.layers.cell_layers import CategoryLayer, GeneLayer
    from ..paint.limits import PercentileLimits
    from ..paint.raster.cell_raster import section_raster
    from ..paint.values import CellValues
    from .state.columns import categories_from_column, guess_cell_type_column
    from .state.gene_source import lognormalised_genes

    raster, names, key = section_raster(section), section.adata.obs_names, guess_cell_type_column(section.adata.obs)
    if key is not None:
        return [
            CategoryLayer(
                raster, categories_from_column(section, key), lambda row: str(names[row])
            ).as_layer_data_tuple()
        ]
    if section.genes:
        painted = CellValues(section.genes[0], lognormalised_genes(section).column(0))
    else:
        assert section.predicted is not None
        name, kind = next(iter(section.predicted.kinds.items()))
        painted = CellValues(name, section.predicted.values(name), kind)
    return [
        GeneLayer(
            raster, painted, PercentileLimits().get_limits(painted.values), lambda row: str(names[row])
        ).as_layer_data_tuple()
    ]


def open_demo() -> list[LayerData]:
    """File > Open Sample: the demo section, and its reference in the docks.

    napari insists on adding a layer itself; the docks then take its place with theirs, which has the cells behind it.
    """
    import napari
    from qtpy.QtCore import QTimer

    from ..io.demo import demo_reference, demo_section

    section, viewer, bench = demo_section(), napari.current_viewer(), current_context()
    if bench is not None:
        QTimer.singleShot(0, lambda: _replace_sample_layers(viewer, bench, section, demo_reference()))
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
    """Open the composed dock when none of ours is open."""
    if not len(context.docks):
        viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")


def current_context() -> ViewerContext | None:
    """The workbench of the viewer that napari shows, if any."""
    import napari

    from .viewer_context import get_viewer_context

    viewer = napari.current_viewer()
    return None if viewer is None else get_viewer_context(viewer)
