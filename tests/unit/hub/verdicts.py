"""Verdicts of a policy."""

from uuid import UUID

from heliostat_core.contracts.policy import AdmissionView, Rules

RULES = Rules(
    server_name_length=20,
    named_servers=5,
    idle_timeout=None,
    idle_warning=None,
    storage=2**31,
    cpu=1,
    memory=2 * 10**9,
    require_enforcement=False,
    launches=True,
)


def build_verdict(*, rule: str | None = None, message: str = "Allowed", remedy: str | None = None) -> AdmissionView:
    return AdmissionView(
        decision_id=UUID(int=1),
        allowed=rule is None,
        rule=rule,
        policy_version=1,
        message=message,
        remedy=remedy,
        field=None,
        limit=None,
        current=None,
        rules=RULES,
    )
