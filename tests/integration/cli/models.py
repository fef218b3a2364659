"""Wire models with values that the tests do not care about."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from heliostat_core.contracts.builds import BuildLinks, BuildState, BuildView, LogEnd, LogLine, PlanDecision, PlanView
from heliostat_core.contracts.launches import LaunchEvent, LaunchLinks, LaunchState, LaunchView
from heliostat_core.contracts.model import Enforcement
from heliostat_core.contracts.sessions import IdleView, SessionLinks, SessionState, SessionView, StorageView

ID = UUID("11111111-2222-4333-8444-555555555555")
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
URL = "http://127.0.0.1:8000/user/ada/iris/lab"
LAUNCHES = "/services/binder/api/v1/launches"
SESSIONS = "/services/binder/api/v1/sessions"
BUILDS = "/services/builder/api/v1/builds"
POLICY = "/services/policy/api/v1"

PLAN = PlanView(
    provider="git",
    repo="https://git.example/iris",
    ref="main",
    commit="c" * 40,
    ref_url="https://git.example/iris",
    resolved_spec="git/x",
    slug="iris",
    environment_id="env-1",
    content_id="content-1",
    image_id="image-1",
    decision=PlanDecision.FULL,
    forced_by="postBuild",
    config_files=["requirements.txt", "postBuild"],
    warnings=["numpy is not pinned"],
)


def build_launch_view(state: LaunchState = LaunchState.PLANNED, **changes: Any) -> LaunchView:
    fields: dict[str, Any] = {
        "id": ID,
        "state": state,
        "user": "ada",
        "repo": PLAN.repo,
        "ref": "main",
        "path": None,
        "server_name": "iris",
        "plan": PLAN,
        "build_id": None,
        "session_id": None,
        "url": URL if state is LaunchState.READY else None,
        "error": None,
        "created_at": NOW,
        "finished_at": None,
        "links": LaunchLinks(self="s", events="e", page="p"),
    }
    return LaunchView(**{**fields, **changes})


def build_build_view(state: BuildState, **changes: Any) -> BuildView:
    fields: dict[str, Any] = {
        "id": ID,
        "state": state,
        "plan": PLAN,
        "requested_by": "ada",
        "created_at": NOW,
        "links": BuildLinks(self="s", log="l"),
    }
    return BuildView(**{**fields, **changes})


def build_session_view(name: str, state: SessionState = SessionState.RUNNING) -> SessionView:
    return SessionView(
        id=ID,
        user="ada",
        name=name,
        state=state,
        repo=PLAN.repo,
        ref="main",
        commit=PLAN.commit,
        environment_id="env-1",
        launch_id=ID,
        started_at=NOW,
        last_activity=NOW,
        activity_source="kernel",
        idle=IdleView(stop_at=NOW, rule="idle_timeout", reason="No activity since 10:30"),
        limits=[
            Enforcement(resource="memory", limit="2GB", enforced=True, method="cgroup v2"),
            Enforcement(resource="cpu", limit="1", enforced=False, reason="this host delegates no cpu controller"),
        ],
        storage=StorageView(volume_id="v", limit=2 * 1024**3, used=1536 * 1024**2, measured_at=NOW),
        url=URL,
        links=SessionLinks(self="s", start="s", stop="s", server="s", decisions="s"),
    )


def build_launch_events(*, lines: int, final: LaunchEvent) -> list[tuple[str, LaunchEvent]]:
    """Build the stream of a launch with a plan, a build of some lines, a start and an end."""
    steps = [
        LaunchEvent(id="1.0", phase="request", time=NOW, message="Launch requested"),
        LaunchEvent(id="2.0", phase="plan", time=NOW, message="The environment has to be built", plan=PLAN),
        LaunchEvent(id="3.0", phase="build", time=NOW, message="Building"),
        *(
            LaunchEvent(id=f"3.{number}", phase="build", time=NOW, message=f"line {number}", line=number)
            for number in range(1, lines + 1)
        ),
        LaunchEvent(id="4.0", phase="spawn", time=NOW, message="Spawning", progress=40),
        final.model_copy(update={"id": "5.0"}),
    ]
    return [(step.id, step) for step in steps]


READY = LaunchEvent(id="0.0", phase="ready", time=NOW, message="The server is ready", url=URL, final=True)


def build_log(lines: int, end: BuildState = BuildState.SUCCEEDED) -> list[tuple[str, LogLine | LogEnd]]:
    """Build a log; its ids are the numbers of its lines, and one more for its end."""
    numbered = [
        (str(number), LogLine(number=number, time=NOW, phase="build", text=f"line {number}"))
        for number in range(1, lines + 1)
    ]
    return [*numbered, (str(lines + 1), LogEnd(state=end))]
