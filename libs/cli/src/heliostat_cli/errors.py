"""How a command ends other than well.

CommandError
├── NoServerKnownError, BadArgumentError        the command line or the credentials file is wrong
├── NotSignedInError, UnreachableError          no token, or nothing that answers
├── UnexpectedAnswerError                       what answers is no Heliostat
├── RefusedError                                a service answered with an error
├── EndedBadlyError                             a launch or build came to a bad end
└── StoppedWatchingError                        Ctrl-C
"""

from enum import IntEnum
from http import HTTPStatus

from heliostat_core.contracts.model import ErrorView
from typing_extensions import override

_NOT_SIGNED_IN = {"unauthenticated", "forbidden"}
_AWAY = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class ExitCode(IntEnum):
    """What the shell sees; `docs/cli.md` promises these."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class CommandError(Exception):
    """An end of the command with a message for people and the services' one shape of errors for scripts."""

    exit_code = ExitCode.FAILED

    def __init__(self, view: ErrorView) -> None:
        super().__init__(view.message)
        self.view = view

    @override
    def __str__(self) -> str:
        return self.view.message


class NoServerKnownError(CommandError):
    """Nothing says where Heliostat is."""

    exit_code = ExitCode.USAGE

    def __init__(self, *, credentials: str) -> None:
        super().__init__(
            ErrorView(
                code="no_server_known",
                message=f"It is not known where Heliostat is: no --url, no HELIOSTAT_URL, no {credentials}",
                field="--url",
                remedy="Give the address of the hub, or run this where `make up` was run.",
            )
        )


class BadArgumentError(CommandError):
    """An argument cannot be meant as it is written."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, field: str, remedy: str) -> None:
        super().__init__(ErrorView(code="bad_argument", message=message, field=field, remedy=remedy))


class NotSignedInError(CommandError):
    """There is no token for this server."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, *, url: str) -> None:
        super().__init__(
            ErrorView(
                code="no_token",
                message=f"There is no token for {url}",
                field="--token",
                remedy=f"Make one at {url}/hub/token and set HELIOSTAT_TOKEN.",
            )
        )


class UnreachableError(CommandError):
    """Nothing answers, or only a proxy does; ``sent`` tells whether the request may have arrived."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, *, url: str, reason: str, sent: bool) -> None:
        super().__init__(
            ErrorView(
                code="unreachable",
                message=f"{url} cannot be reached: {reason}",
                remedy="Check that Heliostat runs (`make status`) and that the address is right.",
            )
        )
        self.sent = sent


class UnexpectedAnswerError(CommandError):
    """Something answers that does not speak as agreed."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, *, url: str, answer: str) -> None:
        super().__init__(
            ErrorView(
                code="unexpected_answer",
                message=f"{url} does not answer as Heliostat does: {answer}",
                remedy="Check the address; it is that of the hub, without /hub.",
            )
        )


class RefusedError(CommandError):
    """A service answered with an error."""

    def __init__(self, view: ErrorView, *, status: int) -> None:
        super().__init__(view)
        self.status = status
        if status == HTTPStatus.UNAUTHORIZED or view.code in _NOT_SIGNED_IN or status in _AWAY:
            self.exit_code = ExitCode.UNREACHABLE


class EndedBadlyError(CommandError):
    """What was followed is over and did not succeed."""


class StoppedWatchingError(CommandError):
    """Ctrl-C: what was followed goes on without us."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(ErrorView(code="interrupted", message=message, remedy=remedy))
