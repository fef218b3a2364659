"""Whose fault it was: every error has a place in the one table."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import timedelta

import heliostat_builder
import heliostat_core
import heliostat_sessions
import pytest
from heliostat_core.contracts.model import ErrorView
from heliostat_core.errors import ClientError, HeliostatError, UnavailableError
from heliostat_sessions.domain.outcomes import OUTCOMES, Outcome, classify
from heliostat_sessions.errors import AdmissionRefusedError, BuildUnsuccessfulError, LaunchDeadlineError


def list_errors(of: type[HeliostatError] = HeliostatError) -> Iterator[type[HeliostatError]]:
    """List an error and all that are made from it, of the services whose errors a launch can end with."""
    yield of
    for error in of.__subclasses__():
        if error.__module__.startswith(("heliostat_core.", "heliostat_sessions.", "heliostat_builder.")):
            yield from list_errors(error)


def test_every_error_class_has_an_outcome() -> None:
    for package in (heliostat_core, heliostat_sessions, heliostat_builder):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and ".migrations." not in module.name:
                importlib.import_module(module.name)
    missing = {error.code for error in list_errors()} - OUTCOMES.keys()
    assert not missing


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (LaunchDeadlineError(deadline=timedelta(hours=1)), Outcome.PLATFORM),
        (BuildUnsuccessfulError(ErrorView(code="solve_failed", message="numpy does not exist")), Outcome.USER_ERROR),
        (BuildUnsuccessfulError(ErrorView(code="out_of_disk", message="full")), Outcome.PLATFORM),
        (BuildUnsuccessfulError(ErrorView(code="out_of_memory", message="killed")), Outcome.QUOTA),
        (BuildUnsuccessfulError(), Outcome.CANCELLED),
        (
            AdmissionRefusedError(view=ErrorView(code="named_servers", message="5 of 5", details={"rule": "x"})),
            Outcome.QUOTA,
        ),
    ],
)
def test_an_end_is_somebodys_concern(error: HeliostatError, outcome: Outcome) -> None:
    assert classify(error) is outcome


def test_an_unknown_code_is_judged_by_its_status() -> None:
    theirs, ours = ClientError("no"), UnavailableError("away")
    for error in (theirs, ours):
        error.code = "of_a_newer_service"  # type: ignore[misc]  # as a peer's answer sets it
    assert (classify(theirs), classify(ours)) == (Outcome.USER_ERROR, Outcome.PLATFORM)
