"""``python -m heliostat_singleuser``: JupyterHub's single-user server, started sooner."""

import gc
import importlib


def main() -> None:
    """Import the server in the order that its parts have to be imported in, and run it."""
    gc.disable()  # nothing that is imported goes away again; looking for what did takes a tenth of the time
    importlib.import_module("heliostat_singleuser.lab")
    importlib.import_module("heliostat_singleuser.hub")
    singleuser = importlib.import_module("jupyterhub.singleuser")
    gc.freeze()
    gc.enable()
    singleuser.main()


if __name__ == "__main__":
    main()
