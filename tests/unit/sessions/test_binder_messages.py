"""Launches in BinderHub's words: what the transcripts of whole streams do not show."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from heliostat_core.contracts.launches import LaunchEvent
from heliostat_core.contracts.model import ErrorView
from heliostat_sessions.domain.binder_links import BinderLink, rescue_default_branch
from heliostat_sessions.domain.binder_messages import BinderAsk, Message, Told, build_line, translate
from heliostat_sessions.domain.binder_places import Place, Places

LINK = BinderLink(provider="gh", spec="ska/demo/main", audience="gh/ska/demo/main")
ASK = BinderAsk(link=LINK, host="http://hub.example/services/binder/", client_ip="192.0.2.1")
PLACES = Places(secret="secret of the tests")


def _translate(step: str, told: Told, message: str = "", error: ErrorView | None = None) -> tuple[list[Message], Told]:
    event = LaunchEvent(id="1.0", phase=step, step=step, time=datetime.now(UTC), message=message, error=error)
    return translate(event, told, ASK, token="")


def test_another_attempt_says_which_one_failed() -> None:
    first, told = _translate("spawn_requested", Told())
    second, told = _translate("spawn_requested", told)
    assert first == []
    assert second == [{"phase": "launching", "message": "Launch attempt 1 failed, retrying...\n"}]


def test_the_clone_and_the_rest_of_the_output_have_binderhubs_phases() -> None:
    phases = [build_line(step, "text")["phase"] for step in ("fetch", "content", "solve", "install", "postbuild")]
    assert phases == ["fetching", "building", "building", "building", "building"]


@pytest.mark.parametrize(("built", "status"), [(True, 500), (False, None)])
def test_only_what_fails_after_the_build_has_a_status(*, built: bool, status: int | None) -> None:
    error = ErrorView(code="broken", message="It broke.", remedy="Mend it.")
    ((failed,), _) = _translate("failed", Told(built=built), error=error)
    assert (failed.get("status_code"), failed["message"]) == (status, "It broke. Mend it.\n")


@pytest.mark.parametrize(
    ("spec", "code", "rescued"),
    [
        ("ska/demo/main", "ref_not_found", "ska/demo/HEAD"),
        ("ska/demo/master", "ref_not_found", "ska/demo/HEAD"),
        ("ska/demo/feature/main", "ref_not_found", None),
        ("ska/demo/dev", "ref_not_found", None),
        ("ska/demo/main", "repository_not_found", None),
    ],
)
def test_only_a_missing_default_branch_is_rescued(spec: str, code: str, rescued: str | None) -> None:
    link = rescue_default_branch(BinderLink(provider="gh", spec=spec, audience=""), code=code)
    assert (link.spec if link else None) == rescued
    assert rescue_default_branch(BinderLink(provider="git", spec=spec, audience=""), code=code) is None


def test_an_id_says_where_and_for_whom() -> None:
    place = Place("launch", uuid4(), (7, 123, 1), final=True)
    text = PLACES.write(place, reader="alice")
    assert PLACES.read(text, reader="alice") == place
    assert PLACES.read(text, reader="") is None
    assert Places(secret="another").read(text, reader="alice") is None
    assert PLACES.read(text.replace(".7.", ".8."), reader="alice") is None
    for other in ("", "0", "ended", "launch-x.1.1.1." + "0" * 32, text + "0", "1.0"):
        assert PLACES.read(other, reader="alice") is None
