"""What Active Directory says of an account, read."""

from datetime import UTC, datetime, timedelta

import pytest
from heliostat_hub.sign_in.accounts import Standing, read_bind_refusal, read_standing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
USABLE = {
    "userAccountControl": "512",
    "msDS-User-Account-Control-Computed": "0",
    "accountExpires": "9223372036854775807",
}


def to_filetime(moment: datetime) -> str:
    return str((moment - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10)


@pytest.mark.parametrize(
    ("attributes", "standing"),
    [
        ({}, None),
        ({"accountExpires": "0"}, None),
        ({"accountExpires": None, "msDS-User-Account-Control-Computed": None}, None),
        ({"accountExpires": to_filetime(NOW + timedelta(seconds=1))}, None),
        ({"accountExpires": to_filetime(NOW)}, Standing.EXPIRED),
        ({"userAccountControl": "514"}, Standing.DISABLED),
        ({"userAccountControl": "66050"}, Standing.DISABLED),
        ({"msDS-User-Account-Control-Computed": "16"}, Standing.LOCKED),
        ({"msDS-User-Account-Control-Computed": "8388608"}, Standing.PASSWORD_EXPIRED),
    ],
)
def test_an_entry_says_whether_its_account_may_be_used(
    attributes: dict[str, str | None], standing: Standing | None
) -> None:
    assert read_standing({**USABLE, **attributes}, now=NOW) is standing


def test_an_entry_that_does_not_say_is_not_taken_for_usable() -> None:
    with pytest.raises(ValueError, match="userAccountControl"):
        read_standing({**USABLE, "userAccountControl": None}, now=NOW)


@pytest.mark.parametrize(
    ("code", "standing"),
    [("52e", None), ("525", None), ("775", Standing.LOCKED), ("533", Standing.DISABLED), ("701", Standing.EXPIRED)],
)
def test_a_refused_bind_says_why_unless_name_or_password_are_wrong(code: str, standing: Standing | None) -> None:
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {code}, v1db1"
    assert read_bind_refusal(text) is standing


def test_a_refused_bind_without_a_code_is_a_wrong_password() -> None:
    assert read_bind_refusal("") is None
