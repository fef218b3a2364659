"""Event ids of BinderHub's stream: a reader that comes back with one goes on where it was, and launches nothing.

An id names the launch (or the build) and a place in it, and is signed for whoever it was given to. For an anonymous
caller, who has nothing else to show, it is all that leads back to their launch.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

BEGUN = "begun"
"""Id of messages that come before there is a launch; who comes back with it asks anew."""

ENDED = "ended"
"""Id of a failure of which no launch came; there is nothing to come back to."""

_SIGNATURE = 32  # hexadecimal digits
_FORM = re.compile(
    r"(?P<signed>(?P<kind>launch|build)-(?P<id>[0-9a-f-]{36})"
    r"\.(?P<version>\d{1,9})\.(?P<line>\d{1,9})\.(?P<part>\d)(?P<final>\.end)?)"
    rf"\.(?P<signature>[0-9a-f]{{{_SIGNATURE}}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the stream of a launch or a build.

    Attributes
    ----------
    position
        Version of the launch's event, number of the log's line, and which of its messages; compares in their order.
    final
        Whether nothing comes after it.
    """

    kind: Literal["launch", "build"]
    id: UUID
    position: tuple[int, int, int]
    final: bool = False


class Places:
    """Writes and reads event ids.

    Parameters
    ----------
    secret
        Secret of all replicas.
    """

    def __init__(self, *, secret: str) -> None:
        self._key = hashlib.sha256(b"heliostat event ids\0" + secret.encode()).digest()

    def write(self, place: Place, *, reader: str) -> str:
        """Write a place for a user, or for nobody in particular where the name is empty."""
        version, line, part = place.position
        signed = f"{place.kind}-{place.id}.{version}.{line}.{part}{'.end' if place.final else ''}"
        return f"{signed}.{self._sign(signed, reader)}"

    def read(self, text: str, *, reader: str) -> Place | None:
        """Read a place; None when it is none of ours, or somebody else's."""
        found = _FORM.fullmatch(text)
        if found is None or not hmac.compare_digest(self._sign(found["signed"], reader), found["signature"]):
            return None
        return Place(
            kind="launch" if found["kind"] == "launch" else "build",
            id=UUID(found["id"]),
            position=(int(found["version"]), int(found["line"]), int(found["part"])),
            final=found["final"] is not None,
        )

    def _sign(self, signed: str, reader: str) -> str:
        return hmac.new(self._key, f"{signed}\0{reader}".encode(), "sha256").hexdigest()[:_SIGNATURE]
