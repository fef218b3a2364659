"""Configuration of the local JupyterHub; all settings are HELIOSTAT_HUB_* variables, see `heliostat_hub.config`."""

from heliostat_hub import HubConfig, ProcessHost, configure, read_settings, schedule_background

host = ProcessHost.open(read_settings(HubConfig))
configure(get_config(), host)  # noqa: F821 given by JupyterHub
background = schedule_background(host)
