"""What people type as their name, and what a user here can be called."""

import pytest
from heliostat_hub.sign_in.names import LoginInvalidError, NameUnusableError, read_login, to_user_name


@pytest.mark.parametrize(
    ("typed", "principal"),
    [
        ("j.doe", "j.doe@ad.example.org"),
        (" J.Doe ", "j.doe@ad.example.org"),
        ("J.DOE@AD.Example.ORG", "j.doe@ad.example.org"),
        ("jane@example.org", "jane@example.org"),
        ("o'neill", "o'neill@ad.example.org"),
        ("müller", "müller@ad.example.org"),
    ],
)
def test_a_name_is_completed_to_a_principal_name(typed: str, principal: str) -> None:
    assert read_login(typed, domain="ad.example.org", suffixes=("example.org",)).principal == principal


@pytest.mark.parametrize("typed", ["j.doe@elsewhere.org", "j.doe@", "j.doe@ad.example.org@x", "a@b@ad.example.org"])
def test_another_domain_is_refused_with_those_there_are(typed: str) -> None:
    with pytest.raises(LoginInvalidError, match=r"@ad\.example\.org"):
        read_login(typed, domain="ad.example.org", suffixes=())


@pytest.mark.parametrize(
    "typed",
    ["", "@ad.example.org", "EX\\j.doe", "CN=j.doe,DC=example", "a b", "*", "a)(cn=*", "a\x00b", "a/b", "x" * 65],
)
def test_other_forms_of_names_are_refused(typed: str) -> None:
    with pytest.raises(LoginInvalidError):
        read_login(typed, domain="ad.example.org", suffixes=())


@pytest.mark.parametrize(("account", "name"), [("J.Doe", "j.doe"), ("x-1_y", "x-1_y"), ("0ab", "0ab")])
def test_a_user_is_called_like_the_account_in_lower_case(account: str, name: str) -> None:
    assert to_user_name(account) == name


@pytest.mark.parametrize("account", ["", ".", "..", ".x", "-x", "müller", "a b", "a/b", "a$", "a%2e", "x" * 65, "a\n"])
def test_an_account_name_that_urls_files_or_unix_cannot_hold_is_refused(account: str) -> None:
    with pytest.raises(NameUnusableError, match="administrators"):
        to_user_name(account)
