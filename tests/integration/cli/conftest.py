"""The command against a server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from heliostat_cli.main import app
from typer.testing import CliRunner, Result

from tests.integration.cli.fake import TOKEN, FakeHeliostat
from tests.support.server import serving

Heliostat = Callable[..., Awaitable[Result]]


@pytest.fixture
def fake() -> FakeHeliostat:
    return FakeHeliostat()


@pytest.fixture
async def url(fake: FakeHeliostat) -> AsyncIterator[str]:
    async with serving(fake) as served:
        yield served


@pytest.fixture
def heliostat(url: str, monkeypatch: pytest.MonkeyPatch) -> Heliostat:
    """Run a command in a thread, so that the server's loop goes on."""
    monkeypatch.delenv("HELIOSTAT_STATE_DIR", raising=False)
    environment = {"HELIOSTAT_URL": url, "HELIOSTAT_TOKEN": TOKEN}

    async def run(*arguments: str, typed: str | None = None, **changes: str | None) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, input=typed, env={**environment, **changes})

    return run
