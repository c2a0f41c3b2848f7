"""Areas drawn on the section: kept by name, counted in a thread, compared, written. No widgets here."""

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
from ...spatial.regions import Facts, Region, named
from ..state.error_text import told
from ..state.region_test import compared
from ..state.selection import Selection
from ..workers.imports import heavy
from ..workers.latest_only import Later
from .region_layer import RegionLayer
from .scene import Scene

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
SELECTED, REST = "selected cells", "all other cells"


class Regions:
    """The regions of the open section.

    Signals
    -------
    changed
        Others are drawn, or what is asked of them; `message` and `wrong` say what happened.
    counted
        `facts` are new.
    compared
        `comparison` is new.
    """

    changed = Signal()
    counted = Signal()
    compared = Signal()

    def __init__(self, viewer: Any, scene: Scene, selection: Selection) -> None:
        self._scene, self._selection = scene, selection
        self.layer = RegionLayer(viewer)
        self.items: tuple[Region, ...] = ()
        self.genes: tuple[str, ...] = ()
        self.facts: Facts | None = None
        self.comparison: pd.DataFrame | None = None
        self.said = ""  # what the comparison is, and how its p-values are to be read
        self.message, self.wrong = "", False
        self._masks: dict[Region, Mask] = {}
        self._counter, self._comparer, self._writer = Later(self._failed), Later(self._failed), Later(self._failed)
        self._section: Any = None
        s = scene.session
        self._links = (
            (s.data_changed, self._data),
            (s.types_changed, self.count),
            (s.run_changed, self.count),
            (self.layer.changed, self._drawn),
            (self.layer.tool_changed, self.changed.emit),
        )
        for signal, slot in self._links:
            signal.connect(slot, priority=1)  # before the scene paints another section

    def close(self) -> None:
        """End the threads and let go of the viewer; the drawn layer stays."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._links = ()
        self.layer.close()
        for later in (self._counter, self._comparer, self._writer):
            later.close()

    # drawing
    def draw(self, tool: str) -> None:
        """Draw with a tool of `lasso.TOOLS`, until it is put away ("")."""
        painter = self._scene.painter
        if painter is None or not tool:
            self.layer.rest()
        else:
            if self.layer.layer is None:  # also when the user removed it: what was drawn comes back
                self.layer.show(self.items, painter.unit, painter.section.xy)
            self.layer.draw(tool)

    def rename(self, index: int, name: str) -> None:
        """Another name; refused when it is taken or empty."""
        name = name.strip()
        if not name or name in {r.name for i, r in enumerate(self.items) if i != index}:
            self._say(f"A region needs a name of its own; {name!r} is {'taken' if name else 'empty'}.", wrong=True)
        else:
            self._put([*self.items[:index], Region(name, self.items[index].corners), *self.items[index + 1 :]])

    def remove(self, index: int) -> None:
        """Delete a region."""
        self._put([r for i, r in enumerate(self.items) if i != index])

    def add(self, regions: Sequence[Region]) -> None:
        """More regions; a name that is taken gets a number."""
        self._put([*self.items, *regions])

    def at(self, row: int) -> list[str]:
        """Names of the regions that a cell lies in, of those counted."""
        facts = self.facts
        return [] if facts is None else [r.name for r, mask in zip(facts.regions, facts.masks, strict=True) if mask[row]]

    def select(self, index: int) -> None:
        """Select the cells of a region."""
        section = self._scene.session.section
        if section is not None:
            self._selection.select(self._mask(self.items[index], section), self.items[index].name)

    def _put(self, regions: list[Region]) -> None:
        painter = self._scene.painter
        if painter is not None:
            self.items = named(regions)
            self.layer.show(self.items, painter.unit, painter.section.xy)
            self._say("")
            self.count()

    def _drawn(self) -> None:
        """The user drew, moved or removed a shape."""
        before = set(self.items)
        self.items = named(self.layer.regions(self.items))
        self.layer.name_all(self.items)
        section = self._scene.session.section
        new = [r for r in self.items if r not in before and section is not None and not self._mask(r, section).any()]
        problem = self._scene.elsewhere_of(new[-1].corners) if new else ""
        self._say(problem, wrong=bool(problem))
        self.count()

    # counting
    def set_genes(self, names: Sequence[str]) -> None:
        """Genes whose means are asked for.

        Raises
        ------
        DataError
            Genes that are neither measured nor imputed.
        """
        unknown = [g for g in names if self.kind(g) is None]
        if unknown:
            raise DataError(
                f"{', '.join(unknown[:5])}: neither measured in this section nor imputed or generated. Use names of the gene table, separated by commas."
            )
        self.genes = tuple(dict.fromkeys(names))
        self.count()

    def kind(self, gene: str) -> str | None:
        """ "measured", "imputed", "generated"; None where there is nothing of a gene."""
        session = self._scene.session
        if session.section is None:
            return None
        if gene in set(session.section.genes):
            return MEASURED
        if session.is_made(gene):
            return GENERATED
        if session.section.predicted is not None and session.is_stored(gene):
            return session.section.predicted.kinds[gene]
        return IMPUTED if session.run is not None and gene in set(session.run.panel.reference_only) else None

    def count(self, *_: Any) -> None:
        """Count anew, in a thread; `counted` follows."""
        session, items = self._scene.session, self.items
        section, types = session.section, session.types
        if section is None or not items:
            self._counter.forget()
            self.facts = None
            self.counted()
            return
        genes = [(g, kind) for g in self.genes if (kind := self.kind(g)) is not None]
        self._masks = {region: mask for region, mask in list(self._masks.items()) if region in items}

        known = self._masks  # of this section, also when another one is opened while this runs

        def job() -> Facts:
            from ...spatial import regions as core

            names, masks = [r.name for r in items], tuple(_cells_in(r, section, known) for r in items)
            codes, categories = (np.zeros(section.n_cells, dtype=np.int32), ("cell",)) if types is None else (types.codes, types.categories)
            found = {(g, kind): session.values_of(g, imputed=kind != MEASURED) for g, kind in genes}
            values, units = {key: v.values for key, v in found.items()}, {v.name: v.unit for v in found.values()}
            table = core.expression(names, masks, values, units)
            return Facts(items, masks, core.counts(items, masks), core.composition(names, masks, codes, categories), table)

        self._counter.ask(job if session.run is None else heavy(job), lambda facts: self._counted(section, facts))

    def _mask(self, region: Region, section: Any) -> Mask:
        return _cells_in(region, section, self._masks)

    def _counted(self, section: Any, facts: Facts) -> None:
        if section is self._scene.session.section:
            self.facts = facts
            self.counted()

    # comparing
    def groups(self) -> list[str]:
        """What can be compared: regions, the selection, domains, and (as B) all other cells."""
        seg = self._scene.finding.segmentation
        selected = [SELECTED] if self._selection.now is not None else []
        return [*(r.name for r in self.items), *selected, *(f"domain: {n}" for n in (seg.names if seg is not None else ())), REST]

    def cells_of(self, group: str) -> Mask:
        """(cells,) of a group, but for `REST`."""
        section, seg, now = self._scene.session.section, self._scene.finding.segmentation, self._selection.now
        for region in self.items:
            if region.name == group and section is not None:
                return self._mask(region, section)
        if group == SELECTED and now is not None:
            return now.cells
        if seg is not None and group.startswith("domain: "):
            return np.asarray(seg.labels == list(seg.names).index(group.removeprefix("domain: ")))
        raise DataError(f"there is no group {group!r} any more. Choose another one.")

    def compare(self, a: str, b: str) -> None:
        """All measured genes, and the imputed ones asked for, in A against B, in a thread; `compared` follows.

        Raises
        ------
        DataError
            Groups that are the same, overlap, or are not there any more.
        """
        session = self._scene.session
        if session.section is None:
            raise DataError("there is no section. Open one first (Data).")
        in_a = self.cells_of(a)
        in_b = ~in_a if b == REST else self.cells_of(b)
        both = int((in_a & in_b).sum())
        if both:
            raise DataError(f"{both:,} cells are in both {a} and {b}. Compare groups that do not overlap, for example {a} with {REST}.")
        predicted = [g for g in self.genes if self.kind(g) not in (MEASURED, None)]
        imputed = [g for g in predicted if not session.is_made(g) and not session.is_stored(g)]
        means = [g for g in predicted if g not in imputed]  # how far these err in a group is not known
        section = session.section
        if not section.genes and not predicted:
            raise DataError(
                f"{section.name} holds predictions only, and no run that says how far they are off: nothing can be tested. "
                "Name some of them above to see their means, or open what was measured."
            )
        self._say(f"Comparing {len(section.genes) + len(predicted):,} genes …")

        def job() -> tuple[pd.DataFrame, str]:
            return compared(session, in_a, in_b, imputed, means)

        self._comparer.ask(job if session.run is None else heavy(job), lambda found: self._compared(a, b, *found))

    def _compared(self, a: str, b: str, table: pd.DataFrame, note: str) -> None:
        self.comparison = table
        self.said = f"A is {a}, B is {b}. {note}"
        self._say("")
        self.compared()

    # files
    def save(self, path: str | Path) -> None:
        """Polygons (`.geojson`), tables (`.csv`, one row a region and fact), or the section with a column `region` (`.h5ad`, `.zarr`), in a thread."""
        path, section, facts, items = Path(path), self._scene.session.section, self.facts, self.items
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
            from ...io.writers.annotate import write_annotated
            from ...spatial.regions import labels

            column = labels(items, [self._mask(r, section) for r in items], section.n_cells)
            corners = {r.name: r.corners for r in items}
            write_annotated(check_output(path, inputs=inputs), section.adata, {"inclust_region": column}, {"inclust_regions": corners})
            return f"obs['inclust_region'] of {path} names the region of each cell; uns['inclust_regions'] holds the corners (micrometres)."

        self._write(path, job)

    def save_comparison(self, path: str | Path) -> None:
        """The comparison that is shown, as CSV."""
        path, table = Path(path), self.comparison

        def job() -> str:
            from ...io.writers.atomic import check_output, write_csv

            assert table is not None
            write_csv(table.set_index("gene"), check_output(path, (".csv",)))
            return f"The comparison of {len(table):,} genes is in {path}."

        self._write(path, job)

    def load(self, path: str | Path) -> None:
        """Regions of a GeoJSON file beside those that are there."""
        from ...io.regions import read_regions

        self.add(read_regions(path))

    def _write(self, path: Path, job: Callable[[], str]) -> None:
        self._say(f"Writing {path.name} …")
        self._writer.ask(job, self._say)

    # the session
    def _data(self) -> None:
        section = self._scene.session.section
        if section is not self._section:
            self._section, self.items, self.genes, self.comparison, self.said, self._masks = section, (), (), None, "", {}
            self.layer.clear()
            self._comparer.forget()
            self._say("")
            self.count()
            self.compared()

    def _failed(self, error: Exception) -> None:
        self._say(told(error, "That failed", "The regions stay as they are."), wrong=True)

    def _say(self, message: str, *, wrong: bool = False) -> None:
        self.message, self.wrong = message, wrong
        self.changed()


def _cells_in(region: Region, section: Any, known: dict[Region, Mask]) -> Mask:
    """(cells,) of a region, found once."""
    mask = known.get(region)
    if mask is None:
        mask = known[region] = region.cells(section.xy)
    return mask


def weak(regions: Regions) -> Callable[[int], list[str]]:
    """`regions.at` that does not keep the regions alive."""
    me = weakref.ref(regions)

    def at(row: int) -> list[str]:
        now = me()
        return [] if now is None else now.at(row)

    return at
