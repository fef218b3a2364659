"""Where a server and what is in it is found."""

from urllib.parse import quote

DEFAULT_SERVER = "~default"
"""Path segment of the default server in our API. Its name in the hub is empty, and no name can hold a tilde."""


def build_server_url(*, public: str, server_url: str, opening: str | None) -> str:
    """Build the absolute URL of a page of a server; without an opening it is JupyterLab."""
    return f"{public}{server_url}{opening or 'lab'}"


def build_server_path(*, user: str, name: str) -> str:
    """Build the path under which the hub's proxy serves a server."""
    tail = f"{quote(name, safe='')}/" if name else ""
    return f"/user/{quote(user, safe='@~')}/{tail}"


def to_segment(name: str) -> str:
    """Name a server in the path of our API."""
    return name or DEFAULT_SERVER


def from_segment(segment: str) -> str:
    """Read a server's name from the path of our API."""
    return "" if segment == DEFAULT_SERVER else segment
