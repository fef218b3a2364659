"""What services may do at the hub."""

import pytest
from heliostat_hub.config import HubConfig, HubServiceConfig
from heliostat_hub.configure import _configure_access
from traitlets.config import Config


@pytest.mark.parametrize("anonymous", [False, True])
def test_users_and_tokens_are_made_only_where_anybody_may_launch(*, anonymous: bool) -> None:
    binder = HubServiceConfig(name="binder", url="http://127.0.0.1:1", api_token="x" * 16)
    config = HubConfig.model_construct(
        services=(binder,), anonymous_launches=anonymous, admin_username="admin", metrics_token=None
    )
    c = Config()
    _configure_access(c, config, admin_groups=[])
    assert [service["name"] for service in c.JupyterHub.services] == ["binder"]
    roles = [role for role in c.JupyterHub.load_roles if "binder" in role.get("services", [])]
    scopes = {scope for role in roles for scope in role["scopes"]}
    assert ({"admin:users", "tokens"} <= scopes) is anonymous
    assert "start:servers" in scopes
