"""Configuration of the local JupyterHub; all settings are HELIOSTAT_HUB_* variables, see `heliostat_hub.config`."""

from heliostat_hub import HubConfig, configure, open_host, read_settings, schedule_background

host = open_host(read_settings(HubConfig))
configure(get_config(), host)  # noqa: F821 given by JupyterHub
schedule_background(host)
