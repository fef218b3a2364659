"""Names, moments and lines, as engines write them."""

from datetime import UTC, datetime

import pytest
from heliostat_containers import InvalidReferenceError
from heliostat_containers.loglines import LONGEST, LineSplitter
from heliostat_containers.moments import read_moment
from heliostat_containers.references import build_reference, split_name
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("heliostat/lab:1", ("heliostat/lab", "1")),
        ("127.0.0.1:5000/team/lab:1", ("127.0.0.1:5000/team/lab", "1")),
        ("127.0.0.1:5000/lab", ("127.0.0.1:5000/lab", "latest")),
    ],
)
def test_a_tag_is_told_from_a_port(name: str, parts: tuple[str, str]):
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["", "../images", "a?b=c", "a#b", "a b", "-rm", "a/../b", "x" * 600, "a\n"])
def test_what_would_mean_something_else_in_an_address_is_no_name(name: str):
    with pytest.raises(InvalidReferenceError):
        build_reference(name)


def test_moments_have_nanoseconds_or_are_none():
    assert read_moment("2026-11-23T07:28:56.821859123Z") == datetime(2026, 11, 23, 7, 28, 56, 821859, tzinfo=UTC)
    assert read_moment("2026-11-23T07:28:56Z") == datetime(2026, 11, 23, 7, 28, 56, tzinfo=UTC)
    assert read_moment("0001-01-01T00:00:00Z") is None


def split(pieces: list[str], *, skip: int = 0) -> list[str]:
    splitter = LineSplitter(skip=skip)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.end()


@given(st.lists(st.text("ab\n", max_size=12)), st.integers(0, 5))
def test_lines_are_the_same_however_they_come(pieces: list[str], skip: int):
    lines = "".join(pieces).split("\n")
    expected = lines if lines[-1] else lines[:-1]
    assert split(pieces) == expected
    assert split(pieces, skip=skip) == expected[skip:]


def test_a_line_without_end_is_cut_at_the_same_places():
    text = "x" * (2 * LONGEST + 7) + "\nend"
    whole, bits = split([text]), split([text[at : at + 999] for at in range(0, len(text), 999)])
    assert whole == bits
    assert [len(line) for line in whole] == [LONGEST, LONGEST, 7, 3]
