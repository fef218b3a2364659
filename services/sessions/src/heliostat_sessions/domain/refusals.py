"""What a refusal by policy says to the user."""

from collections.abc import Mapping, Sequence
from typing import Any

from heliostat_core.contracts.model import ErrorView
from heliostat_core.contracts.policy import AdmissionView

from .ledger import Session
from .servers import HubServer
from .urls import to_segment

COUNT_RULE = "named_servers"


def build_refusal(
    admission: AdmissionView, *, servers: Mapping[str, HubServer], sessions: Sequence[Session], api: str
) -> ErrorView:
    """Describe a refusal: policy's words, and for the limit of servers which there are and how to delete one."""
    details: dict[str, Any] = {
        "rule": admission.rule,
        "limit": admission.limit,
        "current": admission.current,
        "policy_version": admission.policy_version,
        "decision_id": str(admission.decision_id),
    }
    if admission.rule == COUNT_RULE:
        repos = {session.server_name: session.repo for session in sessions}
        details["servers"] = [
            {"name": name, "state": server.state.value, "repo": repos.get(name), "delete": _build_delete(api, name)}
            for name, server in sorted(servers.items())
            if name
        ]
    return ErrorView(
        code=admission.rule or "refused_by_policy",
        message=admission.message,
        field=admission.field,
        remedy=admission.remedy,
        details=details,
    )


def _build_delete(api: str, name: str) -> str:
    return f"{api}sessions/{to_segment(name)}"
