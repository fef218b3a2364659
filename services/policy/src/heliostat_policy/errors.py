"""What callers of the policy service can do wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from heliostat_core.errors import ClientError, ConflictError, UnavailableError


@dataclass(frozen=True, slots=True, order=True)
class PolicyProblem:
    """One fault in the text of a policy; line and column count from 1."""

    line: int
    column: int
    field: str
    message: str
    remedy: str


class InvalidPolicyError(ClientError):
    """The text is not a policy; the one in force stays in force."""

    code = "invalid_policy"
    status = 422

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        first, *others = sorted(problems)
        more = f" ({len(others)} more in details)" if others else ""
        super().__init__(
            f"Line {first.line}, column {first.column}: {first.message}{more}",
            field=first.field or None,
            remedy=first.remedy,
            details={
                "line": first.line,
                "column": first.column,
                "problems": [asdict(problem) for problem in (first, *others)],
            },
        )
        self.problems = (first, *others)


class PolicyVersionConflictError(ConflictError):
    """The policy was changed by somebody else since the caller read it."""

    code = "policy_version_conflict"

    def __init__(self, *, expected: int, in_force: int) -> None:
        super().__init__(
            f"Policy version {in_force} is in force, not {expected}",
            field="expected_version",
            remedy=f"Read version {in_force}, apply your change to it, and send it with expected_version {in_force}.",
            details={"expected": expected, "in_force": in_force},
        )


class PolicyTooLargeError(ClientError):
    """The request body is larger than any policy."""

    code = "policy_too_large"
    status = 413

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"The request is larger than {limit} bytes",
            remedy="Send a shorter policy; group overrides that differ only in whom they are for.",
            details={"limit": limit},
        )


class AdmissionTimeoutError(UnavailableError):
    """A decision took too long; nothing was decided and nothing is reserved."""

    code = "admission_timeout"

    def __init__(self) -> None:
        super().__init__("The policy service is too busy to decide", remedy="Try again in a moment.")
