"""Where a server and what is in it is found."""

from urllib.parse import quote

DEFAULT_SERVER = "~default"
"""Path segment of the default server in our API. Its name in the hub is empty, and no name can hold a tilde."""


def is_inner_path(path: str) -> bool:
    """Whether a path to open stays inside the server's home."""
    if any(ord(character) < 32 or character in "\\\x7f" for character in path):  # noqa: PLR2004 control characters
        return False
    segments = path.split("/")
    return ":" not in segments[0] and all(segment not in {"", ".", ".."} for segment in segments)


def build_server_url(*, public: str, server_url: str, path: str | None) -> str:
    """Build the absolute URL of JupyterLab on a server, showing a file or folder."""
    target = f"lab/tree/{quote(path, safe='/')}" if path else "lab"
    return f"{public}{server_url}{target}"


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
