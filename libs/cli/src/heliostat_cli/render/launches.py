"""Launches, their plans and their messages as text."""

from heliostat_core.contracts.builds import PlanDecision, PlanView
from heliostat_core.contracts.launches import LaunchEvent, LaunchView

from .text import build_fields, show_server, show_time

_WORK = {
    PlanDecision.HIT: "nothing to build, this commit is there already",
    PlanDecision.CONTENT_ONLY: "only the files are new, the environment is there already",
    PlanDecision.FULL: "the environment has to be built",
}


def build_plan_lines(plan: PlanView) -> list[str]:
    """Describe a build plan: what, from where, and what decides it."""
    forced = f" ({plan.forced_by} ties it to this commit)" if plan.forced_by else ""
    fields = build_fields(
        [
            ("Repository", plan.repo),
            ("Commit", f"{plan.commit} ({plan.ref})"),
            ("Plan", f"{plan.decision.value}: {_WORK[plan.decision]}{forced}"),
            ("Configured by", ", ".join(plan.config_files) or "no file of the repository"),
            ("Environment", plan.environment_id),
        ]
    )
    return [*fields, *(f"Warning: {warning}" for warning in plan.warnings)]


def build_launch_lines(launch: LaunchView) -> list[str]:
    """Describe a launch as it is now."""
    fields = build_fields(
        [
            ("Launch", str(launch.id)),
            ("State", launch.state.value),
            ("User", launch.user),
            ("Repository", f"{launch.repo} ({launch.ref})"),
            ("Path", launch.path),
            ("Server", None if launch.server_name is None else show_server(launch.server_name)),
            ("Build", None if launch.build_id is None else str(launch.build_id)),
            ("Requested", show_time(launch.created_at)),
            ("Finished", show_time(launch.finished_at)),
            ("URL", launch.url),
        ]
    )
    return [*fields, *(build_plan_lines(launch.plan) if launch.plan else [])]


def build_event_lines(event: LaunchEvent) -> list[str]:
    """Describe one message: log lines as they are, steps with their phase and progress.

    An error is left out: the command ends with it.
    """
    if event.line is not None:
        return [event.message]
    if event.error is not None:
        return []
    progress = f" {event.progress}%" if event.progress is not None else ""
    plan = build_plan_lines(event.plan) if event.plan else []
    return [f"[{event.phase}{progress}] {event.message}", *(f"  {line}" for line in plan)]
