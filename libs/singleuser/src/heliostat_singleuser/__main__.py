"""``python -m heliostat_singleuser``: JupyterHub's single-user server, started sooner."""

import heliostat_singleuser.lab  # isort: skip  # noqa: F401  before anything else imports JupyterLab
from jupyterhub.singleuser import main

if __name__ == "__main__":
    main()
