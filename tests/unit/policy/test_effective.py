"""Which rules are in force: precedence, sources, repositories."""

from datetime import timedelta
from itertools import product

from heliostat_core.contracts.policy import Override, PolicyDocument, Rules, RulesOverride, Selector
from heliostat_policy.domain.effective import PolicyInForce, matches, normalise_repository, rank
from hypothesis import given
from hypothesis import strategies as st

RULES = Rules(
    server_name_length=20,
    named_servers=5,
    idle_timeout=timedelta(hours=2),
    idle_warning=timedelta(minutes=10),
    storage=2 * 1024**3,
    cpu=1,
    memory=2 * 10**9,
    require_enforcement=False,
    launches=True,
)
REPOSITORY = "https://github.com/org/project"


def policy(*overrides: Override) -> PolicyInForce:
    return PolicyInForce(version=1, source="", document=PolicyDocument(default=RULES, overrides=list(overrides)))


def override(name: str, match: dict[str, str], **rules: object) -> Override:
    return Override(name=name, match=Selector(**match), rules=RulesOverride.model_validate(rules))


USER, GROUP, REPO = {"user": "ada"}, {"group": "hpc"}, {"repository": "github.com/org/*"}


def test_without_overrides_the_default_is_in_force() -> None:
    effective = policy().effective("ada", ("hpc",), REPOSITORY)
    assert effective.rules == RULES
    assert set(effective.source.values()) == {"default"}


def test_user_goes_before_group_before_repository_whatever_the_order() -> None:
    repo, group, user = (
        override(name, match, cpu=cpu)
        for name, match, cpu in (("repo", REPO, 2), ("group", GROUP, 3), ("user", USER, 4))
    )
    for order in ((repo, group, user), (user, group, repo), (group, user, repo)):
        assert policy(*order).effective("ada", ("hpc",), REPOSITORY).rules.cpu == 4
        assert policy(*order).effective("bob", ("hpc",), REPOSITORY).rules.cpu == 3
        assert policy(*order).effective("bob", (), REPOSITORY).rules.cpu == 2
        assert policy(*order).effective("bob", (), None).rules.cpu == 1


def test_more_fields_are_more_specific() -> None:
    both = override("both", USER | REPO, cpu=9)
    assert policy(override("user", USER, cpu=4), both).effective("ada", (), REPOSITORY).rules.cpu == 9
    pair = override("pair", GROUP | REPO, cpu=9)
    assert policy(override("group", GROUP, cpu=4), pair).effective("ada", ("hpc",), REPOSITORY).rules.cpu == 9
    assert policy(override("user", USER, cpu=4), pair).effective("ada", ("hpc",), REPOSITORY).rules.cpu == 4


def test_of_equally_specific_ones_the_earlier_wins() -> None:
    first, second = override("first", {"group": "a"}, cpu=2), override("second", {"group": "b"}, cpu=3)
    effective = policy(first, second).effective("ada", ("b", "a"))
    assert (effective.rules.cpu, effective.source["cpu"]) == (2, "first")


def test_each_rule_comes_from_its_own_most_specific_override() -> None:
    group = override("group", GROUP, cpu=4, memory="16GiB")
    user = override("user", USER, cpu=2, idle_timeout=None)
    effective = policy(group, user).effective("ada", ("hpc",))
    assert (effective.rules.cpu, effective.rules.memory, effective.rules.idle_timeout) == (2, 16 * 1024**3, None)
    changed = {name: source for name, source in effective.source.items() if source != "default"}
    assert changed == {"cpu": "user", "memory": "group", "idle_timeout": "user"}


def test_repositories_match_by_what_tells_them_apart() -> None:
    assert normalise_repository("https://user@GitHub.com/Org/Project.git/") == "github.com/org/project"
    for pattern, fits in {
        "github.com/org/project": True,
        "https://github.com/org/project.git": True,
        "github.com/*": True,
        "*/project": True,
        "git*/org/*ject": True,
        "*": True,
        "github.com/org": False,
        "github.com/org/project2": False,
        "*/projec": False,
        "github.com/org/project*t": False,
        "evil.example/*github.com/org/project": False,
    }.items():
        assert matches(Selector(repository=pattern), "ada", (), REPOSITORY) is fits, pattern
    assert not matches(Selector(repository="*"), "ada", (), None)


def test_many_stars_do_not_take_long() -> None:
    assert not matches(Selector(repository="*a" * 50 + "b"), "ada", (), "a" * 2000)


selectors = st.builds(
    Selector,
    user=st.none() | st.sampled_from(["ada", "bob"]),
    group=st.none() | st.sampled_from(["hpc", "course"]),
    repository=st.none() | st.sampled_from(["github.com/org/*", "gitlab.com/*"]),
).filter(lambda selector: selector.model_dump(exclude_none=True))


@given(st.lists(selectors, max_size=8), st.permutations(range(8)))
def test_the_winner_is_the_first_match_in_rank_and_rank_is_total(found: list[Selector], order: list[int]) -> None:
    overrides = [
        Override(name=str(number), match=selector, rules=RulesOverride(cpu=number + 1))
        for number, selector in enumerate(found)
    ]
    ranked = rank(overrides)
    for user, groups, repository in product(["ada", "bob"], [(), ("hpc",), ("hpc", "course")], [None, REPOSITORY]):
        effective = policy(*overrides).effective(user, groups, repository)
        winner = next((item for item in ranked if matches(item.match, user, groups, repository)), None)
        assert effective.source["cpu"] == ("default" if winner is None else winner.name)
    shuffled = rank([overrides[index] for index in order if index < len(overrides)])
    assert [_shape(item) for item in shuffled] == [_shape(item) for item in ranked]


def _shape(item: Override) -> set[str]:
    return set(item.match.model_dump(exclude_none=True))
