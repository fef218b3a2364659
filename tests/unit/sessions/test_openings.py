"""What a link may open: everything in the server, nothing outside it."""

from urllib.parse import unquote, urljoin

import pytest
from heliostat_core.errors import ClientError
from heliostat_sessions.domain.openings import build_opening, is_inner_path
from hypothesis import given
from hypothesis import strategies as st

SERVER = "http://hub.example/user/a/s/"


@pytest.mark.parametrize(
    "path",
    ["//x", "/x", "a/../b", "..", "http://x", "javascript:alert(1)", "a\\b", "a//b", "a\nb", "./a", "", "%2e%2e/a"],
)
def test_paths_that_lead_out_are_refused(path: str) -> None:
    assert not is_inner_path(path)


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ({"path": "intro/a b.ipynb"}, "lab/tree/intro/a%20b.ipynb"),
        ({"path": "50%.csv"}, "lab/tree/50%25.csv"),
        ({"urlpath": "/lab/tree/x.ipynb?reset#top"}, "lab/tree/x.ipynb?reset#top"),
        ({"urlpath": "tree/old link.ipynb"}, "lab/tree/old%20link.ipynb"),
        ({"urlpath": "tree"}, "lab"),
        ({"urlpath": "proxy/8080/"}, "proxy/8080/"),
        (
            {"urlpath": "git-pull?repo=https%3A%2F%2Fgit.example%2Fa&urlpath=lab%2Ftree%2Fa"},
            "git-pull?repo=https%3A%2F%2Fgit.example%2Fa&urlpath=lab%2Ftree%2Fa",
        ),
        ({"urlpath": "doc/tree/100%.ipynb"}, "doc/tree/100%25.ipynb"),
        ({"labpath": "dir/notebook.ipynb/"}, "doc/tree/dir/notebook.ipynb"),
        ({"filepath": "/notebook.ipynb", "urlpath": "rstudio"}, "lab/tree/notebook.ipynb"),
        ({"labpath": "a", "filepath": "b", "urlpath": "c"}, "doc/tree/a"),
        ({}, None),
        ({"urlpath": "/"}, None),
    ],
)
def test_every_way_to_name_a_page_becomes_a_path_of_the_server(asked: dict[str, str], opened: str | None) -> None:
    assert build_opening(**asked) == opened


@pytest.mark.parametrize("field", ["urlpath", "labpath", "filepath"])
@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/x",
        "//evil.example",
        "///evil.example",
        "/%2fevil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "%5c%5cevil.example",
        "../../hub/token",
        "lab/../../other",
        "lab/%2e%2e/%2E%2e/x",
        "lab/%252e%252e/x",
        "lab/..;/x",
        "lab\r\nSet-Cookie:x",
        "lab%0d%0ax",
        "javascript:alert(1)",
        "lab/%252525252525252e",
    ],
)
def test_what_leads_out_is_refused_with_its_field(field: str, value: str) -> None:
    with pytest.raises(ClientError) as refused:
        build_opening(**{field: value})
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_scheme_may_be_encoded() -> None:
    with pytest.raises(ClientError):
        build_opening(urlpath="java%73cript%3aalert(1)")


def test_two_things_to_open_are_refused() -> None:
    with pytest.raises(ClientError, match="Both"):
        build_opening(path="a", urlpath="b")


@given(field=st.sampled_from(["path", "urlpath", "labpath", "filepath"]), value=st.text(max_size=50))
def test_an_accepted_opening_stays_under_the_server_and_stays_as_it_is(field: str, value: str) -> None:
    try:
        opening = build_opening(**{field: value})
    except ClientError:
        return
    if opening is None:
        return
    assert urljoin(SERVER, opening).startswith(SERVER)
    assert (SERVER + opening).isascii()
    assert "/../" not in f"{unquote(opening.split('?')[0].split('#')[0])}/"
    assert build_opening(urlpath=opening) == opening
