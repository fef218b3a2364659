"""What runs inside JupyterHub: the spawner, admission hooks and the hub page's templates.

`deploy/jupyterhub/jupyterhub_config.py` is the use of it::

    host = ProcessHost.open(HubConfig())
    configure(c, host)
    background = schedule_background(host)
"""

from .background import schedule_background
from .config import HubConfig, HubServiceConfig
from .configure import configure
from .host import ProcessHost

__all__ = ["HubConfig", "HubServiceConfig", "ProcessHost", "configure", "schedule_background"]
