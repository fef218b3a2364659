"""Changing the policy for a while, as an administrator does."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import yaml

_POLICIES = "/services/policy/api/v1/policies"


@contextmanager
def short_idle_timeout(admin: httpx.Client, user: str) -> Iterator[None]:
    """Stop one user's servers after 20 s without activity."""
    source = admin.get(_POLICIES).json()["versions"][0]["source"]
    document = yaml.safe_load(source)
    rules = {"idle_timeout": "20s", "idle_warning": None}
    document["overrides"] = [{"name": "a short leash", "match": {"user": user}, "rules": rules}]
    admin.put(_POLICIES, json={"source": yaml.safe_dump(document)}).raise_for_status()
    try:
        yield
    finally:
        admin.put(_POLICIES, json={"source": source}).raise_for_status()
