"""Values for the hub's templates; synchronous and from memory, since pages are rendered on the hub's loop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliostat_core.grants import Grant, GrantInvalidError, read_grant
from pydantic import SecretStr


def build_template_variables(*, grant_key: SecretStr, collaboration: bool) -> dict[str, Any]:
    """Build what the templates use.

    ``heliostat_origin`` is a function from a spawner to the grant it started with, or None; ``heliostat_collaboration``
    says whether servers have real-time collaboration.
    """

    def find(spawner: Any) -> Grant | None:
        return find_origin(spawner.user_options, grant_key=grant_key)

    def bind(_user: Any) -> Callable[[Any], Grant | None]:
        return find  # the hub calls a callable variable with the user, whenever it renders a page

    return {"heliostat_origin": bind, "heliostat_collaboration": collaboration}


def find_origin(user_options: object, *, grant_key: SecretStr) -> Grant | None:
    """Say where a server came from, by its grant; None for a plain server or a forged option."""
    text = user_options.get("grant") if isinstance(user_options, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return read_grant(text, key=grant_key)
    except GrantInvalidError:
        return None


def has_collaboration(base_environment: Path) -> bool:
    """Say whether the environment that runs JupyterLab has `jupyter-collaboration`, by the package of its server."""
    return any(base_environment.glob("lib/python*/site-packages/jupyter_server_ydoc/__init__.py"))
