"""What the manifest names: docks and sample data (its reader is in `reader`). Kept light: napari imports it to open any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    import napari

    from .viewer_context import Workbench

_LEAST, _WISHED = 360, 430  # pixels: at napari's own font nothing breaks into a second row
LayerData = tuple[Any, dict[str, Any], str]


class _Dock(QWidget):
    """Gives a dock the workbench of its viewer."""

    scrolls = True

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        from .viewer_context import bench_of
        from .widgets.scrolled import Scrolled

        self.bench = bench_of(napari_viewer)
        self.bench.docks.add(self)
        self.dock = self.make(self.bench)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(Scrolled(self.dock) if self.scrolls else self.dock)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)  # else napari fills half of the height with nothing

    def make(self, bench: Workbench) -> QWidget:
        raise NotImplementedError

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(max(_WISHED, self.minimumSizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        hint = super().minimumSizeHint()
        return QSize(max(_LEAST, hint.width()), hint.height())

    def _fit(self) -> None:
        """napari's size of the text for lists, tables and plots too, which its style sheets leave out."""
        from .theme import font_size

        font = self.font()
        if font.pointSize() != font_size():
            font.setPointSize(font_size())
            self.setFont(font)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self._fit()  # not before: a style sheet that comes later takes it back from the widgets inside
        self.bench.watch(self)


class DataPlugin(_Dock):
    """Plugins > inClust+ > Data."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.data import DataDock

        return DataDock(bench)


class TrainPlugin(_Dock):
    """Plugins > inClust+ > Train."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.train import TrainDock

        return TrainDock(bench)


class GenesPlugin(_Dock):
    """Plugins > inClust+ > Genes."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.genes import GenesDock

        return GenesDock(bench)


class QualityPlugin(_Dock):
    """Plugins > inClust+ > Quality."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.quality import QualityDock

        return QualityDock(bench)


class DomainsPlugin(_Dock):
    """Plugins > inClust+ > Domains."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.domains import DomainsDock

        return DomainsDock(bench)


class CellsPlugin(_Dock):
    """Plugins > inClust+ > Cells."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.cells import CellsDock

        return CellsDock(bench)


class LatentPlugin(_Dock):
    """Plugins > inClust+ > Scatter plot."""

    scrolls = False  # the wheel zooms

    def make(self, bench: Workbench) -> QWidget:
        from .docks.latent import LatentView

        return LatentView(bench)


class RegionsPlugin(_Dock):
    """Plugins > inClust+ > Regions."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.regions import RegionsDock

        return RegionsDock(bench)


class FigurePlugin(_Dock):
    """Plugins > inClust+ > Figure."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.figure import FigureDock

        return FigureDock(bench)


class SessionPlugin(_Dock):
    """Plugins > inClust+ > Session."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.session import SessionDock

        return SessionDock(bench)


class SavePlugin(_Dock):
    """Plugins > inClust+ > Export."""

    def make(self, bench: Workbench) -> QWidget:
        from .docks.save import SaveDock

        return SaveDock(bench)


class MainPlugin(_Dock):
    """Plugins > inClust+ > all steps."""

    scrolls = False  # each step does

    def make(self, bench: Workbench) -> QWidget:
        from .docks.main import MainDock

        return MainDock(bench)


def section_layers(section: Any) -> list[LayerData]:
    """The cells as plain layers, for a viewer without docks: a label image of the types, or of the first gene."""
    from ..paint.layers.cell_layers import GeneLayer, TypeLayer
    from ..paint.limits import Percentile
    from ..paint.raster.cell_raster import section_raster
    from ..paint.values import CellValues
    from .controllers.scene import types_of
    from .state.columns import likely_types
    from .state.gene_source import log_measured

    raster, names, key = section_raster(section), section.adata.obs_names, likely_types(section.adata.obs)
    if key is not None:
        return [TypeLayer(raster, types_of(section, key), lambda row: str(names[row])).as_layer_data_tuple()]
    if section.genes:
        painted = CellValues(section.genes[0], log_measured(section).column(0))
    else:
        assert section.predicted is not None
        name, kind = next(iter(section.predicted.kinds.items()))
        painted = CellValues(name, section.predicted.values(name), kind)
    return [GeneLayer(raster, painted, Percentile().get_limits(painted.values), lambda row: str(names[row])).as_layer_data_tuple()]


def open_demo() -> list[LayerData]:
    """File > Open Sample: the demo section, and its reference in the docks.

    napari insists on adding a layer itself; the docks then take its place with theirs, which has the cells behind it.
    """
    import napari
    from qtpy.QtCore import QTimer

    from ..io.demo import demo_reference, demo_section

    section, viewer, bench = demo_section(), napari.current_viewer(), current_bench()
    if bench is not None:
        QTimer.singleShot(0, lambda: _take_over(viewer, bench, section, demo_reference()))
    return section_layers(section)


def _take_over(viewer: Any, bench: Workbench, section: Any, reference: Any) -> None:
    from .controllers.loading import DEMO
    from .state.columns import likely_types

    for layer in [x for x in viewer.layers if x.source.sample == ("napari-inclust", "demo")]:
        viewer.layers.remove(layer)
    bench.loading.path.update(section=DEMO, reference=DEMO)
    bench.session.open_section(section)
    bench.session.open_reference(reference, likely_types(reference.adata.obs))
    show_docks(viewer, bench)


def show_docks(viewer: Any, bench: Workbench) -> None:
    """Open the composed dock when none of ours is open."""
    if not len(bench.docks):
        viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")


def current_bench() -> Workbench | None:
    """The workbench of the viewer that napari shows, if any."""
    import napari

    from .viewer_context import bench_of

    viewer = napari.current_viewer()
    return None if viewer is None else bench_of(viewer)
