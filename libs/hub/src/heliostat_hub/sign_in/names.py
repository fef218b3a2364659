"""What people type as their name, and which account names can be user names here."""

import re
from dataclasses import dataclass

_TYPED = re.compile(r"[^\s\"/\\\[\]:;|=,+*?<>@()&#\x00-\x1f\x7f]{1,64}")
"""What may stand before the @. Nothing that a directory could read as another form of name (DN, DOMAIN\\user, SID)."""
_USABLE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What hub URLs, tokens' scopes, files and Unix accounts all can hold; `.` and `..` cannot be written with it."""
_TEMPORARY = re.compile(r"temporary-[0-9a-f]{24}")
"""Users the sessions service makes for anonymous launches."""


class LoginInvalidError(Exception):
    """What was typed cannot be the name of an account; the text says why and what to type."""


class NameUnusableError(Exception):
    """The account has a name that a user cannot have here; the text says why."""


@dataclass(frozen=True, slots=True)
class Login:
    """A name to sign in with.

    Attributes
    ----------
    prefix
        What stood before the @, or all of it.
    domain
        What stood behind it; the directory's own domain when there was none.
    """

    prefix: str
    domain: str

    @property
    def principal(self) -> str:
        """The user principal name to bind with."""
        return f"{self.prefix}@{self.domain}"


def read_login(typed: str, *, domain: str, suffixes: tuple[str, ...]) -> Login:
    """Read `user` or `user@domain`, in any case.

    Raises
    ------
    LoginInvalidError
        It is neither, or of another domain.
    """
    prefix, at, behind = typed.strip().lower().partition("@")
    if at and behind not in {domain, *suffixes}:
        known = ", ".join(f"@{name}" for name in (domain, *suffixes))
        raise LoginInvalidError(
            f"Accounts here end in {known}. Sign in with your user name alone, or with one of these."
        )
    if not _TYPED.fullmatch(prefix):
        raise LoginInvalidError(f"That is not a user name. Sign in as 'user' or 'user@{domain}'.")
    return Login(prefix=prefix, domain=behind or domain)


def to_user_name(account: str) -> str:
    """Return the name an account has here: its own, in lower case.

    Raises
    ------
    NameUnusableError
        It has characters that user names here cannot have, or is too long.
    """
    name = account.lower()
    if not _USABLE.fullmatch(name):
        raise NameUnusableError(
            f"The account name {account[:80]!r} cannot be used here: user names have at most 64 characters, "
            "begin with a letter a-z or a digit, and have only those, '.', '_' and '-' after it. "
            "Ask your administrators for an account with such a name."
        )
    return name


def is_temporary(name: str) -> bool:
    """Whether a user name is one of those made for anonymous launches, which no account can have."""
    return _TEMPORARY.fullmatch(name) is not None
