"""Lines out of the pieces in which an engine sends what a container writes."""

__all__ = ["LineSplitter"]

LONGEST = 65_536  # characters; a program that never ends its line must not fill our memory


class LineSplitter:
    """Cuts text into lines, the first `skip` of which are left out."""

    def __init__(self, *, skip: int) -> None:
        self._skip = skip
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Take the next piece and return the lines it completes.

        Lines that are too long are cut; where, does not depend on the pieces, so that counting them means something.
        """
        *complete, rest = (self._rest + text).split("\n")
        lines = [piece for line in complete for piece in _cut(line)]
        *pieces, self._rest = _cut(rest)
        return self._leave_out(lines + pieces)

    def end(self) -> list[str]:
        """Return the last line, when nothing ended it."""
        rest, self._rest = self._rest, ""
        return self._leave_out([rest] if rest else [])

    def _leave_out(self, lines: list[str]) -> list[str]:
        skipped = min(self._skip, len(lines))
        self._skip -= skipped
        return lines[skipped:]


def _cut(line: str) -> list[str]:
    return [line[start : start + LONGEST] for start in range(0, len(line), LONGEST)] or [""]
