"""Signing in with accounts of a real Active Directory (Samba's domain controller), at a real hub."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from heliostat_core.contracts.policy import AdmissionAction
from heliostat_hub.sign_in.directory import Directory, DirectoryUnavailableError, PasswordWrongError
from heliostat_hub.sign_in.names import read_login
from heliostat_hub.sign_in.settings import LdapConfig
from heliostat_policy.domain.document import read_policy
from heliostat_policy.domain.effective import PolicyInForce
from pydantic import SecretStr

from tests.integration.hub.stack import BINDER_TOKEN, CHECKOUT, Peers, Stack, submit_login, wait_for
from tests.support.activedirectory import BASE, DOMAIN, PASSWORD, SUFFIX, ActiveDirectory, find_obstacle
from tests.support.relay import Relay

OBSTACLE = find_obstacle()
pytestmark = pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))
ACCOUNT = f"heliostat@{DOMAIN}"
JANE = f"jane.roe@{SUFFIX}"
OVERRIDES = "overrides: [{name: people, match: {group: heliostat-users}, rules: {named_servers: 9}}]"
POLICY = (CHECKOUT / "deploy/policy/default.yaml").read_text().replace("overrides: []", OVERRIDES)
NO_STARTTLS = bytes.fromhex("300c0201017807 0a0102 0400 0400".replace(" ", ""))  # extended response: protocolError


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveDirectory]:
    """A domain in which astronomers are users because `astro` is in `heliostat-users`."""
    with ActiveDirectory(tmp_path_factory.mktemp("ad")).running() as running:
        running.add_user("heliostat")
        doe = running.add_user("J.Doe")
        jane = running.add_user("jane", principal=JANE, common_name="Roe\\, Jane (*)")
        boss = running.add_user("boss")
        barred = [
            running.add_user(name)
            for name in ("locked", "disabled", "expired", "newcomer", "leaver", "gone", "successor")
        ]
        running.add_user("stranger")
        odd = running.add_user("Müller")
        reserved = running.add_user("admin")
        astro = running.add_group("astro", [doe, jane])
        running.add_group("heliostat-users", [astro, *barred, odd, reserved])
        running.add_group("heliostat-admins", [boss])
        running.lock("locked")
        running.set(barred[1], "userAccountControl", "514")
        running.set(barred[2], "accountExpires", "116444736000000000")  # 1970
        running.set(barred[3], "pwdLastSet", "0")
        yield running


@pytest.fixture(scope="module")
def relay(domain: ActiveDirectory) -> Iterator[Relay]:
    """The way from the hub to the domain."""
    with Relay(domain.address, target=(domain.address, 389)).running() as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    domain: ActiveDirectory, relay: Relay, base_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A hub whose users are those of the domain."""
    secret = tmp_path_factory.mktemp("secrets") / "account"
    secret.write_text(PASSWORD + "\n")
    settings = {
        "SIGN_IN": "ldap",
        "ANONYMOUS_LAUNCHES": "true",
        "LDAP_SERVERS": json.dumps([f"ldap://{domain.address}:{relay.port}"]),
        "LDAP_DOMAIN": DOMAIN,
        "LDAP_UPN_SUFFIXES": json.dumps([SUFFIX]),
        "LDAP_CA_FILE": str(domain.certificate.ca),
        "LDAP_GROUP_FILTER": "(!(sAMAccountName=astro))",
        "LDAP_ALLOWED_GROUPS": '["heliostat-users"]',
        "LDAP_ADMIN_GROUPS": '["heliostat-admins"]',
        "LDAP_ACCOUNT": ACCOUNT,
        "LDAP_ACCOUNT_PASSWORD_FILE": str(secret),
        "LDAP_DEADLINE": "PT3S",
        "LDAP_RECHECK_AGE": "PT1S",
    }
    peers = Peers()
    state = tmp_path_factory.mktemp("state")
    running = Stack(state=state, base_environment=base_environment, peers=peers, settings=settings)
    with peers.running(), running.running():
        yield running


