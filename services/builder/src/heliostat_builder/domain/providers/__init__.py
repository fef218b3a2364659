"""Kinds of places repositories live in. A new one is a `Provider` class and a line in the factory."""

from .base import Provider, Repository, Written
from .git import GitProvider
from .github import GitHubProvider
from .gitlab import GitLabProvider
from .registry import ProviderRegistry

__all__ = [
    "GitHubProvider",
    "GitLabProvider",
    "GitProvider",
    "Provider",
    "ProviderRegistry",
    "Repository",
    "Written",
]
