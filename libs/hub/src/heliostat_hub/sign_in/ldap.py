"""Signing in with an account of Active Directory."""

from datetime import UTC, datetime
from typing import Any

from tornado import web
from traitlets import Instance
from typing_extensions import override

from .accounts import Account, AccountBarredError, Standing
from .directory import Directory, DirectoryUnavailableError, PasswordWrongError
from .directory_client import DirectoryClient
from .names import LoginInvalidError, NameUnusableError, read_login
from .rechecking import (
    ACCOUNT,
    AccountsUnavailableError,
    RecheckedAuthenticator,
    Refreshed,
    check_owner,
    digest_identity,
)
from .settings import LdapConfig, SettingsInvalidError, read_secret

_UNAVAILABLE = "The directory does not answer, so nobody can sign in just now. Try again in a minute."
_SIGNED_IN_AT = "signed_in_at"


def open_directory(settings: LdapConfig) -> DirectoryClient:
    """Build the client of a directory, without connecting; raise SettingsInvalidError when a file cannot be used."""
    file = settings.account_password_file
    password = read_secret(file, setting="HELIOSTAT_HUB_LDAP_ACCOUNT_PASSWORD_FILE") if file else None
    try:
        directory = Directory(settings, account_password=password)
    except OSError as error:
        raise SettingsInvalidError([f"HELIOSTAT_HUB_LDAP_CA_FILE: {settings.ca_file}: {error}"]) from error
    return DirectoryClient(directory, deadline=settings.deadline)


class DirectoryAuthenticator(RecheckedAuthenticator):
    """Binds as the user who signs in; the groups of the directory become groups of the hub."""

    settings = Instance(LdapConfig, config=True, help="The directory.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.directory = open_directory(self.settings)

    @override
    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Return the user's model; None when name or password are wrong, for which the hub has words.

        Raises
        ------
        HTTPError
            403 when they may not sign in, 503 when the directory is away; the text is shown on the sign-in page.
        """
        settings = self.settings
        try:
            login = read_login(data["username"], domain=settings.domain, suffixes=settings.upn_suffixes)
            account = await self.directory.sign_in(login, data["password"])
            model = self._build_model(account)
            identity = digest_identity(account.identity)
        except PasswordWrongError:
            return None
        except (AccountBarredError, LoginInvalidError, NameUnusableError) as error:
            raise web.HTTPError(403, "%s", str(error)) from error
        except DirectoryUnavailableError as error:
            self.log.warning("Nobody can sign in: %s", error)
            raise web.HTTPError(503, _UNAVAILABLE) from error
        return {**model, "user_info": {ACCOUNT: identity, _SIGNED_IN_AT: datetime.now(UTC).isoformat()}}

    @override
    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Allow everybody whom `authenticate` let through: it has looked at the groups."""
        return True

    @override
    async def recheck(self, user: Any) -> Refreshed:
        if self.settings.account is None:
            return self._check_sign_in(user)
        try:
            account = await self.directory.find(user.name)
        except DirectoryUnavailableError as error:
            raise AccountsUnavailableError(str(error)) from error
        if account is None:
            raise AccountBarredError(Standing.MISSING)
        check_owner(user, digest_identity(account.identity))
        return self._build_model(account)

    def _check_sign_in(self, user: Any) -> bool:
        text = (user.user_info or {}).get(_SIGNED_IN_AT)
        if text is None or datetime.fromisoformat(text) + self.settings.sign_in_age < datetime.now(UTC):
            raise AccountBarredError(Standing.SIGN_IN_EXPIRED)
        return True

    def _build_model(self, account: Account) -> dict[str, Any]:
        """Build JupyterHub's model of a user; raise when the account may not be used here."""
        if account.barred is not None:
            raise AccountBarredError(account.barred)
        name = self.choose_name(account.name)
        admin = not account.groups.isdisjoint(self.settings.admin_groups)
        allowed = self.settings.allowed_groups
        if allowed and not admin and account.groups.isdisjoint(allowed):
            raise AccountBarredError(Standing.NOT_ALLOWED)
        return {"name": name, "admin": admin, "groups": sorted(account.groups)}