@contextlib.contextmanager
def browser_of(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, follow_redirects=True, timeout=30) as browser:
        yield browser


def refusal(stack: Stack, name: str, password: str = PASSWORD) -> tuple[int, str]:
    """Try to sign in and return the status and the text of the page."""
    with browser_of(stack) as browser:
        answer = submit_login(browser, name, password)
        assert "jupyterhub-hub-login" not in browser.cookies
        return answer.status_code, answer.text


def signed_in_as(stack: Stack, name: str) -> dict[str, Any]:
    """Sign in and return who the hub says that is."""
    with stack.sign_in(name, PASSWORD) as browser:
        user = browser.get("/hub/api/user", params={"_xsrf": browser.cookies["_xsrf"]})
        return dict(user.json())


def start(stack: Stack, user: str, *, token: str, server: str = "made") -> httpx.Response:
    return stack.api("POST", f"users/{user}/servers/{server}", token=token, json={"user_options": None})


def start_default(stack: Stack, user: str) -> str:
    """Ask for the default server, of which there is always a record, and return what is said of the failure."""
    asked = stack.api("POST", f"users/{user}/server", token=BINDER_TOKEN)
    told = asked if asked.status_code == 403 else stack.api("GET", f"users/{user}/server/progress")
    wait_for(lambda: stack.api("GET", f"users/{user}").json()["servers"] == {})
    return told.text


def server_names(stack: Stack, user: str) -> set[str]:
    return set(stack.api("GET", f"users/{user}?include_stopped_servers=1").json()["servers"]) - {""}


def is_refused(stack: Stack, token: str) -> bool:
    return stack.api("GET", "user", token=token).status_code == 403


@pytest.mark.parametrize("typed", ["j.doe", "J.Doe", f"j.doe@{DOMAIN}", f"J.DOE@{DOMAIN.upper()}"])
def test_one_account_is_one_user_however_it_is_written(stack: Stack, typed: str) -> None:
    user = signed_in_as(stack, typed)
    assert user["name"] == "j.doe"
    assert user["groups"] == ["heliostat-users"]  # through `astro`, which the filter hides
    assert not user["admin"]


def test_a_principal_name_of_another_suffix_leads_to_the_account_behind_it(stack: Stack) -> None:
    assert signed_in_as(stack, JANE.title())["name"] == "jane"
    status, page = refusal(stack, "jane@elsewhere.example")
    assert status == 403
    assert f"@{DOMAIN}, @{SUFFIX}" in page


def test_a_group_of_the_directory_changes_a_limit(stack: Stack) -> None:
    with stack.sign_in("j.doe", PASSWORD) as browser:
        xsrf = browser.cookies["_xsrf"]
        browser.put("/hub/api/users/j.doe/servers/nine", params={"_xsrf": xsrf}, json={}).raise_for_status()
    asked = next(request for request in reversed(stack.peers.asked) if request.user == "j.doe")
    assert asked.action is AdmissionAction.CREATE
    policy = PolicyInForce(version=1, source=POLICY, document=read_policy(POLICY))
    assert policy.effective(asked.user, tuple(asked.groups)).rules.named_servers == 9
    assert policy.effective(asked.user).rules.named_servers == 5


@pytest.mark.parametrize("name", ["j.doe", "nobody-at-all"])
def test_a_wrong_password_says_no_more_than_that(stack: Stack, name: str) -> None:
    for password in ("not-the-password", ""):
        status, page = refusal(stack, name, password)
        assert status == 403
        assert "Invalid username or password" in page


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("locked", "Your account is locked"),
        ("disabled", "Your account is disabled"),
        ("expired", "Your account has expired"),
        ("newcomer", "Your password has expired or must be changed"),
        ("stranger", "none of the groups that may use Heliostat"),
        ("Müller", "cannot be used here"),
        ("admin", "The name admin is reserved here"),
        ("EXAMPLE\\j.doe", "That is not a user name"),
        (f"*@{DOMAIN}", "That is not a user name"),
    ],
)
def test_who_may_not_sign_in_reads_why(stack: Stack, name: str, text: str) -> None:
    status, page = refusal(stack, name)
    assert status == 403
    assert text in page


