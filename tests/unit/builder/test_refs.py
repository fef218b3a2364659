"""Which commit a ref is, given what a repository advertises."""

import pytest
from heliostat_builder.domain.refs import find_commit, find_similar, parse_advertised, read_full_commit

MAIN, FEATURE, TAG, TAGGED, LIGHT = (letter * 40 for letter in "abcde")
ADVERTISED = parse_advertised(
    f"{MAIN}\tHEAD\n{FEATURE}\trefs/heads/feature/main\n{MAIN}\trefs/heads/main\n"
    f"{LIGHT}\trefs/heads/v2\n{TAG}\trefs/tags/v1\n{TAGGED}\trefs/tags/v1^{{}}\n{MAIN}\trefs/tags/v2\nnonsense\n"
)


@pytest.mark.parametrize(
    ("ref", "commit"),
    [
        ("HEAD", MAIN),
        ("main", MAIN),
        ("feature/main", FEATURE),
        ("refs/heads/main", MAIN),
        ("v1", TAGGED),
        ("v2", LIGHT),
        ("refs/tags/v2", MAIN),
        ("bbbbbbb", FEATURE),
        ("ccccccc", None),
        ("aaaaaa", None),
        ("ain", None),
        ("heads/main", None),
    ],
)
def test_a_ref_is_found_by_its_exact_name(ref, commit):
    assert find_commit(ADVERTISED, ref) == commit


def test_a_short_sha_must_be_unique():
    advertised = {"refs/heads/a": "1234567" + "0" * 33, "refs/heads/b": "1234567" + "1" * 33}
    assert find_commit(advertised, "1234567") is None
    assert find_commit(advertised, "12345671") == advertised["refs/heads/b"]


def test_only_whole_shas_are_commits_by_themselves():
    assert read_full_commit("A" * 40) == "a" * 40
    assert read_full_commit("a" * 64) == "a" * 64
    assert read_full_commit("a" * 41) is None
    assert read_full_commit("a" * 39) is None


def test_what_is_there_instead_is_suggested():
    assert find_similar(ADVERTISED, "master") == ["main"]
    assert find_similar(ADVERTISED, "feature/mian") == ["feature/main"]
    assert find_similar({}, "main") == []
