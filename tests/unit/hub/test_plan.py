"""What a server is started with."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from heliostat_core.grants import Grant
from heliostat_hub.errors import refuse_by_policy, refuse_without_policy
from heliostat_hub.plan import (
    build_binder_variables,
    build_command,
    build_default_url,
    build_variables,
    describe_unenforced,
)
from heliostat_runtime import Enforcement

from tests.unit.hub.verdicts import build_verdict


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (None, "/lab"),
        ("", "/lab"),
        ("/", "/lab"),
        ("index.ipynb", "/lab/tree/index.ipynb"),
        ("a b/ü#?.ipynb", "/lab/tree/a%20b/%C3%BC%23%3F.ipynb"),
        ("{username}", "/lab/tree/%7Busername%7D"),
    ],
)
def test_a_path_opens_in_jupyterlab(path: str | None, url: str) -> None:
    assert build_default_url(path) == url


def test_the_home_cannot_shadow_the_servers_modules() -> None:
    command = build_command(Path("/base"))
    assert command[:4] == ("/base/bin/python", "-I", "-m", "heliostat_singleuser")


def test_kernels_are_not_on_the_network_all_servers_share() -> None:
    assert "--KernelManager.transport=ipc" in build_command(Path("/base"))


def test_access_that_was_taken_back_is_noticed_within_half_a_minute() -> None:
    assert "--HubOAuth.cache_max_age=30" in build_command(Path("/base"))


def test_only_pages_of_granted_origins_may_use_a_server() -> None:
    (option,) = (
        part
        for part in build_command(Path("/base"), origins=["https://docs.example", "http://127.0.0.1:8000"])
        if "allow_origin" in part
    )
    pattern = option.partition("=")[2]
    assert re.match(pattern, "https://docs.example")
    for other in ("https://docs.example.evil", "https://docsXexample", "http://127.0.0.1:80001", "x://docs.example"):
        assert not re.match(pattern, other)
    assert not any("allow_origin" in part for part in build_command(Path("/base")))


def test_only_a_temporary_users_server_takes_a_token_from_a_url() -> None:
    assert "JUPYTERHUB_ALLOW_TOKEN_IN_URL" not in build_variables({}, activity_url="http://x")
    assert build_variables({}, activity_url="http://x", temporary=True)["JUPYTERHUB_ALLOW_TOKEN_IN_URL"] == "1"


def test_code_in_a_server_knows_where_it_came_from_as_at_a_binder() -> None:
    grant = Grant(
        user="lyra",
        server_name="s",
        session_id=UUID(int=1),
        launch_id=None,
        environment_id="e",
        content_id=None,
        repo="https://github.com/astro/survey",
        commit="0123",
        path=None,
        spec="gh/astro/survey/0123",
        ref_url="https://github.com/astro/survey/tree/0123",
        issued_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert build_binder_variables(grant, public_url="https://hub.example/") == {
        "BINDER_REPO_URL": "https://github.com/astro/survey",
        "BINDER_REF_URL": "https://github.com/astro/survey/tree/0123",
        "BINDER_LAUNCH_HOST": "https://hub.example/services/binder/",
        "BINDER_REQUEST": "v2/gh/astro/survey/0123",
        "BINDER_PERSISTENT_REQUEST": "v2/gh/astro/survey/0123",
    }
    older = grant.model_copy(update={"spec": None})
    assert "BINDER_REQUEST" not in build_binder_variables(older, public_url="https://hub.example/")


def test_unset_variables_are_left_out() -> None:
    assert build_variables({"A": "1", "B": None}, activity_url="http://x") == {
        "A": "1",
        "HELIOSTAT_ACTIVITY_URL": "http://x",
    }


def test_only_what_is_not_enforced_is_told() -> None:
    cpu = Enforcement(resource="cpu", enforced=True, method="cgroup v1")
    storage = Enforcement(resource="storage", enforced=False, method="none", reason="No root.")
    assert describe_unenforced((cpu, storage)) == ["Not enforced here: storage. No root."]


def test_a_refusal_is_readable_and_its_html_is_harmless() -> None:
    error = refuse_by_policy(build_verdict(rule="named_servers", message="Too <many>", remedy="Delete <b>one</b>."))
    assert error.status_code == 409
    assert error.reason == "policy"
    assert error.jupyterhub_message == "Too <many>. Delete <b>one</b>."
    assert error.jupyterhub_html_message == "Too &lt;many&gt;.<br>Delete &lt;b&gt;one&lt;/b&gt;."


def test_without_policy_it_is_said_that_running_servers_are_safe() -> None:
    assert refuse_without_policy().status_code == 503
    assert "Running servers are not affected." in refuse_without_policy().message