def test_a_group_makes_administrators_and_leaving_it_ends_that(stack: Stack, domain: ActiveDirectory) -> None:
    signed_in_as(stack, "boss")
    token = stack.api("POST", "users/boss/tokens", json={}).json()["token"]
    boss = stack.api("GET", "user", token=token).json()
    assert boss["admin"]
    assert "custom:heliostat:admin" in boss["scopes"]
    domain.set(f"CN=heliostat-admins,CN=Users,{BASE}", "member")
    assert start(stack, "boss", token=BINDER_TOKEN).status_code == 403
    wait_for(partial(is_refused, stack, token))


def test_an_account_that_is_locked_or_removed_later_can_do_nothing_any_more(
    stack: Stack, domain: ActiveDirectory
) -> None:
    tokens = {}
    with contextlib.ExitStack() as browsers:
        sessions = {}
        for name in ("leaver", "gone"):
            sessions[name] = browsers.enter_context(stack.sign_in(name, PASSWORD))
            tokens[name] = stack.api("POST", f"users/{name}/tokens", json={}).json()["token"]
            assert start_is_allowed(stack, name, tokens[name])
        domain.lock("leaver")
        domain.delete(f"CN=gone,CN=Users,{BASE}")

        for name, why in (("leaver", "Your account is locked"), ("gone", "no account of this name any more")):
            by_service = start(stack, name, token=BINDER_TOKEN)
            assert (by_service.status_code, why in by_service.json()["message"]) == (403, True)
            assert why in start_default(stack, name)
            assert start(stack, name, token=tokens[name]).status_code == 403
            assert server_names(stack, name) == set()
            wait_for(partial(is_refused, stack, tokens[name]))
            assert "/hub/login" in str(sessions[name].get("/hub/home").url)


def test_a_new_account_of_an_old_name_does_not_get_its_predecessors_files(
    stack: Stack, domain: ActiveDirectory
) -> None:
    signed_in_as(stack, "successor")
    domain.delete(f"CN=successor,CN=Users,{BASE}")
    domain.add_member("heliostat-users", domain.add_user("successor"))
    assert start(stack, "successor", token=BINDER_TOKEN).status_code == 403
    status, page = refusal(stack, "successor")
    assert status == 403
    assert "belongs to another account" in page


def test_a_user_of_an_anonymous_launch_needs_no_account(stack: Stack) -> None:
    name = f"temporary-{'0a' * 12}"
    assert start_is_allowed(stack, name, stack.add_user(name))
    unknown = stack.add_user("temporary-visitor")
    refused = stack.api("PUT", "users/temporary-visitor/servers/made", token=unknown, json={})
    assert refused.status_code == 403


def start_is_allowed(stack: Stack, user: str, token: str) -> bool:
    """Make a server's record, which is admitted as a start is, and remove it."""
    made = stack.api("PUT", f"users/{user}/servers/made", token=token, json={})
    stack.api("DELETE", f"users/{user}/servers/made", json={"remove": True})
    return made.status_code == 201


# The last two tests of the hub: it then remembers for a while that the directory was away, and has other settings.


def test_a_directory_that_hangs_holds_up_sign_ins_and_starts_only(stack: Stack, relay: Relay) -> None:
    with stack.sign_in(JANE, PASSWORD) as browser, ThreadPoolExecutor() as pool, relay.hanging():
        waiting = pool.submit(refusal, stack, "j.doe")
        assert relay.accepted_while_hanging.wait(30)
        assert stack.api("GET", "users").status_code == 200
        assert not waiting.done(), "the hub answered others only after it had given up on the directory"
        status, page = waiting.result(60)
        assert status == 503
        assert "The directory does not answer" in page
        refused = start(stack, "jane", token=BINDER_TOKEN)
        assert refused.status_code == 503
        assert "It cannot be checked now whether your account" in refused.json()["message"]
        assert server_names(stack, "jane") == set()
        assert str(browser.get("/hub/home").url).endswith("/hub/home")


