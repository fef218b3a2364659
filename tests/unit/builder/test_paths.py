"""Names of files that others chose."""

import pytest
from heliostat_builder.domain.paths import UnsafePathError, check_link, clean_path
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.txt", "a/b.txt"),
        ("./a//b/", "a/b"),
        ("a\\b", "a/b"),
        ("a..b/...", "a..b/..."),
        ("ä/日本.ipynb", "ä/日本.ipynb"),
        (".gitignore", ".gitignore"),
        (".git/config", None),
        ("a/.GIT /hooks/x", None),
        ("git~1/config", None),
    ],
)
def test_a_name_becomes_a_relative_path_outside_of_git(name, path):
    assert clean_path(name) == path


@pytest.mark.parametrize(
    "name", ["/a", "\\a", "C:/a", "../a", "a/../../b", "a/..", "", ".", "a\0b", "a\nb", "x" * 256, "a/" * 70, "\udc80"]
)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(UnsafePathError):
        clean_path(name)


@given(st.text())
def test_whatever_is_written_stays_inside(name):
    try:
        path = clean_path(name)
    except UnsafePathError:
        return
    assert path is None or (not path.startswith("/") and not {"", ".", "..", ".git"} & set(path.split("/")))


@pytest.mark.parametrize(("path", "target"), [("l", "a"), ("d/l", "../a"), ("d/e/l", "../../x/y"), ("l", "./a/b")])
def test_a_link_may_lead_to_the_same_tree(path, target):
    check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", "/etc"),
        ("l", ".."),
        ("d/l", "../.."),
        ("d/l", "other/../../x"),
        ("d/l", "other/.."),
        ("l", ""),
        ("l", "a\nb"),
    ],
)
def test_a_link_may_not_lead_outside_not_even_through_another(path, target):
    with pytest.raises(UnsafePathError):
        check_link(path, target)
