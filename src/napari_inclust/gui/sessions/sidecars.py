"""Files beside a session file: runs of its section, what was generated, and domains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InclustError
from ..state.gene_source import run_matches_section
from ..state.generated import GeneratedFeatures, load_generated


def write_linked_files(
    path: Path,
    name: str,
    state: dict[str, Any],
    runs: Sequence[Any],
    selected_run: Any,
    generated: GeneratedFeatures | None,
    domains: Any,
) -> list[str]:
    """Write them, and their names into the state.

    Parameters
    ----------
    path
        The session file; `name` is that of the session.
    runs
        Of this section, in order; the chosen one is among them, or None.

    Returns
    -------
    list of str
        What was written, in words.
    """
    from ...io.runs.domain_store import save_domains

    said = []
    state["runs"] = [
        f"{name}.inclust" if run is selected_run else f"{name}.run{i + 1}.inclust" for i, run in enumerate(runs)
    ]
    for file, run in zip(state["runs"], runs, strict=True):
        run.save(path.with_name(file))
        if run is selected_run:
            state["run"] = file
            said.append(f"run in {file}")
    if len(runs) > len(said):
        said.append(f"{len(runs) - len(said)} other run{'s' if len(runs) - len(said) > 1 else ''} (.inclust)")
    if generated is not None:
        state["generated"] = {"file": f"{name}.generated.inclust", "block": generated.modality}
        generated.trained.save(path.with_name(state["generated"]["file"]))
        said.append(f"what generates {generated.modality} in {state['generated']['file']}")
    if domains is not None:
        state["domains"] = f"{name}.domains.npz"
        save_domains(domains, path.with_name(state["domains"]))
        said.append(f"domains in {state['domains']}")
    return said


def read_linked_files(
    folder: Path, state: dict[str, Any], section: Any, reference: Any
) -> tuple[list[Any], Any, GeneratedFeatures | None, Any, tuple[str, ...]]:
    """Read runs, the selected one, generated features and domains; and list what cannot be read.

    Raises
    ------
    InclustError
        The chosen run is damaged, or was trained on other data.
    """
    from ...io.runs.domain_store import load_domains
    from ...io.runs.load import load_run

    runs, chosen, made, domains, lost = [], None, None, None, []
    for file in state.get("runs") or ([state["run"]] if state.get("run") else []):
        try:
            run = load_run(folder / file, section, reference)
        except InclustError as error:
            if file == state["run"]:
                raise
            lost.append(f"the run {file} ({error})")
            continue
        runs.append(run)
        chosen = run if file == state["run"] else chosen
    if state.get("generated") and reference is not None:
        try:
            made = load_generated(section, reference, folder / state["generated"]["file"], state["generated"]["block"])
        except InclustError as error:
            lost.append(f"what was generated ({error})")
    if state.get("domains"):
        try:
            domains = load_domains(folder / state["domains"], section)
        except InclustError as error:  # they can be found again; all else is opened
            lost.append(f"the domains ({error})")
    return runs, chosen, made, domains, tuple(lost)


def runs_of_section(runs: Sequence[Any], section: Any) -> list[Any]:
    """Those that were trained on a section."""
    return [run for run in runs if run_matches_section(run, section)]
