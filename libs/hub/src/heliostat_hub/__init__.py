"""What runs inside JupyterHub: the spawner, admission hooks and the hub page's templates.

`deploy/jupyterhub/jupyterhub_config.py` is the use of it::

    host = ProcessHost.open(read_settings(HubConfig))
    configure(c, host)
    background = schedule_background(host)
"""

from .background import schedule_background
from .config import HubConfig, HubServiceConfig
from .configure import configure
from .host import ProcessHost
from .sign_in import read_settings

__all__ = ["HubConfig", "HubServiceConfig", "ProcessHost", "configure", "read_settings", "schedule_background"]
