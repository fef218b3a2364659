"""Sends reports: at once, then every minute; failures are quiet and slow it down."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from traitlets.log import get_logger

INTERVAL = timedelta(seconds=60)
DEADLINE = timedelta(seconds=10)
_JITTER = 0.1  # of the pause, both ways: servers started together must not report together
_LONGEST_PAUSE = timedelta(minutes=5)


class ActivityReporter:
    """Posts reports with the server's own token.

    Parameters
    ----------
    url, token
        Where to and as whom.
    read_report
        Builds the report at the moment it is sent.
    interval
        The pause between two reports.
    """

    def __init__(
        self, *, url: str, token: str, read_report: Callable[[], dict[str, Any]], interval: timedelta = INTERVAL
    ) -> None:
        self._url = url
        self._token = token
        self._read_report = read_report
        self._interval = interval
        self._log = get_logger()

    async def run(self) -> None:
        """Report until cancelled."""
        failures = 0
        while True:
            failures = 0 if await self.send() else failures + 1
            await asyncio.sleep(self._pause(failures))

    async def send(self) -> bool:
        """Send one report; False when it was not accepted in time."""
        request = HTTPRequest(
            self._url,
            method="POST",
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            body=json.dumps(self._read_report()),
            connect_timeout=DEADLINE.total_seconds(),
            request_timeout=DEADLINE.total_seconds(),
            follow_redirects=False,  # the token goes nowhere else
        )
        try:
            await AsyncHTTPClient().fetch(request)
        except (HTTPClientError, OSError) as error:
            self._log.debug("activity was not reported: %s", error)
            return False
        return True

    def _pause(self, failures: int) -> float:
        pause = min(self._interval.total_seconds() * 2**failures, max(_LONGEST_PAUSE, self._interval).total_seconds())
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 not for secrecy
        return float(pause * jitter)
