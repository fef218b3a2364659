"""Reading a policy: what is accepted, and where and how a fault is shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from heliostat_policy.domain.document import read_policy
from heliostat_policy.errors import InvalidPolicyError, PolicyProblem
from hypothesis import given
from hypothesis import strategies as st

DEFAULT = (Path(__file__).parents[3] / "deploy" / "policy" / "default.yaml").read_text()
RULES = "default:\n" + "".join(
    f"  {line}\n"
    for line in (
        "server_name_length: 20", "named_servers: 5", "idle_timeout: 2h", "idle_warning: 10min", "storage: 2GiB",
        "cpu: 1", "memory: 2GB", "require_enforcement: false", "launches: true",
    )
)  # fmt: skip


def refuse(source: str) -> PolicyProblem:
    with pytest.raises(InvalidPolicyError) as caught:
        read_policy(source)
    assert (caught.value.code, caught.value.status) == ("invalid_policy", 422)
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


def with_override(text: str) -> str:
    return f"{RULES}overrides:\n  - {text}\n"


def test_the_default_policy_has_exactly_the_values_of_the_design() -> None:
    rules = read_policy(DEFAULT).default
    assert (rules.server_name_length, rules.named_servers) == (20, 5)
    assert (rules.idle_timeout, rules.idle_warning) == (timedelta(hours=2), timedelta(minutes=10))
    assert (rules.storage, rules.memory, rules.cpu) == (2 * 1024**3, 2_000_000_000, 1)
    assert (rules.require_enforcement, rules.launches, rules.sharing) == (False, True, True)


def test_a_policy_from_before_sharing_was_a_rule_allows_it() -> None:
    assert "sharing" not in RULES
    assert read_policy(RULES).default.sharing


def test_null_is_never_and_differs_from_leaving_out() -> None:
    document = read_policy(with_override("{name: a, match: {user: ada}, rules: {idle_timeout: null}}"))
    assert document.overrides[0].rules.model_fields_set == {"idle_timeout"}
    assert read_policy(RULES.replace("2h", "null")).default.idle_timeout is None


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("  cpu: 1", "  cpu: 1\n  idle_timout: 2h", (8, "default.idle_timout"), ("'idle_timout'", "'idle_timeout'")),
        ("  cpu: 1", "  cpu: 1\n  speed: 1", (8, "default.speed"), ("no field 'speed'", "Use one of")),
        ("memory: 2GB", "memory: 2", (8, "default.memory"), ("unit is missing", "memory: 2GB")),
        ("memory: 2GB", "memory: 2 gigs", (8, "default.memory"), ("is not a size", "memory: 2GB")),
        ("memory: 2GB", "memory: 9000TiB", (8, "default.memory"), ("less than or equal", "memory: 2GB")),
        ("memory: 2GB", "memory: null", (8, "default.memory"), ("memory: Input should be", "memory: 2GB")),
        ("idle_timeout: 2h", "idle_timeout: 7200", (4, "default.idle_timeout"), ("unit is missing", "2h")),
        ("idle_timeout: 2h", "idle_timeout: 2 weeks", (4, "default.idle_timeout"), ("not a unit of time", "2h")),
        ("idle_timeout: 2h", "idle_timeout: 0s", (4, "default.idle_timeout"), ("greater than", "2h")),
        ("idle_timeout: 2h", "idle_timeout: -2h", (4, "default.idle_timeout"), ("not a duration", "2h")),
        ("idle_timeout: 2h", "idle_timeout: 2:00", (4, "default.idle_timeout"), ("unit is missing", "2h")),
        ("named_servers: 5", "named_servers: five", (3, "default.named_servers"), ("integer", "named_servers: 5")),
        ("named_servers: 5", "named_servers: true", (3, "default.named_servers"), ("integer", "named_servers: 5")),
        ("cpu: 1", "cpu: .inf", (7, "default.cpu"), ("cpu:", "cpu: 1")),
        ("launches: true", "launches: maybe", (10, "default.launches"), ("boolean", "launches: true")),
        ("named_servers: 5", "cpu: 2", (7, "cpu"), ("second time; the first is on line 3", "Keep one")),
        ("cpu: 1", "cpu: [1", (8, ""), ("not YAML", "Mend")),
        ("cpu: 1", "cpu: !!bool x", (1, ""), ("cannot be read", "Mend")),
    ],
)  # fmt: skip
def test_a_fault_is_shown_where_it_is(old: str, new: str, place: tuple[int, str], says: tuple[str, str]) -> None:
    assert old in RULES
    problem = refuse(RULES.replace(old, new))
    assert (problem.line, problem.field) == place
    assert says[0] in problem.message
    assert says[1] in problem.remedy


def test_a_missing_rule_is_named_with_an_example() -> None:
    problem = refuse(RULES.replace("  storage: 2GiB\n", ""))
    assert (problem.line, problem.column, problem.field) == (2, 3, "default.storage")
    assert problem.message == "'storage' is missing"
    assert "storage: 2GiB" in problem.remedy


@pytest.mark.parametrize(
    ("override", "field", "message"),
    [
        ("{name: a, match: {}, rules: {cpu: 2}}", "overrides[0].match", "selects nobody"),
        ("{name: a, match: {user: ''}, rules: {cpu: 2}}", "overrides[0].match.user", "empty"),
        ("{name: a, match: {usr: ada, user: b}, rules: {cpu: 2}}", "overrides[0].match.usr", "no field"),
        ("{name: a, match: {user: ada}, rules: {}}", "overrides[0].rules", "replaces no rule"),
        ("{name: a, match: {user: ada}, rules: {cpu: null}}", "overrides[0].rules.cpu", "cannot be null"),
        ("{name: a, match: {user: ada}, rules: {storage: 5}}", "overrides[0].rules.storage", "unit is missing"),
        ("{name: default, match: {user: ada}, rules: {cpu: 2}}", "overrides[0].name", "cannot be called"),
        ("{match: {user: ada}, rules: {cpu: 2}}", "overrides[0].name", "missing"),
        ("just text", "overrides[0]", "overrides"),
    ],
)
def test_a_faulty_override_is_refused(override: str, field: str, message: str) -> None:
    problem = refuse(with_override(override))
    assert (problem.line, problem.field) == (12, field)
    if message != "overrides":
        assert message in problem.message


def test_two_overrides_of_one_name_are_refused_at_the_second() -> None:
    one = "{name: a, match: {user: ada}, rules: {cpu: 2}}"
    problem = refuse(f"{with_override(one)}  - {one}\n")
    assert (problem.line, problem.field) == (13, "overrides[1].name")


def test_a_character_that_yaml_does_not_allow_is_shown_where_it_is() -> None:
    problem = refuse(RULES.replace("2GiB", "\x1f"))
    assert (problem.line, problem.column) == (6, 12)


def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        read_policy(RULES.replace("2GB", "2").replace("2h", "soon").replace("true", "5"))
    assert [problem.line for problem in caught.value.problems] == [4, 8, 10]
    assert caught.value.details["line"] == 4
    assert "2 more" in caught.value.message


@pytest.mark.parametrize("source", ["", "# nothing\n", "null", "5", "[]", "a: b: c", "\x00", "[" * 5000, "&a [*a]"])
def test_what_is_no_policy_at_all_is_refused(source: str) -> None:
    with pytest.raises(InvalidPolicyError):
        read_policy(source)


@given(st.text(alphabet="default:\n -{}[]&*!<>|'\"%@`#,?0129abceghilmnorsu_.~\t", max_size=60))
def test_no_text_makes_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(InvalidPolicyError):
        read_policy(text)


@given(st.text(max_size=20))
def test_no_value_makes_anything_but_a_refusal_or_a_policy(value: str) -> None:
    try:
        read_policy(RULES.replace("2GiB", value))
    except InvalidPolicyError:
        return
