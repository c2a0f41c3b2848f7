"""Regions drawn on the section: statistics, comparisons and files, in threads."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import DataError
from ...paint.values import GENERATED, IMPUTED, MEASURED
from ...spatial.regions import Region, RegionSummary, with_unique_names
from ..state.region_test import compare_groups
from ..state.selection import SelectedCells
from ..state.status import Status, error_message
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from .region_layer import RegionLayer
from .scene import CanvasController

if TYPE_CHECKING:
    import pandas as pd

CellMask = NDArray[np.bool_]
SELECTED_GROUP, REST_GROUP = "selected cells", "all other cells"


class RegionController(Status):
    """The regions of the open section.

    Signals
    -------
    regions_changed
        Other regions.
    statistics_ready
        `statistics` is new.
    comparison_ready
        `comparison` is new.
    """

    regions_changed = Signal()
    statistics_ready = Signal()
    comparison_ready = Signal()

    def __init__(self, viewer: Any, canvas_controller: CanvasController, selected_cells: SelectedCells) -> None:
        super().__init__()
        self._canvas_controller, self._selected_cells = canvas_controller, selected_cells
        self.layer = RegionLayer(viewer)
        self.regions: tuple[Region, ...] = ()
        self.genes: tuple[str, ...] = ()
        self.statistics: RegionSummary | None = None
        self.comparison: pd.DataFrame | None = None
        self.comparison_note = ""  # what the comparison is, and how its p-values are to be read
        self._mask_cache: dict[Region, CellMask] = {}
        self._statistics_runner, self._comparison_runner, self._export_runner = (
            LatestOnly(self._on_error),
            LatestOnly(self._on_error),
            LatestOnly(self._on_error),
        )
        s = canvas_controller.session
        self._connections: tuple[Any, ...] = (
            (s.section_closing, self.layer.remove),
            (s.section_changed, self._on_section_changed),
            (s.cell_categories_changed, self.request_statistics),
            (s.run_selected, self.request_statistics),
            (self.layer.shapes_changed, self._on_shapes_changed),
        )
        for signal, slot in self._connections:
            signal.connect(slot)

    def close(self) -> None:
        """End the threads and disconnect from the viewer; the drawn layer stays."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections = ()
        self.layer.close()
        for later in (self._statistics_runner, self._comparison_runner, self._export_runner):
            later.close()

    # drawing
    def start_drawing(self, tool: str) -> None:
        """Draw with a tool of `lasso.TOOLS`, until it is put away ("")."""
        painter = self._canvas_controller.painter
        if painter is None or not tool:
            self.layer.stop_drawing()
        else:
            if self.layer.layer is None:  # also when the user removed it: what was drawn comes back
                self.layer.set_regions(self.regions, painter.unit, painter.section.xy)
            self.layer.start_drawing(tool)

    def rename(self, index: int, name: str) -> None:
        """Another name; refused when it is taken or empty."""
        name = name.strip()
        if not name or name in {r.name for i, r in enumerate(self.regions) if i != index}:
            self._set_status(
                f"A region needs a name of its own; {name!r} is {'taken' if name else 'empty'}.", is_error=True
            )
        else:
            self._set_regions(
                [*self.regions[:index], Region(name, self.regions[index].corners), *self.regions[index + 1 :]]
            )

    def remove(self, index: int) -> None:
        """Delete a region."""
        self._set_regions([r for i, r in enumerate(self.regions) if i != index])

    def add(self, regions: Sequence[Region]) -> None:
        """More regions; a name that is taken gets a number."""
        self._set_regions([*self.regions, *regions])

    def region_names_of(self, cell_index: int) -> list[str]:
        """Names of the regions that a cell lies in, of those counted."""
        facts = self.statistics
        return (
            []
            if facts is None
            else [r.name for r, mask in zip(facts.regions, facts.masks, strict=True) if mask[cell_index]]
        )

    def select_cells_of(self, index: int) -> None:
        """Select the cells of a region."""
        section = self._canvas_controller.session.section
        if section is not None:
            self._selected_cells.select(self._region_mask(self.regions[index], section), self.regions[index].name)

    def _set_regions(self, regions: list[Region]) -> None:
        painter = self._canvas_controller.painter
        if painter is not None:
            self.layer.set_regions(with_unique_names(regions), painter.unit, painter.section.xy)
            self._store_regions(with_unique_names(regions))

    def _store_regions(self, regions: tuple[Region, ...], error: str = "") -> None:
        self.regions = regions
        self._set_status(error, is_error=bool(error))
        self.regions_changed()
        self.request_statistics()

    def _on_shapes_changed(self) -> None:
        """Read the regions after the user drew, moved or removed a shape."""
        before, regions = set(self.regions), with_unique_names(self.layer.read_regions(self.regions))
        self.layer.write_names(regions)
        section = self._canvas_controller.session.section
        new = [
            r for r in regions if r not in before and section is not None and not self._region_mask(r, section).any()
        ]
        problem = self._canvas_controller.wrong_section_message(new[-1].corners) if new else ""
        self._store_regions(regions, problem)

    # counting
    def set_genes(self, names: Sequence[str]) -> None:
        """Genes whose means are asked for.

        Raises
        ------
        DataError
            Genes that are neither measured nor imputed.
        """
        unknown = [g for g in names if self.gene_kind(g) is None]
        if unknown:
            raise DataError(
                f"{', '.join(unknown[:5])}: neither measured in this section nor imputed or generated. "
                "Use names of the gene table, separated by commas."
            )
        self.genes = tuple(dict.fromkeys(names))
        self.request_statistics()

    def gene_kind(self, gene: str) -> str | None:
        """Return "measured", "imputed" or "generated"; None for a gene without values."""
        session = self._canvas_controller.session
        if session.section is None:
            return None
        if gene in set(session.section.genes):
            return MEASURED
        if session.is_generated(gene):
            return GENERATED
        if session.section.predicted is not None and session.is_stored_prediction(gene):
            return session.section.predicted.kinds[gene]
        return IMPUTED if session.run is not None and gene in set(session.run.panel.reference_only) else None

    def request_statistics(self, *_: Any) -> None:
        """Compute the statistics of the regions in a thread; `statistics_ready` follows."""
        session, items = self._canvas_controller.session, self.regions
        section, types = session.section, session.cell_categories
        if section is None or not items:
            self._statistics_runner.discard()
            self._set_statistics(None)
            return
        genes = [(g, kind) for g in self.genes if (kind := self.gene_kind(g)) is not None]
        self._mask_cache = {region: mask for region, mask in list(self._mask_cache.items()) if region in items}

        known = self._mask_cache  # of this section, also when another one is opened while this runs

        def job() -> RegionSummary:
            from ...spatial import regions as core

            names, masks = [r.name for r in items], tuple(_cached_region_mask(r, section, known) for r in items)
            codes, categories = (
                (np.zeros(section.n_cells, dtype=np.int32), ("cell",))
                if types is None
                else (types.codes, types.categories)
            )
            found = {(g, kind): session.values_of(g, imputed=kind != MEASURED) for g, kind in genes}
            values, units = {key: v.values for key, v in found.items()}, {v.name: v.unit for v in found.values()}
            table = core.expression_summary(names, masks, values, units)
            return RegionSummary(
                items,
                masks,
                core.region_sizes(items, masks),
                core.category_counts(names, masks, codes, categories),
                table,
            )

        self._statistics_runner.submit(
            job if session.run is None else with_heavy_imports(job),
            lambda facts: self._on_statistics_ready(section, facts),
        )

    def _region_mask(self, region: Region, section: Any) -> CellMask:
        return _cached_region_mask(region, section, self._mask_cache)

    def _on_statistics_ready(self, section: Any, statistics: RegionSummary) -> None:
        if section is self._canvas_controller.session.section:
            self._set_statistics(statistics)

    def _set_statistics(self, statistics: RegionSummary | None) -> None:
        self.statistics = statistics
        self.statistics_ready()

    # comparing
    def comparison_groups(self) -> list[str]:
        """Return what can be compared: regions, the selection, domains, and (as B) all other cells."""
        seg = self._canvas_controller.domain_controller.segmentation
        selected = [SELECTED_GROUP] if self._selected_cells.current is not None else []
        return [
            *(r.name for r in self.regions),
            *selected,
            *(f"domain: {n}" for n in (seg.names if seg is not None else ())),
            REST_GROUP,
        ]

    def group_mask(self, group: str) -> CellMask:
        """(cells,) of a group, but for `REST`."""
        section, seg, now = (
            self._canvas_controller.session.section,
            self._canvas_controller.domain_controller.segmentation,
            self._selected_cells.current,
        )
        for region in self.regions:
            if region.name == group and section is not None:
                return self._region_mask(region, section)
        if group == SELECTED_GROUP and now is not None:
            return now.mask
        if seg is not None and group.startswith("domain: "):
            return np.asarray(seg.labels == list(seg.names).index(group.removeprefix("domain: ")))
        raise DataError(f"there is no group {group!r} any more. Choose another one.")

    def compare(self, a: str, b: str) -> None:
        """All measured genes, and the imputed ones asked for, in A against B, in a thread; `comparison_ready` follows.

        Raises
        ------
        DataError
            Groups that are the same, overlap, or are not there any more.
        """
        session = self._canvas_controller.session
        if session.section is None:
            raise DataError("there is no section. Open one first (Data).")
        in_a = self.group_mask(a)
        in_b = ~in_a if b == REST_GROUP else self.group_mask(b)
        both = int((in_a & in_b).sum())
        if both:
            raise DataError(
                f"{both:,} cells are in both {a} and {b}. "
                f"Compare groups that do not overlap, for example {a} with {REST_GROUP}."
            )
        predicted = [g for g in self.genes if self.gene_kind(g) not in (MEASURED, None)]
        imputed = [g for g in predicted if not session.is_generated(g) and not session.is_stored_prediction(g)]
        means = [g for g in predicted if g not in imputed]  # how far these err in a group is not known
        section = session.section
        if not section.genes and not predicted:
            raise DataError(
                f"{section.name} holds predictions only, and no run that says how far they are off: "
                "nothing can be tested. "
                "Name some of them above to see their means, or open what was measured."
            )
        self._set_status(f"Comparing {len(section.genes) + len(predicted):,} genes …")

        def job() -> tuple[pd.DataFrame, str]:
            return compare_groups(session, in_a, in_b, imputed, means)

        self._comparison_runner.submit(
            job if session.run is None else with_heavy_imports(job),
            lambda found: self._on_comparison_ready(a, b, *found),
        )

    def _on_comparison_ready(self, a: str, b: str, table: pd.DataFrame, note: str) -> None:
        self._set_status("")
        self._set_comparison(table, f"A is {a}, B is {b}. {note}")

    # files
    def export(self, path: str | Path) -> None:
        """Write polygons (`.geojson`), statistics (`.csv`), or the section with its regions (`.h5ad`, `.zarr`)."""
        path, section, facts, items = Path(path), self._canvas_controller.session.section, self.statistics, self.regions
        if section is None or not items:
            return

        def job() -> str:
            from ...io.writers.atomic import check_output, write_csv

            inputs = [p for p in (section.path,) if p is not None]
            if path.suffix == ".geojson":
                from ...io.regions import write_regions

                write_regions(check_output(path, (".geojson",), inputs=inputs), items)
                return f"{len(items)} regions (polygons in micrometres) are in {path}."
            if path.suffix == ".csv":
                assert facts is not None
                from ...spatial.regions import long_table

                write_csv(long_table(facts).set_index("region"), check_output(path, (".csv",), inputs=inputs))
                return f"Counts, composition and expression of {len(facts.regions)} regions are in {path}."
            from ...io.writers.anndata_files import write_annotated
            from ...spatial.regions import region_labels

            column = region_labels(items, [self._region_mask(r, section) for r in items], section.n_cells)
            corners = {r.name: r.corners for r in items}
            write_annotated(
                check_output(path, inputs=inputs),
                section.adata,
                {"inclust_region": column},
                {"inclust_regions": corners},
            )
            return (
                f"obs['inclust_region'] of {path} names the region of each cell; "
                "uns['inclust_regions'] holds the corners (micrometres)."
            )

        self._start_export(path, job)

    def export_comparison(self, path: str | Path) -> None:
        """Write the comparison as CSV."""
        path, table = Path(path), self.comparison

        def job() -> str:
            from ...io.writers.atomic import check_output, write_csv

            assert table is not None
            write_csv(table.set_index("gene"), check_output(path, (".csv",)))
            return f"The comparison of {len(table):,} genes is in {path}."

        self._start_export(path, job)

    def import_regions(self, path: str | Path) -> None:
        """Regions of a GeoJSON file beside those that are there."""
        from ...io.regions import read_regions

        self.add(read_regions(path))

    def _start_export(self, path: Path, job: Callable[[], str]) -> None:
        self._set_status(f"Writing {path.name} …")
        self._export_runner.submit(job, self._set_status)

    # the session
    def _on_section_changed(self) -> None:
        self.genes, self._mask_cache = (), {}
        self._comparison_runner.discard()
        self._set_comparison(None, "")
        self._store_regions(())

    def _set_comparison(self, table: pd.DataFrame | None, note: str) -> None:
        self.comparison, self.comparison_note = table, note
        self.comparison_ready()

    def _on_error(self, error: Exception) -> None:
        self._set_status(error_message(error, "That failed", "The regions stay as they are."), is_error=True)


def _cached_region_mask(region: Region, section: Any, cache: dict[Region, CellMask]) -> CellMask:
    """(cells,) of a region, found once."""
    mask = cache.get(region)
    if mask is None:
        mask = cache[region] = region.contains(section.xy)
    return mask


def weak_region_lookup(regions: RegionController) -> Callable[[int], list[str]]:
    """`regions.at` that does not keep the regions alive."""
    me = weakref.ref(regions)

    def at(row: int) -> list[str]:
        now = me()
        return [] if now is None else now.region_names_of(row)

    return at
