"""A launch's events, and the lines of its build, as messages of its stream."""

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import LogLine, PlanDecision
from heliostat_core.contracts.launches import LaunchEvent
from heliostat_core.eventstore import Recorded

_PLANS = {
    PlanDecision.HIT: "This commit is built already",
    PlanDecision.CONTENT_ONLY: "The environment is built already; only the files are new",
    PlanDecision.FULL: "The environment has to be built",
}


def build_line_message(version: int, line: LogLine) -> LaunchEvent:
    """Build the message of a log line; ``version`` is that of the event with which the wait for the build began."""
    return LaunchEvent(
        id=f"{version}.{line.number}",
        phase="build",
        step=line.phase,
        time=line.time,
        message=line.text,
        line=line.number,
    )


def build_message(event: Recorded) -> LaunchEvent:
    """Build the message of an event of a launch's stream."""
    step = event.data.kind.split(".")[1]
    message = LaunchEvent(id=f"{event.version}.0", phase="launch", step=step, time=event.time, message="")
    return message.model_copy(update=_describe(event))


def _describe(event: Recorded) -> dict[str, object]:  # noqa: C901, PLR0911 one case per kind
    data = event.data
    match data:
        case kinds.LaunchRequested():
            what = f"{data.provider}/{data.repo}" if data.spec else f"{data.repo} at {data.ref}"
            return {"phase": "request", "message": f"Launch of {what} requested"}
        case kinds.LaunchPlanned(plan=plan):
            return {"phase": "plan", "message": f"{_PLANS[plan.decision]} ({plan.commit[:12]})", "plan": plan}
        case kinds.LaunchBuildAwaited():
            return {"phase": "build", "message": "Building"}
        case kinds.LaunchBuilt():
            return {"phase": "build", "message": "The environment is ready"}
        case kinds.LaunchAdmitted():
            verb = "Opening your server" if data.reopened else "Making the server"
            return {"phase": "admit", "message": f"{verb} {data.server_name!r}"}
        case kinds.LaunchSpawnRequested():
            again = "" if data.attempt == 1 else f" (attempt {data.attempt})"
            return {"phase": "spawn", "message": f"Starting the server{again}"}
        case kinds.LaunchProgressed():
            return {"phase": "spawn", "message": data.message, "progress": data.progress}
        case kinds.LaunchReady():
            return {
                "phase": "ready",
                "message": "The server is ready",
                "url": data.url,
                "server_url": data.server_url,
                "final": True,
                "progress": 100,
            }
        case kinds.LaunchRefused(error=error):
            return {"phase": "refused", "message": error.message, "error": error, "final": True}
        case kinds.LaunchFailed(error=error):
            return {"phase": "failed", "message": error.message, "error": error, "final": True}
        case kinds.LaunchCancelled():
            return {"phase": "cancelled", "message": f"Cancelled by {data.cancelled_by}", "final": True}
        case _:
            return {"message": data.kind}
