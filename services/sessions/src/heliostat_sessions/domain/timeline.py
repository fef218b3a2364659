"""The log in plain words: one sentence for each kind of event."""

from heliostat_core.contracts import events as kinds
from heliostat_core.contracts.builds import PlanDecision
from heliostat_core.contracts.events import Event

_COMMIT = 12
_WORK = {
    PlanDecision.HIT: "everything is built already",
    PlanDecision.CONTENT_ONLY: "only the files are new",
    PlanDecision.FULL: "the environment has to be built",
}


def summarise(event: Event) -> str:
    """Say what happened in one sentence without an end."""
    for summary in (_summarise_build, _summarise_launch, _summarise_session, _summarise_rest):
        words = summary(event)
        if words is not None:
            return words
    return event.kind


def _summarise_build(event: Event) -> str | None:  # noqa: C901, PLR0911 one case per kind
    match event:
        case kinds.BuildRequested(requested_by=user, plan=plan):
            return f"{user} asked for a build of {plan.repo} at {plan.commit[:_COMMIT]}"
        case kinds.BuildJoined(requested_by=user):
            return f"{user} waits for the same build"
        case kinds.BuildInterrupted():
            return "The builder was stopped; another goes on with the build"
        case kinds.BuildStarted(attempt=attempt):
            return "The build began" if attempt == 1 else f"The build began again (attempt {attempt})"
        case kinds.BuildFinished(log_lines=lines):
            return f"The build succeeded, with {lines} lines of output"
        case kinds.BuildFailed(error=error):
            return f"The build failed: {error.message}"
        case kinds.BuildCancelled(cancelled_by=user):
            return f"The build was cancelled by {user}"
        case kinds.EnvironmentCreated(environment_id=environment, python=python):
            return f"Environment {environment} is ready, with Python {python}"
        case kinds.EnvironmentPinned(environment_id=environment, pinned_by=user):
            return f"{user} pinned environment {environment}"
        case kinds.EnvironmentUnpinned(environment_id=environment, unpinned_by=user):
            return f"{user} unpinned environment {environment}"
        case kinds.EnvironmentRetired(environment_id=environment, reason=reason):
            return f"Environment {environment} was retired: {reason}"
        case _:
            return None


def _summarise_launch(event: Event) -> str | None:  # noqa: C901, PLR0911 one case per kind
    match event:
        case kinds.LaunchRequested(user=user, repo=repo, ref=ref):
            return f"{user} asked to launch {repo} at {ref}"
        case kinds.LaunchPlanned(plan=plan):
            return f"Planned for commit {plan.commit[:_COMMIT]}: {_WORK[plan.decision]}"
        case kinds.LaunchBuildAwaited():
            return "The launch waits for the build"
        case kinds.LaunchBuilt():
            return "The environment and the files are there"
        case kinds.LaunchAdmitted(server_name=name, reopened=reopened):
            return f"The launch {'opens' if reopened else 'makes'} {_name(name)}"
        case kinds.LaunchSpawnRequested(attempt=attempt):
            return "The hub is asked to start the server" + ("" if attempt == 1 else f" (attempt {attempt})")
        case kinds.LaunchProgressed(message=message):
            return f"The server starts: {message}"
        case kinds.LaunchReady():
            return "The server is ready"
        case kinds.LaunchRefused(error=error):
            return f"The launch was refused: {error.message}"
        case kinds.LaunchFailed(phase=phase, error=error):
            return f"The launch failed in phase {phase}: {error.message}"
        case kinds.LaunchCancelled(cancelled_by=user):
            return f"The launch was cancelled by {user}"
        case _:
            return None


def _summarise_session(event: Event) -> str | None:  # noqa: C901, PLR0911 one case per kind
    match event:
        case kinds.SessionCreated(user=user, server_name=name, origin=origin):
            return f"{user} got {_name(name)} ({_ORIGINS[origin]})"
        case kinds.SessionAssigned(repo=repo, commit=commit):
            return f"The server holds {repo} at {commit[:_COMMIT]}"
        case kinds.SessionStarted():
            return "The server was started"
        case kinds.SessionActivityObserved(source=source):
            return f"The server was used ({source})"
        case kinds.SessionIdleWarned(stop_at=stop_at):
            return f"The server is idle and would be stopped at {stop_at:%Y-%m-%d %H:%M} UTC"
        case kinds.SessionStopRequested(reason=reason):
            return f"The hub is asked to stop the server ({_REASONS[reason]})"
        case kinds.SessionStopped():
            return "The server was stopped"
        case kinds.SessionShared(user=user, group=group):
            return f"The server was shared with {_guest(user, group)}"
        case kinds.SessionUnshared(user=user, group=group):
            return f"The server is no longer shared with {_guest(user, group)}"
        case kinds.SessionDeleteRequested():
            return "The server is to be deleted with its files"
        case kinds.SessionDeleted():
            return "The server was deleted"
        case _:
            return None


def _summarise_rest(event: Event) -> str | None:
    match event:
        case kinds.StorageCreated(limit=limit):
            return f"Storage of {limit} bytes was made"
        case kinds.StorageMeasured(used=used, limit=limit):
            return f"The storage holds {used} of {limit} bytes"
        case kinds.StorageDeleted():
            return "The storage was deleted"
        case kinds.PolicyChanged(version=version, comment=comment):
            return f"Policy version {version} is in force" + (f": {comment}" if comment else "")
        case kinds.DecisionMade(message=message, verdict=verdict, action=action, user=user):
            return f"Policy on {action} for {user}: {verdict}. {message}"
        case _:
            return None


_ORIGINS = {"launch": "from a launch", "api": "over the API", "hub": "at the hub"}
_REASONS = {
    "user": "asked by its user",
    "admin": "asked by an administrator",
    "idle": "it was idle",
    "delete": "it is to be deleted",
}


def _guest(user: str | None, group: str | None) -> str:
    return f"group {group}" if group else user or "anybody"


def _name(server: str) -> str:
    return f"server {server!r}" if server else "the default server"
