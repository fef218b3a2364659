"""Kinds of events are for ever: a change of shape is a new kind, and this test says so."""

from typing import get_args

import pytest
from heliostat_core.contracts.events import Event
from heliostat_core.contracts.model import WireModel

from tests.support.golden import Golden

KINDS: dict[str, type[WireModel]] = {
    model.model_fields["kind"].default: model for model in get_args(get_args(Event)[0])
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_shape_of_a_kind_never_changes(golden: Golden, kind: str) -> None:
    golden.assert_json(f"core/events/{kind}.json", KINDS[kind].model_json_schema())


def test_no_kind_is_ever_removed(golden: Golden) -> None:
    recorded = {path.stem for path in (golden.root / "core/events").iterdir()}
    assert recorded <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_noun_a_past_verb_and_a_version(kind: str) -> None:
    noun, verb, version = kind.split(".")
    assert noun.isalpha()
    assert verb.replace("_", "").isalpha()
    assert version.startswith("v")
    assert version[1:].isdigit()