def test_without_a_technical_account_an_old_sign_in_starts_nothing(stack: Stack) -> None:
    with stack.sign_in(JANE, PASSWORD):
        token = stack.api("POST", "users/jane/tokens", json={}).json()["token"]
    without = {name: value for name, value in stack.settings.items() if "ACCOUNT" not in name}
    stack.stop_hub()
    stack.settings = {**without, "LDAP_SIGN_IN_AGE": "PT1S"}
    stack.start_hub()  # which takes longer than that second
    refused = start(stack, "jane", token=token)
    assert refused.status_code == 403
    assert "Your last sign-in is too long ago" in refused.json()["message"]
    assert stack.api("GET", "user", token=token).status_code == 200  # as docs/sign-in.md says


def open_directory(domain: ActiveDirectory, server: str, **settings: Any) -> Directory:
    given = {"ca_file": domain.certificate.ca, **settings}
    config = LdapConfig(servers=(server,), domain=DOMAIN, deadline=timedelta(seconds=6), **given)
    return Directory(config, account_password=None)


LOGIN = read_login("j.doe", domain=DOMAIN, suffixes=())


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_certificate_must_fit_the_name_and_be_signed_by_a_known_authority(
    domain: ActiveDirectory, scheme: str
) -> None:
    assert open_directory(domain, f"{scheme}://{domain.address}").sign_in(LOGIN, PASSWORD).name == "J.Doe"
    with pytest.raises(DirectoryUnavailableError, match="certificate"):
        open_directory(domain, f"{scheme}://{domain.other_address}").sign_in(LOGIN, PASSWORD)
    with pytest.raises(DirectoryUnavailableError, match="certificate"):
        open_directory(domain, f"{scheme}://{domain.address}", ca_file=None).sign_in(LOGIN, PASSWORD)


def test_the_next_server_is_asked_when_one_is_down(domain: ActiveDirectory) -> None:
    config = LdapConfig(
        servers=(f"ldaps://{domain.address}:1", f"ldaps://{domain.address}"),
        domain=DOMAIN,
        ca_file=domain.certificate.ca,
    )
    assert Directory(config, account_password=None).sign_in(LOGIN, PASSWORD).name == "J.Doe"


def test_active_directory_refuses_plain_text_even_where_the_settings_allow_it(domain: ActiveDirectory) -> None:
    directory = open_directory(domain, f"ldap://{domain.address}", insecure_plain_text=True)
    with pytest.raises(DirectoryUnavailableError, match="strongerAuthRequired"):
        directory.sign_in(LOGIN, PASSWORD)


def test_a_server_without_tls_never_sees_a_password(domain: ActiveDirectory) -> None:
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                received.extend(connection.recv(65536))
                connection.sendall(NO_STARTTLS)
                while data := connection.recv(65536):
                    received.extend(data)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DirectoryUnavailableError):
            open_directory(domain, f"ldap://127.0.0.1:{listener.getsockname()[1]}").sign_in(LOGIN, PASSWORD)
        thread.join()
    assert b"1.3.6.1.4.1.1466.20037" in received
    assert PASSWORD.encode() not in received


def test_nothing_that_is_looked_up_is_read_as_a_filter(domain: ActiveDirectory) -> None:
    config = LdapConfig.model_construct(
        **{**open_directory(domain, f"ldaps://{domain.address}")._config.model_dump(), "account": ACCOUNT}
    )
    directory = Directory(config, account_password=SecretStr(PASSWORD))
    assert directory.find("j.doe").name == "J.Doe"
    for hostile in ("*", "j.*", "x)(sAMAccountName=j.doe", "j.doe)(objectClass=*", "\\2a"):
        assert directory.find(hostile) is None
    with pytest.raises(PasswordWrongError):
        directory.sign_in(LOGIN, "")
