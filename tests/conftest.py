"""Fixtures of all tiers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from heliostat_containers import DEFAULT_URL, Engine
from heliostat_core.database import Database
from hypothesis import settings
from pydantic import SecretStr

from tests.support import engine as engines
from tests.support.golden import Golden
from tests.support.hub import FakeHub, running_hub
from tests.support.postgres import Postgres, running_postgres

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A throw-away Postgres server with a migrated template database."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def database_name(postgres: Postgres) -> AsyncIterator[str]:
    """A fresh, migrated database, dropped after the test."""
    name = await postgres.create_database()
    yield name
    await postgres.drop_database(name)


@pytest.fixture
async def database(postgres: Postgres, database_name: str) -> AsyncIterator[Database]:
    """A pool on a fresh database, as its owner."""
    async with Database.open(SecretStr(postgres.url(database_name)), application="tests") as opened:
        yield opened


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    """A hub that knows the tokens a test gives it."""
    async with running_hub() as running:
        yield running


@pytest.fixture(scope="session")
def engine_url() -> str:
    """The address of the machine's container engine."""
    if obstacle := engines.find_obstacle():
        pytest.skip(obstacle)
    return DEFAULT_URL


@pytest.fixture
async def engine(engine_url: str) -> AsyncIterator[Engine]:
    """The machine's container engine; what a test makes in it, it names or labels as its own, and removes."""
    async with Engine.open(engine_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def base_image(engine_url: str) -> str:
    """A Debian image with Python, git and tini."""
    return engines.make_base_image()


@pytest.fixture(scope="session")
def lab_image(base_image: str) -> str:
    """The lab image of this checkout."""
    return engines.make_lab_image(base_image)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes golden files again."""
    parser.addoption("--update-data", action="store_true", help="write the golden files in tests/data again")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare with files in tests/data."""
    return Golden(root=Path(__file__).parent / "data", update=request.config.getoption("--update-data"))
