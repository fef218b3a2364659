"""Values for the hub page's templates; synchronous and from memory, since pages are rendered on the hub's loop."""

from typing import Any

from heliostat_core.contracts.policy import Rules
from heliostat_core.grants import GrantInvalidError, read_grant
from pydantic import SecretStr

from .admission import AdmissionDesk
from .plan import describe_origin


def build_template_variables(desk: AdmissionDesk, *, grant_key: SecretStr) -> dict[str, Any]:
    """Build what the templates use: ``heliostat_rules`` (or none) and ``heliostat_origins`` by server name.

    The hub calls a callable variable with the signed-in user, or None, whenever it renders a page.
    """

    def rules(user: Any) -> Rules | None:
        return desk.remembered_rules(user.name) if user else None

    def origins(user: Any) -> dict[str, str]:
        spawners = user.all_spawners(include_default=False) if user else ()
        found = {spawner.name: find_origin(spawner.user_options, grant_key=grant_key) for spawner in spawners}
        return {name: origin for name, origin in found.items() if origin}

    return {"heliostat_rules": rules, "heliostat_origins": origins}


def find_origin(user_options: object, *, grant_key: SecretStr) -> str | None:
    """Say where a server came from, by its grant; None for a plain server or a forged option."""
    text = user_options.get("grant") if isinstance(user_options, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return describe_origin(read_grant(text, key=grant_key))
    except GrantInvalidError:
        return None
