"""Grants cannot be altered, moved to another server, kept for later, or made without the key."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from heliostat_core.grants import GRANT_LIFETIME, Grant, GrantInvalidError, read_grant, sign_grant, verify_grant
from pydantic import SecretStr, ValidationError

KEY = SecretStr("a-key-of-the-tests" * 3)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GRANT = Grant(
    user="lyra",
    server_name="spots",
    session_id=UUID(int=1),
    launch_id=UUID(int=2),
    environment_id="e-1",
    content_id="c-1",
    repo="https://example.org/sun/spots",
    commit="0" * 40,
    path="index.ipynb",
    issued_at=NOW,
)


def verify(text: str, *, user: str = "lyra", server_name: str = "spots", now: datetime = NOW) -> Grant:
    return verify_grant(text, key=KEY, user=user, server_name=server_name, now=now)


def test_a_signed_grant_reads_back() -> None:
    assert verify(sign_grant(GRANT, key=KEY)) == GRANT


@pytest.mark.parametrize("position", [0, 10, 100, -1, -20])
def test_any_altered_character_is_noticed(position: int) -> None:
    text = list(sign_grant(GRANT, key=KEY))
    text[position] = "A" if text[position] != "A" else "B"
    with pytest.raises(GrantInvalidError):
        verify("".join(text))


def test_a_payload_cannot_be_exchanged() -> None:
    signature = sign_grant(GRANT, key=KEY).partition(".")[2]
    payload = GRANT.model_copy(update={"environment_id": "e-2"}).model_dump_json().encode()
    with pytest.raises(GrantInvalidError, match="signature"):
        verify(f"{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.{signature}")


def test_another_key_signs_nothing() -> None:
    with pytest.raises(GrantInvalidError, match="signature"):
        verify(sign_grant(GRANT, key=SecretStr("another")))


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "{}", "a" * 10_000, "=.=", "AAAA.AAAA.AAAA"])
def test_what_is_no_grant_is_refused(text: str) -> None:
    with pytest.raises(GrantInvalidError):
        verify(text)


@pytest.mark.parametrize(("user", "server_name"), [("vega", "spots"), ("lyra", "other"), ("lyra", "")])
def test_a_grant_is_for_one_server(user: str, server_name: str) -> None:
    with pytest.raises(GrantInvalidError, match="another server"):
        verify(sign_grant(GRANT, key=KEY), user=user, server_name=server_name)


@pytest.mark.parametrize("age", [GRANT_LIFETIME + timedelta(seconds=1), -timedelta(minutes=2)])
def test_an_old_or_future_grant_is_refused_but_can_be_read(age: timedelta) -> None:
    text = sign_grant(GRANT, key=KEY)
    with pytest.raises(GrantInvalidError, match="issued at"):
        verify(text, now=NOW + age)
    assert read_grant(text, key=KEY) == GRANT


@pytest.mark.parametrize("environment_id", ["../other", "a/b", "", ".", "x" * 129])
def test_an_id_cannot_be_a_path(environment_id: str) -> None:
    with pytest.raises(ValidationError):
        Grant.model_validate({**GRANT.model_dump(), "environment_id": environment_id})


def test_the_longest_grant_passes() -> None:
    wide = "\N{GRINNING FACE}"  # four bytes
    longest = {"user": wide * 255, "server_name": wide * 255, "repo": wide * 2000, "path": wide * 1000}
    text = sign_grant(GRANT.model_copy(update=longest), key=KEY)
    assert read_grant(text, key=KEY).repo == longest["repo"]


@pytest.mark.parametrize("image", ["heliostat/demo:latest", "sha256:short", "-v/:/host@sha256:" + "0" * 64])
def test_an_image_is_named_by_its_digest(image: str) -> None:
    with pytest.raises(ValidationError):
        Grant.model_validate(GRANT.model_dump() | {"image": image})


@pytest.mark.parametrize("prefix", ["", "registry.example:5000/heliostat/demo@"])
def test_an_image_may_be_in_a_registry(prefix: str) -> None:
    granted = Grant.model_validate(GRANT.model_dump() | {"image": f"{prefix}sha256:{'0' * 64}"})
    assert verify(sign_grant(granted, key=KEY)) == granted
