"""Conversations with Active Directory over LDAP. Everything here blocks: `DirectoryClient` runs it in threads."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPStartTLSError
from ldap3.utils.conv import escape_filter_chars
from pydantic import SecretStr
from typing_extensions import override

from .accounts import ATTRIBUTES, Account, AccountBarredError, read_bind_refusal, read_standing
from .names import Login
from .settings import LdapConfig

_CONNECT_TIMEOUT = 3  # seconds for one server, before the next one is tried
_SID = "objectSid"
_PAGE = 500  # groups; Active Directory gives at most 1000 at once
_SUCCESS = 0
_INVALID_CREDENTIALS = 49
_IN_CHAIN = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_IN_CHAIN: members of members


class DirectoryUnavailableError(Exception):
    """No server gives an answer that can be trusted; the text is for the log."""


class PasswordWrongError(Exception):
    """There is no such account, or it has another password."""


class _VerifyingTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 ships no types
    """TLS with Python's own check of certificate and name; ldap3's would accept any certificate by default."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    @override
    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


class Directory:
    """One domain; each call is a connection of its own, so threads share nothing.

    Parameters
    ----------
    config
        Its settings.
    account_password
        Password of the technical account, where there is one.

    Raises
    ------
    OSError
        The file with authorities' certificates cannot be used.
    """

    def __init__(self, config: LdapConfig, *, account_password: SecretStr | None) -> None:
        self._config = config
        self._account_password = account_password
        self._receive_timeout = max(1, int(config.deadline.total_seconds() / 2))  # ldap3 wants whole seconds
        self._tls = _VerifyingTls(ssl.create_default_context(cafile=config.ca_file))

    def sign_in(self, login: Login, password: str) -> Account:
        """Bind as the user and read their own entry and groups.

        Raises
        ------
        PasswordWrongError, AccountBarredError, DirectoryUnavailableError
        """
        if not password:
            raise PasswordWrongError  # a bind without a password succeeds, as nobody (RFC 4513, 5.1.2)
        with self._connection(login.principal, password) as connection:
            account = self._read_account(connection, self._filter_login(login), login.principal)
        if account is None:
            raise DirectoryUnavailableError(f"{login.principal} signed in, but their entry cannot be read")
        return account

    def find(self, name: str) -> Account | None:
        """Look an account up with the technical account; None when there is none.

        Raises
        ------
        DirectoryUnavailableError
        """
        if self._config.account is None or self._account_password is None:
            raise DirectoryUnavailableError("there is no technical account to look accounts up with")
        try:
            with self._connection(self._config.account, self._account_password.get_secret_value()) as connection:
                return self._read_account(connection, f"(sAMAccountName={escape_filter_chars(name)})", None)
        except (PasswordWrongError, AccountBarredError) as error:
            raise DirectoryUnavailableError(f"the technical account {self._config.account} cannot sign in") from error

    @contextmanager
    def _connection(self, user: str, password: str) -> Iterator[Any]:
        connection = self._connect(user, password)
        try:
            _bind(connection)
            yield connection
        except (LDAPException, OSError, ValueError) as error:
            raise DirectoryUnavailableError(f"{connection.server.name}: {error}") from error
        finally:
            _close(connection)

    def _connect(self, user: str, password: str) -> Any:
        """Open an encrypted connection to the first server that gives one; nothing has been sent of the password."""
        until = monotonic() + self._config.deadline.total_seconds()
        problems = []
        for url in self._config.servers:
            if monotonic() > until:
                break
            connection = self._build_connection(url, user, password)
            try:
                connection.open()
                self._encrypt(connection)
            except (LDAPException, OSError) as error:
                problems.append(f"{url}: {error}")
                _close(connection)
                continue
            return connection
        raise DirectoryUnavailableError("; ".join(problems))

    def _encrypt(self, connection: Any) -> None:
        if connection.server.ssl or self._config.insecure_plain_text:
            return
        if not connection.start_tls():
            raise LDAPStartTLSError("the server does not start TLS")

    def _build_connection(self, url: str, user: str, password: str) -> Any:
        parts = urlsplit(url)
        server = ldap3.Server(
            parts.hostname,
            port=parts.port,
            use_ssl=parts.scheme == "ldaps",
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=_CONNECT_TIMEOUT,
        )
        return ldap3.Connection(
            server,
            user=user,
            password=password,
            authentication=ldap3.SIMPLE,
            receive_timeout=self._receive_timeout,
            auto_referrals=False,
            read_only=True,
        )

    def _filter_login(self, login: Login) -> str:
        by_principal = f"(userPrincipalName={escape_filter_chars(login.principal)})"
        if login.domain != self._config.domain:
            return by_principal
        return f"(|{by_principal}(sAMAccountName={escape_filter_chars(login.prefix)}))"

    def _read_account(self, connection: Any, condition: str, principal: str | None) -> Account | None:
        entries = _search(
            connection,
            self._config.domain_dn,
            f"(&(objectCategory=person)(objectClass=user){condition})",
            (*ATTRIBUTES, _SID),
        )
        if len(entries) > 1 and principal is not None:
            # One user's principal name may be another one's account name; a bind takes it as a principal name first.
            # Both are looked for in all of the domain, so that nobody is taken for the other.
            entries = [entry for entry in entries if (_text(entry, "userPrincipalName") or "").lower() == principal]
        if len(entries) > 1:
            raise DirectoryUnavailableError(f"{len(entries)} entries fit {condition}")
        if not entries:
            return None
        attributes = {name: _text(entries[0], name) for name in ATTRIBUTES}
        name, sid = attributes["sAMAccountName"], entries[0]["raw_attributes"].get(_SID)
        if name is None or not sid:
            raise DirectoryUnavailableError("sAMAccountName or objectSid cannot be read")
        return Account(
            name=name,
            identity=sid[0].hex(),
            groups=self._read_groups(connection, entries[0]["dn"]),
            barred=read_standing(attributes, now=datetime.now(UTC)),
        )

    def _read_groups(self, connection: Any, user_dn: str) -> frozenset[str]:
        member = f"(member:{_IN_CHAIN}:={escape_filter_chars(user_dn)})"
        entries = _search(
            connection,
            self._config.domain_dn,
            f"(&(objectCategory=group){member}{self._config.group_filter or ''})",
            ("sAMAccountName",),
        )
        return frozenset(name for entry in entries if (name := _text(entry, "sAMAccountName")))


def _bind(connection: Any) -> None:
    connection.bind()
    result = connection.result
    if result["result"] == _INVALID_CREDENTIALS:
        standing = read_bind_refusal(result["message"])
        raise PasswordWrongError if standing is None else AccountBarredError(standing)
    if result["result"] != _SUCCESS:
        raise DirectoryUnavailableError(f"{connection.server.name} refused to bind: {result['description']}")


def _close(connection: Any) -> None:
    with suppress(LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:
        connection.socket.close()  # one that never got as far as a connection is not closed by ldap3


def _search(connection: Any, base: str, condition: str, attributes: tuple[str, ...]) -> list[dict[str, Any]]:
    found = connection.extend.standard.paged_search(
        base, condition, attributes=list(attributes), paged_size=_PAGE, generator=True
    )
    return [entry for entry in found if entry["type"] == "searchResEntry"]


def _text(entry: dict[str, Any], name: str) -> str | None:
    values = entry["raw_attributes"].get(name) or [None]
    return None if values[0] is None else values[0].decode()
