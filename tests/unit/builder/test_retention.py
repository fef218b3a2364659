"""What goes and what stays."""

from datetime import UTC, datetime, timedelta

from heliostat_builder.domain.retention import (
    Candidate,
    RetentionRules,
    ShelfItem,
    bind,
    choose_removals,
)
from heliostat_core.contracts.retention import RemovalReason, ShelfKind
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GRACE = timedelta(hours=1)


def environment(name: str, *, days: float, size: int = 10, **facts) -> Candidate:
    item = ShelfItem(ShelfKind.ENVIRONMENT, id=name, name=name, size=size, created_at=NOW - 100 * DAY)
    return Candidate(item, last_used_at=NOW - days * DAY, **facts)


def content(name: str, *, days: float, size: int = 1, on: str | None = None, **facts) -> Candidate:
    item = ShelfItem(ShelfKind.CONTENT, id=name, name=name, size=size, created_at=NOW, environment_id=on)
    return Candidate(item, last_used_at=NOW - days * DAY, **facts)


def choose(*candidates: Candidate, **rules) -> list[tuple[str, RemovalReason]]:
    limits = RetentionRules(**{"age": None, "space": None, "grace": GRACE, **rules})
    removals = choose_removals(bind(candidates), limits, now=NOW)
    return [(removal.candidate.item.id, removal.reason) for removal in removals]


def test_without_rules_everything_stays():
    assert choose(environment("old", days=1000)) == []


def test_what_nobody_used_for_long_goes():
    assert choose(environment("old", days=8), environment("new", days=6), age=7 * DAY) == [("old", RemovalReason.AGE)]


def test_the_least_recently_used_go_until_the_rest_fits():
    shelf = (environment("b", days=2), environment("c", days=1), environment("a", days=3))
    assert choose(*shelf, space=20) == [("a", RemovalReason.SPACE)]
    assert choose(*shelf, space=19) == [("a", RemovalReason.SPACE), ("b", RemovalReason.SPACE)]
    assert choose(*shelf, space=30) == []


def test_what_is_needed_pinned_or_just_used_stays_however_little_space_there_is():
    shelf = (
        environment("needed", days=9, needed_by=("server ada/x",)),
        environment("pinned", days=9, pinned=True),
        environment("fresh", days=0.01),
        environment("free", days=9),
    )
    assert choose(*shelf, space=0, age=DAY) == [("free", RemovalReason.AGE)]


def test_an_environment_stays_for_the_contents_on_it_and_goes_after_them():
    assert choose(environment("e", days=9), content("c", days=0.01, on="e"), age=DAY) == []
    assert choose(environment("e", days=9), content("c", days=9, on="e", needed_by=("server ada/x",)), age=DAY) == []
    assert [name for name, _ in choose(environment("e", days=9), content("c", days=5, on="e"), age=DAY)] == ["c", "e"]
    assert choose(environment("e", days=9, pinned=True), content("c", days=9, on="e"), age=DAY) == []


candidates = st.lists(
    st.builds(
        lambda kind, number, size, hours, needed, pinned, on: Candidate(
            ShelfItem(kind, f"{number}", f"{number}", size, NOW, f"{on}" if kind is ShelfKind.CONTENT else None),
            last_used_at=NOW - timedelta(hours=hours),
            needed_by=("server",) if needed else (),
            pinned=pinned and kind is ShelfKind.ENVIRONMENT,
        ),
        st.sampled_from(ShelfKind),
        st.integers(0, 9),
        st.integers(0, 100),
        st.integers(0, 100),
        st.booleans(),
        st.booleans(),
        st.integers(0, 9),
    ),
    unique_by=lambda each: (each.item.kind, each.item.id),
)


@given(candidates, st.integers(0, 500), st.integers(1, 100))
def test_no_environment_goes_before_or_without_what_is_on_it(shelf: list[Candidate], space: int, hours: int):
    rules = RetentionRules(age=timedelta(hours=hours), space=space, grace=GRACE)
    bound = bind(shelf)
    gone: list[ShelfItem] = []
    for removal in choose_removals(bound, rules, now=NOW):
        item = removal.candidate.item
        assert not removal.candidate.needed_by
        assert not removal.candidate.pinned
        if item.kind is ShelfKind.ENVIRONMENT:
            on_it = [each.item for each in shelf if each.item.environment_id == item.id]
            assert all(each in gone for each in on_it)
        gone.append(item)
    assert {each.item for each in bound} == {each.item for each in shelf}
