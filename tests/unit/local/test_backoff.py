from datetime import timedelta

from heliostat_local.backoff import FAILING, LONGEST, PROVEN, Backoff


def test_pauses_double_up_to_a_bound() -> None:
    backoff = Backoff()
    pauses = [backoff.record(ready_for=timedelta()) for _ in range(100)]

    assert pauses[1] == 2 * pauses[0]
    assert pauses[2] == 4 * pauses[0]
    assert pauses[-1] == LONGEST


def test_many_deaths_in_a_row_count_as_failing() -> None:
    backoff = Backoff()
    for _ in range(FAILING - 1):
        backoff.record(ready_for=timedelta())
    assert not backoff.failing

    backoff.record(ready_for=timedelta())

    assert backoff.failing


def test_a_component_that_worked_for_a_while_starts_afresh() -> None:
    backoff = Backoff()
    first = backoff.record(ready_for=timedelta())
    for _ in range(FAILING):
        backoff.record(ready_for=timedelta())

    assert backoff.record(ready_for=PROVEN) == first
    assert not backoff.failing
