"""Heavy packages in threads."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import threading
from napari_inclust.gui.heavy import heavy

found, together = [], threading.Barrier(4)

def work(n):
    def use():
        from sklearn.utils.extmath import randomized_svd
        from sklearn.ensemble import RandomForestRegressor
        import torch
        return n
    return use

def thread(n):
    together.wait()
    found.append(heavy(work(n))())

threads = [threading.Thread(target=thread, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(found))
"""


def test_threads_that_begin_together_all_find_the_packages_whole() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 1, 2, 3]", done.stderr
