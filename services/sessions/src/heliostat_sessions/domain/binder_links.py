"""BinderHub's links, ``<build|v2>/<provider>/<spec>?urlpath=…``, read as they were sent.

The spec is taken from the raw path: GitLab's and git's hold an encoded address, whose ``%2F`` must stay what it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from ..errors import BinderLinkInvalidError
from .openings import build_opening

_PROVIDER = re.compile(r"[a-z0-9_-]{1,20}")
_LONGEST_SPEC = 2000
_DEFAULT_BRANCHES = {"master", "main"}
_TRAP = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class BinderLink:
    """What a link names.

    Attributes
    ----------
    provider
        Prefix of the provider, such as ``gh``.
    spec
        Repository and ref in the provider's grammar, percent-encoded as it was sent, without a slash at the end.
    audience
        What a build token for this link is made out to: provider and spec exactly as in the URL.
    urlpath
        What the server opens, server-relative; None for its own first page.
    """

    provider: str
    spec: str
    audience: str
    urlpath: str | None = None

    @property
    def path(self) -> str:
        """The page of this link, relative to this service."""
        return f"v2/{self.provider}/{self.spec}"


def rescue_default_branch(link: BinderLink, *, code: str) -> BinderLink | None:
    """Build the link to try where GitHub has no branch ``master`` or ``main``, as BinderHub does; else None."""
    repository, _, ref = link.spec.rpartition("/")
    if link.provider != "gh" or code != "ref_not_found" or ref not in _DEFAULT_BRANCHES or repository.count("/") != 1:
        return None
    return replace(link, spec=f"{repository}/HEAD")


def read_binder_link(raw_path: bytes, *, below: str, query: Mapping[str, str]) -> BinderLink:
    """Read a link from the raw path of a request; ```below`` is what stands before the provider.

    Raises
    ------
    BinderLinkInvalidError
        It does not name a provider and a repository.
    PathOutsideError, UrlPathOutsideError
        It leads out of the server that it would open.
    """
    text = quote(raw_path.partition(b"?")[0].decode("latin-1"), safe="/%:@!$&'()*+,;=~", encoding="latin-1")
    audience = text.removeprefix(below) if text.startswith(below) else ""
    provider, _, spec = audience.partition("/")
    spec = spec.rstrip("/")
    if not _PROVIDER.fullmatch(provider) or not 0 < len(spec) <= _LONGEST_SPEC or _TRAP.search(unquote(spec)):
        raise BinderLinkInvalidError(link=audience)
    urlpath = build_opening(urlpath=query.get("urlpath"), labpath=query.get("labpath"), filepath=query.get("filepath"))
    return BinderLink(provider=provider, spec=spec, audience=audience, urlpath=urlpath)
