"""Starts of servers at a hub, one by one and at once, as its administrator sees them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

import httpx

from tests.integration.hub.stack import ADMIN_TOKEN, Stack

CROWD = 6
"""Servers at once: as many as one user may have."""

ROUNDS = 5
CROWDED_ROUNDS = 2
_DEADLINE = 120


@dataclass
class Starts:
    """A hub with its users, and the seconds that starts took there."""

    stack: Stack
    one: list[float] = field(default_factory=list)
    six: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # One client: to make one reads the authorities of TLS, which shows in what six servers take.
        headers = {"Authorization": f"token {ADMIN_TOKEN}"}
        self._client = httpx.Client(base_url=f"{self.stack.url}/hub/api/", headers=headers, timeout=_DEADLINE)

    @staticmethod
    def name_users(crowd: int = CROWD) -> list[str]:
        """Name the users of that many servers."""
        return [f"user-{number}" for number in range(crowd)]

    def start(self, user: str) -> float:
        """Start a server and return the seconds until the hub says that it is ready."""
        begun = perf_counter()
        self._client.post(f"users/{user}/servers/lab", json={}).raise_for_status()
        with self._client.stream("GET", f"users/{user}/servers/lab/progress") as answer:
            if not any('"ready": true' in line for line in answer.iter_lines()):
                raise RuntimeError(f"{user}'s server did not become ready")
        return perf_counter() - begun

    def start_together(self, crowd: int) -> list[float]:
        """Start servers at once and return their seconds."""
        with ThreadPoolExecutor(crowd) as pool:
            return list(pool.map(self.start, self.name_users(crowd)))

    def delete(self, crowd: int) -> None:
        """Delete what `start_together` made."""
        for user in self.name_users(crowd):
            self.stack.delete_server(user, "lab")
