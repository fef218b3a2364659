"""Whether a launch changes what its server starts with."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from heliostat_core.contracts.builds import PlanDecision, PlanView
from heliostat_core.contracts.sessions import SessionState
from heliostat_sessions.domain.choice import Choice
from heliostat_sessions.domain.ledger import Session
from heliostat_sessions.domain.servers import HubServer

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def build_plan(environment_id: str) -> PlanView:
    return PlanView(
        provider="git",
        repo="https://git.example/iris",
        ref="main",
        commit="c" * 40,
        ref_url="",
        resolved_spec="",
        slug="iris",
        environment_id=environment_id,
        content_id="content",
        image_id="image",
        decision=PlanDecision.HIT,
    )


def build_session(environment_id: str) -> Session:
    fields = dict.fromkeys(Session.__dataclass_fields__)
    known = {"id": uuid4(), "version": 3, "user": "ada", "server_name": "iris", "state": SessionState.RUNNING}
    had = {"commit": "c" * 40, "environment_id": environment_id, "content_id": "content", "created_at": NOW}
    return Session(**{**fields, **known, **had})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ready", "planned", "changes"),
    [(False, "same", False), (False, "other", True), (True, "same", False), (True, "other", False)],
)
def test_a_server_that_runs_keeps_the_environment_it_runs_with(*, ready: bool, planned: str, changes: bool) -> None:
    server = HubServer(name="iris", ready=ready, pending=None, started=NOW, last_activity=NOW, url="/user/ada/iris/")
    choice = Choice("iris", session=build_session("same"), server=server)
    assert choice.changes(build_plan(planned)) is changes


def test_a_new_server_starts_with_what_was_planned() -> None:
    assert Choice("iris").changes(build_plan("any"))
