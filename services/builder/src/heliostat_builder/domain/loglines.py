"""Making lines of build output fit to be stored and shown."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

MAX_LENGTH = 4000
"""Characters of one line; longer ones are cut. A terminal shows some 200."""

_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s@]+@")  # bounded: a line may be all letters
_SECRET_NAME = re.compile(r"TOKEN|PASSWORD|SECRET|CREDENTIAL|_KEY$|USERNAME|AUTH", re.IGNORECASE)
_SHORTEST_SECRET = 4


class LineSplitter:
    """Cuts a stream of bytes into lines, however it arrives."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[str]:
        """Take more bytes and return the lines they complete; a line far too long counts as complete."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > 4 * MAX_LENGTH:
            lines.append(self._pending)
            self._pending = b""
        return [_decode(line) for line in lines]

    def end(self) -> list[str]:
        """Return what is left when the stream has ended."""
        rest, self._pending = self._pending, b""
        return [_decode(rest)] if rest else []


class Redactor:
    """Takes secrets out of lines: credentials in any address, and the values the operator gave to builds in secret."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        found = {secret for name, value in environment.items() for secret in _find_secrets(name, value)}
        self._secrets = sorted((s for s in found if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the line as it may be shown."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _CREDENTIALS.sub(r"\1***@", text)


def remove_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what code of a repository may see of the environment of builds."""
    return {name: value for name, value in environment.items() if not any(True for _ in _find_secrets(name, value))}


def cut(text: str) -> str:
    """Cut a line that is too long, and say so."""
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} [{len(text) - MAX_LENGTH} characters left out]"


def _decode(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace").replace("\0", "\ufffd")


def _find_secrets(name: str, value: str) -> Iterable[str]:
    if _SECRET_NAME.search(name):
        yield value
    for word in value.split():
        if "://" in word and (parts := urlsplit(word)).username is not None:
            yield parts.password or parts.username or word
