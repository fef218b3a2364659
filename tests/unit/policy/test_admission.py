"""Admission as a pure function."""

from typing import Any

import pytest
from heliostat_core.contracts.policy import AdmissionAction
from heliostat_policy.domain.admission import AdmissionFacts, Refusal, decide_admission
from heliostat_policy.domain.rules import Rule
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_effective import RULES, override, policy

FIVE = frozenset("abcde")


def decide(action: AdmissionAction, *, rules: dict[str, Any] | None = None, **facts: Any) -> Refusal | None:
    overrides = [override("special", {"user": "ada"}, **rules)] if rules else []
    return decide_admission(policy(*overrides), AdmissionFacts(action=action, user="ada", **facts)).refusal


def refused(action: AdmissionAction, **facts: Any) -> Refusal:
    refusal = decide(action, **facts)
    assert refusal is not None
    assert refusal.message
    assert refusal.remedy
    return refusal


CREATE, START, RENAME, BUILD, SHARE = (
    AdmissionAction.CREATE, AdmissionAction.START, AdmissionAction.RENAME, AdmissionAction.BUILD, AdmissionAction.SHARE,
)  # fmt: skip


def test_a_name_of_exactly_the_limit_passes() -> None:
    assert decide(CREATE, server_name="x" * 20) is None
    assert refused(CREATE, server_name="x" * 21).rule is Rule.SERVER_NAME_LENGTH
    assert refused(RENAME, server_name="x" * 21).rule is Rule.SERVER_NAME_LENGTH


def test_names_are_counted_in_characters() -> None:
    assert decide(CREATE, server_name="ü" * 20) is None


def test_the_default_server_neither_counts_nor_is_counted() -> None:
    assert decide(CREATE, server_name="f", servers=frozenset({"", "a", "b", "c", "d"})) is None
    assert decide(CREATE, server_name="", servers=FIVE) is None
    assert decide(CREATE, server_name="", servers=frozenset(), rules={"named_servers": 0}) is None


def test_the_sixth_named_server_is_refused_with_what_to_delete() -> None:
    refusal = refused(CREATE, server_name="f", servers=FIVE)
    assert (refusal.rule, refusal.limit, refusal.current) == (Rule.NAMED_SERVERS, 5, 5)
    assert refusal.message == "You have 5 of 5 named servers (a, b, c, d, e)"
    assert refusal.remedy.startswith("Delete one of them first")


def test_reservations_and_servers_are_counted_once_each() -> None:
    assert decide(CREATE, server_name="e", servers=frozenset("abc"), reserved=frozenset("cd")) is None
    assert refused(CREATE, server_name="f", servers=frozenset("abc"), reserved=frozenset("de")).current == 5
    assert decide(CREATE, server_name="e", servers=frozenset("abc"), reserved=frozenset("de")) is None


def test_after_a_stricter_policy_more_than_one_has_to_go() -> None:
    refusal = refused(CREATE, server_name="f", servers=FIVE, rules={"named_servers": 3})
    assert "Delete 3 of them" in refusal.remedy


def test_where_named_servers_are_not_allowed_the_default_one_is_offered() -> None:
    refusal = refused(CREATE, server_name="f", rules={"named_servers": 0})
    assert "default server" in refusal.remedy


@given(st.frozensets(st.text(min_size=1, max_size=40), min_size=1, max_size=20), st.integers(0, 5))
def test_what_exists_can_always_be_started_and_created_again(servers: frozenset[str], limit: int) -> None:
    for name in servers:
        for action in (START, CREATE):
            assert decide(action, server_name=name, servers=servers, rules={"named_servers": limit}) is None


def test_where_launches_are_off_nothing_of_a_repository_is_allowed() -> None:
    rules = {"launches": False}
    assert refused(BUILD, rules=rules).rule is Rule.LAUNCHES
    assert refused(CREATE, server_name="a", repository="github.com/a/b", rules=rules).rule is Rule.LAUNCHES
    assert decide(CREATE, server_name="a", rules=rules) is None
    assert decide(BUILD) is None


@pytest.mark.parametrize("action", [CREATE, START])
def test_a_host_that_cannot_limit_is_refused_where_enforcement_is_required(action: AdmissionAction) -> None:
    rules = {"require_enforcement": True}
    refusal = refused(action, server_name="a", unenforced=("memory", "storage"), rules=rules)
    assert refusal.rule is Rule.REQUIRE_ENFORCEMENT
    assert "memory, storage" in refusal.message
    assert decide(action, server_name="a", unenforced=("memory",)) is None
    assert decide(action, server_name="a", rules=rules) is None


def test_the_decision_carries_the_rules_and_their_sources() -> None:
    facts = AdmissionFacts(action=START, user="ada", server_name="a")
    decision = decide_admission(policy(override("special", {"user": "ada"}, cpu=4)), facts)
    assert decision.effective.rules == RULES.model_copy(update={"cpu": 4.0})
    assert decision.effective.source["cpu"] == "special"


def test_sharing_is_allowed_unless_the_policy_forbids_it() -> None:
    assert decide(SHARE, server_name="a", share_with="user bob") is None
    refusal = refused(SHARE, server_name="a", share_with="user bob", rules={"sharing": False})
    assert (refusal.rule, refusal.message, refusal.current) == (
        Rule.SHARING, "Your servers may not be shared", "shared with user bob",
    )  # fmt: skip


def test_sharing_may_be_forbidden_for_one_repository() -> None:
    secret = policy(override("secret", {"repository": "git.example/sun/*"}, sharing=False))
    spots, rocks = (
        AdmissionFacts(action=SHARE, user="ada", server_name="a", repository=repository, share_with="group hpc")
        for repository in ("https://git.example/sun/spots", "https://git.example/moon/rocks")
    )
    kept = decide_admission(secret, spots)
    assert kept.refusal is not None
    assert kept.refusal.message == "Servers of https://git.example/sun/spots may not be shared"
    assert kept.effective.source["sharing"] == "secret"
    free = decide_admission(secret, rocks)
    assert free.refusal is None
    assert free.message == "Server 'a' may be shared with group hpc"
