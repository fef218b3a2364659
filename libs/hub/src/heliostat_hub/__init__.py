"""What runs inside JupyterHub: the spawner, admission hooks and the hub page's templates.

`deploy/jupyterhub/jupyterhub_config.py` is the use of it::

    host = open_host(read_settings(HubConfig))
    configure(c, host)
    schedule_background(host)
"""

from .background import schedule_background
from .config import HubConfig, HubServiceConfig
from .configure import configure
from .hosts import open_host
from .sign_in import read_settings

__all__ = ["HubConfig", "HubServiceConfig", "configure", "open_host", "read_settings", "schedule_background"]
