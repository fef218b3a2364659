"""A launch in BinderHub's words: its messages as BinderHub's event stream has them.

The phases, their order and every key are BinderHub's (``launch_id``, and ``reason`` and ``remedy`` of a failure, are
added and ignored by its clients). What of a launch has been told already is carried from message to message, so the
whole is a function of what is stored: whoever reads again gets the same.
"""

from dataclasses import dataclass, replace
from typing import Any

from heliostat_core.contracts.builds import LogLine, PlanDecision, PlanView
from heliostat_core.contracts.launches import LaunchEvent
from heliostat_core.contracts.model import ErrorView
from heliostat_core.errors import HeliostatError

from .binder_links import BinderLink

Message = dict[str, Any]

_FETCHING = {"fetch"}
_LIMITS = {"named_servers": 409}
"""Rules whose refusal has a status in BinderHub's words too; the others have none."""


@dataclass(frozen=True, slots=True)
class BinderAsk:
    """What one reader of a stream asked for.

    Attributes
    ----------
    link
        Provider and spec.
    host
        Absolute URL of this service, with a slash at the end.
    client_ip
        Where the request came from.
    """

    link: BinderLink
    host: str
    client_ip: str


@dataclass(frozen=True, slots=True)
class Told:
    """What of a launch has been told."""

    plan: PlanView | None = None
    built: bool = False
    attempts: int = 0


def translate(  # noqa: PLR0911 one case per step
    event: LaunchEvent, told: Told, ask: BinderAsk, *, token: str
) -> tuple[list[Message], Told]:
    """Say one message of a launch in BinderHub's words, which may take none or several.

    Parameters
    ----------
    token
        What opens the server, for the message that it is ready.
    """
    match event.step:
        case "planned":
            told = replace(told, plan=event.plan)
            cached = event.plan is not None and event.plan.decision is PlanDecision.HIT
            return ([] if cached else [build_waiting_for_build()]), told
        case "built":
            return [_build_built(told)], replace(told, built=True)
        case "admitted":
            return [_build_launching("Launching server...")], told
        case "spawn_requested":
            again = [_build_launching(f"Launch attempt {told.attempts} failed, retrying...")] if told.attempts else []
            return again, replace(told, attempts=told.attempts + 1)
        case "progressed":
            return [_build_launching(event.message)], told
        case "ready":
            return [_build_ready(event, told, ask, token=token)], told
        case "refused" | "failed" | "cancelled":
            return [_build_end(event, told)], told
        case _ if event.line is not None:
            return [build_line(event.step or "", event.message)], told
        case _:
            return [], told


def build_waiting_for_build() -> Message:
    """Build the first message of a build."""
    return {"phase": "waiting", "message": "Waiting for build to start...\n"}


def build_rescue(link: BinderLink) -> Message:
    """Build the message that a branch is not there and another one is tried."""
    text = f"Could not resolve ref for {link.provider}:{link.spec}. Trying again with HEAD. Please update your links.\n"
    return {"phase": "waiting", "message": text}


def build_log_message(line: LogLine) -> Message:
    """Build the message of a line of a build's log."""
    return build_line(line.phase, line.text)


def build_line(step: str, text: str) -> Message:
    """Build the message of a line of output of a step."""
    return {"phase": "fetching" if step in _FETCHING else "building", "message": f"{text}\n"}


def build_image_ready(plan: PlanView, *, found: bool) -> Message:
    """Build the last message of a build without a launch."""
    message = "Done! Found built image\n" if found else "Done! Image built\n"
    return {"phase": "ready", "imageName": plan.image_name or plan.image_id, "message": message}


def build_failure(error: HeliostatError | ErrorView, *, status: int | None = None) -> Message:
    """Build the last message of what did not succeed; ``status`` where BinderHub gives one."""
    sentence = error.message.rstrip(".")
    message: Message = {
        "phase": "failed",
        "message": f"{sentence}. {error.remedy}\n" if error.remedy else f"{sentence}.\n",
        "reason": error.code,
    }
    return message if status is None else message | {"status_code": status}


def build_request_failure(error: HeliostatError) -> Message:
    """Build the failure of a request of which no launch came; it has a status where the fault is the world's."""
    return build_failure(error, status=error.status if error.status >= 500 else None)  # noqa: PLR2004 the world's


def _build_launching(message: str) -> Message:
    return {"phase": "launching", "message": f"{message}\n"}


def _build_built(told: Told) -> Message:
    assert told.plan is not None  # noqa: S101 a launch is planned before it is built
    found = told.plan.decision is PlanDecision.HIT
    return {
        "phase": "built",
        "imageName": told.plan.image_name or told.plan.image_id,
        "message": "Found built image, launching...\n" if found else "Built image, launching...\n",
    }


def _build_ready(event: LaunchEvent, told: Told, ask: BinderAsk, *, token: str) -> Message:
    plan = told.plan
    assert plan is not None  # noqa: S101 a launch is planned before it is ready
    return {
        "phase": "ready",
        "message": f"server running at {event.server_url}\n",
        "url": event.server_url,
        "token": token,
        "image": plan.image_name or plan.image_id,
        "repo_url": plan.repo,
        "binder_ref_url": plan.ref_url,
        "binder_launch_host": ask.host,
        "binder_request": ask.link.path,
        "binder_persistent_request": f"v2/{plan.provider}/{plan.resolved_spec}",
        "binder_client_ip": ask.client_ip,
    }


def _build_end(event: LaunchEvent, told: Told) -> Message:
    error = event.error or ErrorView(code="cancelled", message=event.message, remedy="Launch again.")
    if event.step == "refused":
        return build_failure(error, status=_LIMITS.get(error.code))
    return build_failure(error, status=500 if told.built and event.step == "failed" else None)
