"""Durations and sizes."""

from datetime import timedelta

import pytest
from heliostat_core.units import format_duration, format_size, parse_duration, parse_size
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90 s", 90), ("1h 30min", 5400), ("0.5h", 1800), ("3d", 259200), ("250ms", 0.25)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "-2h", "2h!", "2H"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|unit of time"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2_000_000_000), ("2GiB", 2_147_483_648), ("1.5KiB", 1536), ("7 B", 7)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "2gb", "2G", "-1GB", "2GB 3MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_sizes_survive_being_written(value: int) -> None:
    assert parse_size(format_size(value)) == value


@given(st.integers(min_value=0, max_value=10**9))
def test_durations_survive_being_written(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
