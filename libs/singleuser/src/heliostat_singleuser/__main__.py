"""``python -m heliostat_singleuser``: JupyterHub's single-user server, started sooner."""

import heliostat_singleuser.lab  # isort: skip  before anything else imports JupyterLab
import heliostat_singleuser.hub  # isort: skip  # noqa: F401  before anything else imports JupyterHub
from jupyterhub.singleuser import main

if __name__ == "__main__":
    main()
