"""Builds as text."""

from collections.abc import Sequence

from heliostat_core.contracts.builds import BuildView

from .launches import build_plan_lines
from .text import build_fields, build_table, show_time

_SHORT = 12


def build_build_table(builds: Sequence[BuildView]) -> list[str]:
    """List builds, one a line."""
    if not builds:
        return ["There are no builds."]
    rows = [
        [str(build.id), build.state.value, build.plan.repo, build.plan.commit[:_SHORT], show_time(build.created_at)]
        for build in builds
    ]
    return build_table(["BUILD", "STATE", "REPOSITORY", "COMMIT", "REQUESTED"], rows)


def build_build_lines(build: BuildView) -> list[str]:
    """Describe one build."""
    fields = build_fields(
        [
            ("Build", str(build.id)),
            ("State", build.state.value),
            ("Attempt", str(build.attempt)),
            ("Requested", f"{show_time(build.created_at)} by {build.requested_by}"),
            ("Started", show_time(build.started_at)),
            ("Finished", show_time(build.finished_at)),
            ("Failure", build.failure.message if build.failure else None),
            ("Remedy", build.failure.remedy if build.failure else None),
        ]
    )
    return [*fields, *build_plan_lines(build.plan)]
