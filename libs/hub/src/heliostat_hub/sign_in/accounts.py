"""Whether an account may be used, from what Active Directory says of it. Pure: no connection, no clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum


class Standing(Enum):
    """Why an account may not be used, as a sentence for its user."""

    LOCKED = "Your account is locked in the directory, usually after wrong passwords. Wait, or ask your administrators."
    DISABLED = "Your account is disabled in the directory. Ask your administrators."
    EXPIRED = "Your account has expired in the directory. Ask your administrators."
    PASSWORD_EXPIRED = "Your password has expired or must be changed. Change it, then sign in again."  # noqa: S105 words
    RESTRICTED = "The directory does not let your account sign in here or at this time. Ask your administrators."
    MISSING = "The directory has no account of this name any more. Ask your administrators."
    NOT_ALLOWED = "Your account is in none of the groups that may use Heliostat. Ask your administrators."
    SIGN_IN_EXPIRED = "Your last sign-in is too long ago. Sign in again, then repeat this."


class AccountBarredError(Exception):
    """An account may not be used; the text is for its user."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.value)
        self.standing = standing


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the directory.

    Attributes
    ----------
    name
        Its sAMAccountName, as the directory writes it; unique in the domain, unlike common names.
    identity
        Its objectSid in hexadecimal digits: never given to another account, unlike names.
    groups
        sAMAccountNames of the groups it is in, directly or through others.
    barred
        Why it may not be used; None when it may.
    """

    name: str
    identity: str
    groups: frozenset[str]
    barred: Standing | None


ATTRIBUTES = (
    "sAMAccountName",
    "userPrincipalName",
    "userAccountControl",
    "accountExpires",
    "msDS-User-Account-Control-Computed",
)

_BIND_CODE = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
# Win32 error codes in the text of a refused bind: MS-ADTS 5.1.1.1.4 and winerror.h, in hexadecimal.
_BIND_STANDINGS = {
    "775": Standing.LOCKED,
    "533": Standing.DISABLED,
    "701": Standing.EXPIRED,
    "532": Standing.PASSWORD_EXPIRED,
    "773": Standing.PASSWORD_EXPIRED,
    "530": Standing.RESTRICTED,
    "531": Standing.RESTRICTED,
}
# Bits of userAccountControl and its computed sister: MS-ADTS 2.2.16 and 3.1.1.4.5.17.
_ACCOUNT_DISABLED = 0x2
_LOCKED_OUT = 0x10
_PASSWORD_EXPIRED = 0x800000
_NEVER = {0, 0x7FFFFFFFFFFFFFFF}
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def read_bind_refusal(diagnostic: str) -> Standing | None:
    """Read why a bind was refused; None when name or password are wrong."""
    found = _BIND_CODE.search(diagnostic)
    return _BIND_STANDINGS.get(found[1].lower()) if found else None


def read_standing(attributes: Mapping[str, str | None], *, now: datetime) -> Standing | None:
    """Read from an entry why the account may not be used; None when it may.

    Raises
    ------
    ValueError
        The entry does not say: whoever reads it may not see ``userAccountControl``.
    """
    control = attributes["userAccountControl"]
    if control is None:
        raise ValueError("the attribute userAccountControl cannot be read")
    computed = int(attributes["msDS-User-Account-Control-Computed"] or 0)
    if int(control) & _ACCOUNT_DISABLED:
        return Standing.DISABLED
    if computed & _LOCKED_OUT:
        return Standing.LOCKED
    if _has_passed(int(attributes["accountExpires"] or 0), now=now):
        return Standing.EXPIRED
    if computed & _PASSWORD_EXPIRED:
        return Standing.PASSWORD_EXPIRED
    return None


def _has_passed(filetime: int, *, now: datetime) -> bool:
    if filetime in _NEVER:
        return False
    ticks = (now - _FILETIME_EPOCH) // timedelta(microseconds=1) * 10  # FILETIME counts 100 ns
    return filetime <= ticks
