"""What a server shows first: a file, a folder, or a URL path of its own, never anything outside it.

BinderHub's links name it in one of three ways (``urlpath``, ``labpath``, ``filepath``), our own API in one of two
(``path``, ``urlpath``). All of them become one server-relative path here, and whatever a browser, a proxy or a server
might read as a way out is refused: schemes, hosts, ``..`` in any encoding, backslashes, control characters.
"""

import re
from urllib.parse import quote, unquote

from ..errors import OpeningAmbiguousError, PathOutsideError, UrlPathOutsideError

_CLASSIC = {"tree", "notebooks", "edit"}
"""Pages of the classic notebook, which old links name; JupyterLab shows the same under ``lab/tree``."""

_MOST_DECODINGS = 4
"""A name with a percent sign, in a query inside a URL, is decoded three times."""

_TRAP = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_SAFE_IN_URL = "/%:@!$&'()*+,;=~?#[]"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_inner_path(path: str) -> bool:
    """Whether a path to open stays inside the server's home."""
    if _has_traps(path) or ":" in path.split("/", maxsplit=1)[0]:
        return False
    return all(
        segment.partition(";")[0] not in {"", ".", ".."}
        for written in _decodings(path)
        for segment in written.split("/")
    )


def build_opening(
    *, path: str | None = None, urlpath: str | None = None, labpath: str | None = None, filepath: str | None = None
) -> str | None:
    """Build the server-relative URL path of what is to be opened, without a slash at the beginning.

    As in BinderHub, ``labpath`` wins over ``filepath``, and that over ``urlpath``; ``path`` goes alone. None when
    nothing is named.

    Raises
    ------
    PathOutsideError, UrlPathOutsideError
        It leads out of the server.
    OpeningAmbiguousError
        A path and a URL path.
    """
    if path and (urlpath or labpath or filepath):
        raise OpeningAmbiguousError
    if path:
        return f"lab/tree/{_quote(path, field='path')}"
    if labpath:
        return f"doc/tree/{_quote(labpath.removeprefix('/'), field='labpath')}"
    if filepath:
        return f"lab/tree/{_quote(filepath.removeprefix('/'), field='filepath')}"
    return _normalise(urlpath) if urlpath else None


def _quote(path: str, *, field: str) -> str:
    path = path.removesuffix("/")
    if not is_inner_path(path):
        raise PathOutsideError(path=path, field=field)
    return quote(path, safe="/")


def _normalise(urlpath: str) -> str | None:
    inner = urlpath.removeprefix("/")
    path = re.split(r"[?#]", inner, maxsplit=1)[0]
    leads_out = any(
        written.startswith("/") or ":" in written.split("/")[0] or ".." in re.split(r"[/;]", written)
        for written in _decodings(path)
    )
    if leads_out or _has_traps(inner):
        raise UrlPathOutsideError(urlpath=urlpath)
    first, _, rest = inner.partition("/")
    if first in _CLASSIC:
        inner = f"lab/tree/{rest}" if rest else "lab"
    return quote(_BARE_PERCENT.sub("%25", inner), safe=_SAFE_IN_URL) or None


def _has_traps(text: str) -> bool:
    """Whether some reader could take it for something else: control characters, backslashes, endless encodings."""
    decodings = _decodings(text)
    return len(decodings) > _MOST_DECODINGS or any(_TRAP.search(written) for written in decodings)


def _decodings(text: str) -> list[str]:
    """List a text as it stands, and as it reads after each decoding."""
    found = [text]
    while len(found) <= _MOST_DECODINGS and (decoded := unquote(found[-1])) != found[-1]:
        found.append(decoded)
    return found
