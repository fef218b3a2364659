"""Links and build tokens as BinderHub has them."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from heliostat_core.errors import ClientError
from heliostat_sessions.domain.binder_links import BinderLink, read_binder_link
from heliostat_sessions.domain.build_tokens import BuildTokens
from heliostat_sessions.errors import BuildTokenInvalidError
from pydantic import SecretStr

SECRET = "a secret of all replicas, of 32 bytes"
TOKENS = BuildTokens(secret=SecretStr(SECRET))
CLAIMS = {"audience": "gh/ska/demo/HEAD", "origin": "hub.example", "user": "alice"}


def _read(path: bytes, **query: str) -> BinderLink:
    return read_binder_link(b"/services/binder/v2/" + path, below="/services/binder/v2/", query=query)


def test_a_spec_keeps_its_encoding_and_loses_its_last_slash() -> None:
    link = _read(b"gl/group%2Fsub%2Fname/feature%2fx/", urlpath="/lab/tree/a.ipynb")
    assert (link.provider, link.spec) == ("gl", "group%2Fsub%2Fname/feature%2fx")
    assert link.audience == "gl/group%2Fsub%2Fname/feature%2fx/"
    assert link.path == "v2/gl/group%2Fsub%2Fname/feature%2fx"
    assert link.urlpath == "lab/tree/a.ipynb"


def test_an_address_may_stand_in_a_link_as_browsers_send_it() -> None:
    assert _read(b"git/https%3A%2F%2Fgit.example%2Fa%20b/HEAD").spec == "https%3A%2F%2Fgit.example%2Fa%20b/HEAD"
    assert _read(b"zenodo/10.5281/zenodo.3242074").spec == "10.5281/zenodo.3242074"
    assert _read("gh/a/ü".encode()).spec == "a/%C3%BC"


@pytest.mark.parametrize("path", [b"", b"gh", b"gh/", b"gh//", b"GH!/a/b", b"gh/a%0d%0ab", b"gh/" + b"a" * 2001])
def test_what_names_no_repository_is_refused(path: bytes) -> None:
    with pytest.raises(ClientError) as refused:
        _read(path)
    assert (refused.value.code, refused.value.field) == ("binder_link_invalid", "spec")


def test_a_build_token_is_for_one_link_page_and_user() -> None:
    token = TOKENS.mint(**CLAIMS)
    TOKENS.check(token, **CLAIMS)
    for other in ({"audience": "gh/ska/demo/HEAD/"}, {"origin": "evil.example"}, {"user": "bob"}, {"user": None}):
        with pytest.raises(BuildTokenInvalidError):
            TOKENS.check(token, **CLAIMS | other)


@pytest.mark.parametrize("forged", ["", "x.y.z", "\udc80"])
def test_what_is_no_token_is_refused(forged: str) -> None:
    with pytest.raises(BuildTokenInvalidError):
        TOKENS.check(forged, **CLAIMS)


def test_a_token_expires_and_no_other_algorithm_or_secret_makes_one() -> None:
    claims = {"aud": CLAIMS["audience"], "origin": CLAIMS["origin"], "sub": CLAIMS["user"]}
    soon = {"exp": datetime.now(UTC) + timedelta(minutes=1)}
    late = {"exp": datetime.now(UTC) - timedelta(seconds=1)}
    TOKENS.check(jwt.encode(claims | soon, SECRET, "HS256"), **CLAIMS)
    for token in (
        jwt.encode(claims | late, SECRET, "HS256"),
        jwt.encode(claims, SECRET, "HS256"),
        jwt.encode(claims | soon, SECRET + "!" * 32, "HS384"),
        jwt.encode(claims | soon, "another secret of at least 32 bytes", "HS256"),
        jwt.encode(claims | soon, "", "none"),
    ):
        with pytest.raises(BuildTokenInvalidError):
            TOKENS.check(token, **CLAIMS)
