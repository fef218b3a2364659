"""Settings of sign-in: what is missing or wrong is named, and never shown."""

from pathlib import Path

import pytest
from heliostat_hub.config import SignInWay
from heliostat_hub.sign_in import LdapConfig, OidcConfig, SettingsInvalidError, read_sign_in
from heliostat_hub.sign_in.settings import read_secret

LDAP = {"SERVERS": '["ldaps://dc1.ad.example.org"]', "DOMAIN": "AD.example.org"}
ENDPOINTS = {f"{name}_URL": f"https://id.example.org/{name}" for name in ("AUTHORIZE", "TOKEN", "USERINFO")}


def use(monkeypatch: pytest.MonkeyPatch, prefix: str, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"{prefix}{name}", value)


def read_problems(way: SignInWay) -> str:
    with pytest.raises(SettingsInvalidError) as refused:
        read_sign_in(way)
    return str(refused.value)


def test_shared_passwords_have_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "HELIOSTAT_HUB_", {"USERNAME": "user", "USER_PASSWORD": "short", "ADMIN_USERNAME": "admin"})
    problems = read_problems("local")
    assert "HELIOSTAT_HUB_ADMIN_PASSWORD: Field required" in problems
    assert "HELIOSTAT_HUB_USER_PASSWORD:" in problems
    assert "short" not in problems.replace("too_short", "")


def test_a_directory_needs_its_servers_and_its_domain() -> None:
    assert set(read_problems("ldap").splitlines()[1:]) == {
        "  HELIOSTAT_HUB_LDAP_SERVERS: Field required",
        "  HELIOSTAT_HUB_LDAP_DOMAIN: Field required",
    }


def test_a_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "HELIOSTAT_HUB_LDAP_", LDAP)
    config = read_sign_in("ldap")
    assert isinstance(config, LdapConfig)
    assert config.domain == "ad.example.org"
    assert config.domain_dn == "DC=ad,DC=example,DC=org"
    assert not config.insecure_plain_text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVERS", '["https://dc1"]'),
        ("SERVERS", '["ldap://user:secret@dc1"]'),
        ("SERVERS", '["ldap://dc1:seven"]'),
        ("SERVERS", "[]"),
        ("DOMAIN", "not a domain"),
        ("GROUP_FILTER", "sAMAccountName=x"),
        ("CA_FILE", "/nowhere/ca.pem"),
        ("DEADLINE", "0"),
        ("ACCOUNT", "reader@ad.example.org"),
    ],
)
def test_a_wrong_setting_of_a_directory_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    use(monkeypatch, "HELIOSTAT_HUB_LDAP_", {**LDAP, name: value})
    problems = read_problems("ldap")
    assert f"HELIOSTAT_HUB_LDAP_{name}" in problems
    assert "secret" not in problems


def use_oidc(monkeypatch: pytest.MonkeyPatch, directory: Path, **settings: str) -> None:
    secret = directory / "secret"
    secret.write_text("0" * 64)
    given = {"CLIENT_ID": "hub", "CLIENT_SECRET_FILE": str(secret), "AUTH_STATE_KEY_FILE": str(secret)}
    use(monkeypatch, "HELIOSTAT_HUB_OIDC_", {**given, **settings})


def test_a_provider_is_an_issuer_or_three_endpoints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_oidc(monkeypatch, tmp_path)
    assert "HELIOSTAT_HUB_OIDC_ISSUER" in read_problems("oidc")
    use(monkeypatch, "HELIOSTAT_HUB_OIDC_", ENDPOINTS)
    assert isinstance(read_sign_in("oidc"), OidcConfig)
    monkeypatch.delenv("HELIOSTAT_HUB_OIDC_TOKEN_URL")
    assert "HELIOSTAT_HUB_OIDC_TOKEN_URL" in read_problems("oidc")


def test_a_provider_is_reached_by_https(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_oidc(monkeypatch, tmp_path, ISSUER="http://id.example.org")
    assert "HELIOSTAT_HUB_OIDC_ISSUER: a provider is reached by https" in read_problems("oidc")
    monkeypatch.setenv("HELIOSTAT_HUB_OIDC_ISSUER", "http://127.0.0.1:8080/realm")
    assert isinstance(read_sign_in("oidc"), OidcConfig)


def test_a_secret_is_a_file_with_something_in_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s p a c e s \n")
    assert read_secret(file, setting="X_FILE").get_secret_value() == "s p a c e s "
    file.write_text("\n")
    with pytest.raises(SettingsInvalidError, match=r"X_FILE: .* is empty"):
        read_secret(file, setting="X_FILE")
    with pytest.raises(SettingsInvalidError, match=r"X_FILE: .* cannot be read"):
        read_secret(tmp_path / "missing", setting="X_FILE")
