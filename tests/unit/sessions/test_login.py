"""Where a sign-in may lead afterwards."""

from types import SimpleNamespace
from typing import Any

import pytest
from heliostat_sessions.domain.cookies import Cookies
from heliostat_sessions.services.login import LoginService

OAUTH: Any = SimpleNamespace(build_authorize_url=lambda **_: "")
LINK = "/services/binder/v2/git/https%3A%2F%2Fgit.example%2F..%2Fdemo/main?urlpath=lab%2F..%2Fx"


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (LINK, True),
        ("/services/binder/../../user/mallory/", False),
        ("/services/binder/%2e%2E/policy/", False),
        ("/services/binder/..", False),
        ("//evil.example/services/binder/", False),
        ("https://evil.example/services/binder/", False),
        ("/services/binder/\\evil", False),
        ("/hub/logout", False),
    ],
)
def test_it_leads_back_into_this_service_and_nowhere_else(*, target: str, kept: bool) -> None:
    login = LoginService(oauth=OAUTH, authenticator=OAUTH, cookies=Cookies(secret="s"))
    _, state = login.begin(target)
    assert state.next == (target if kept else "/services/binder/")
