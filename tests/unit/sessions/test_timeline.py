"""Every kind of event has words of its own."""

from datetime import UTC, datetime
from types import UnionType
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import pytest
from heliostat_core.contracts.builds import PlanDecision, PlanView
from heliostat_core.contracts.events import Event
from heliostat_core.contracts.model import ErrorView, WireModel
from heliostat_sessions.domain.timeline import summarise
from heliostat_sessions.errors import EventKindUnknownError
from heliostat_sessions.services.timeline import read_kinds

KINDS: list[type[WireModel]] = list(get_args(get_args(Event)[0]))
SAMPLES: dict[Any, Any] = {
    str: "text",
    int: 1,
    bool: True,
    UUID: UUID(int=1),
    datetime: datetime(2026, 11, 23, tzinfo=UTC),
    ErrorView: ErrorView(code="code", message="what is wrong"),
    PlanView: PlanView(
        provider="git",
        repo="https://git.example/iris",
        ref="main",
        commit="c" * 40,
        ref_url="",
        resolved_spec="",
        slug="iris",
        environment_id="e",
        content_id="c",
        image_id="i",
        decision=PlanDecision.FULL,
    ),
}


def build_sample(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is UnionType:
        return build_sample(get_args(annotation)[0])
    return SAMPLES[annotation] if annotation in SAMPLES else (get_origin(annotation) or annotation)()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_told_in_words(kind: type[WireModel]) -> None:
    fields = {name: build_sample(field.annotation) for name, field in kind.model_fields.items()}
    words = summarise(kind.model_construct(**fields))  # type: ignore[arg-type]  # it is one of the union's
    assert words != fields["kind"]
    assert words[0].isupper() or words.startswith("text ")


def test_kinds_are_named_by_their_beginnings() -> None:
    assert read_kinds(["policy", "launch.ready.v1"]) == ("policy.changed.v1", "launch.ready.v1")
    assert "launch.built.v1" in read_kinds(["launch"])
    with pytest.raises(EventKindUnknownError):
        read_kinds(["lau"])
