"""What the tests of damaged and hostile files share."""

from __future__ import annotations

import os
import zipfile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from napari_inclust.io.readers.dispatch import read_section

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Evil:
    """Unpickling it makes the file that it names."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def parts_of(run_file):
    with zipfile.ZipFile(run_file) as z:
        return {name: z.read(name) for name in z.namelist()}


def rewritten(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in parts.items():
            z.writestr(name, content)
    return path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def read_section_of(adata, path):
    adata.write_h5ad(path)
    return read_section(path)
