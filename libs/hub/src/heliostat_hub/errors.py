"""Refusals and failures of a start, in the one form JupyterHub shows everywhere: API, error page, progress, home."""

from html import escape
from typing import Literal

from heliostat_containers import EngineError
from heliostat_core.contracts.policy import AdmissionView, refusal_status
from heliostat_runtime import RuntimeHostError
from jupyterhub.spawner import SpawnException

Reason = Literal[
    "policy",
    "policy_unavailable",
    "account",
    "accounts_unavailable",
    "being_deleted",
    "environment_missing",
    "name",
    "runtime",
]
"""Why, as a metric label: a small fixed set."""


class SpawnRefusedError(SpawnException):  # type: ignore[misc]  # jupyterhub ships no types
    """A start that may not, or cannot, happen.

    Parameters
    ----------
    message
        One sentence for the user.
    remedy
        What would make it pass.
    reason
        The metric label.
    status
        HTTP status of the answer.
    """

    def __init__(self, message: str, *, remedy: str | None, reason: Reason, status: int) -> None:
        text = message if remedy is None else f"{_end_sentence(message)} {remedy}"
        html = escape(message) if remedy is None else f"{escape(_end_sentence(message))}<br>{escape(remedy)}"
        super().__init__(text, reason=reason, message_html=html, status_code=status)
        # The pages of a failed start read these two; without them the text is lost there.
        self.jupyterhub_message = text
        self.jupyterhub_html_message = html


def refuse_by_policy(view: AdmissionView) -> SpawnRefusedError:
    """Turn a negative verdict into the error to raise."""
    return SpawnRefusedError(view.message, remedy=view.remedy, reason="policy", status=refusal_status(view.rule))


def refuse_without_policy() -> SpawnRefusedError:
    """Refuse because policy does not answer."""
    return SpawnRefusedError(
        "Policy cannot be reached, so no server can be started now. Running servers are not affected.",
        remedy=None,
        reason="policy_unavailable",
        status=503,
    )


def refuse_account(text: str) -> SpawnRefusedError:
    """Refuse because the user's account may not be used any more; the text says why and what to do."""
    return SpawnRefusedError(text, remedy=None, reason="account", status=403)


def refuse_without_accounts() -> SpawnRefusedError:
    """Refuse because nobody can say whether the user's account may still be used."""
    return SpawnRefusedError(
        "It cannot be checked now whether your account may still be used, so no server is started for you. "
        "Running servers are not affected.",
        remedy="Try again in a minute.",
        reason="accounts_unavailable",
        status=503,
    )


def refuse_while_deleted(server_name: str) -> SpawnRefusedError:
    """Refuse because the server of this name is being deleted."""
    return SpawnRefusedError(
        f"The server {server_name!r} is being deleted",
        remedy="Wait until it is gone, then create it again.",
        reason="being_deleted",
        status=409,
    )


def refuse_without_environment(*, repo: str, commit: str) -> SpawnRefusedError:
    """Refuse because the environment, or the files, a server was granted are not on this host any more."""
    return SpawnRefusedError(
        f"The environment of {repo} at commit {commit[:12]} is not on this host any more",
        remedy="Launch the repository again; it will be rebuilt and your files are kept.",
        reason="environment_missing",
        status=409,
    )


def fail_on_host(error: RuntimeHostError | EngineError) -> SpawnRefusedError:
    """Turn a failure of the runtime into an error that says what it was."""
    return SpawnRefusedError(error.message, remedy=error.remedy, reason="runtime", status=500)


def _end_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
