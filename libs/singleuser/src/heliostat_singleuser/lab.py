"""JupyterLab, imported sooner.

Where node is on PATH, importing JupyterLab runs yarn to learn which registry extensions would be built from. Nothing is
built in a read-only environment, and it costs every start most of a second: so node is out of sight meanwhile.
"""

import os

_PATH = os.environ.get("PATH", os.defpath)
os.environ["PATH"] = "/nonexistent"
try:
    import jupyterlab.labapp  # noqa: F401  imported for its side effects, while there is no node
finally:
    os.environ["PATH"] = _PATH
