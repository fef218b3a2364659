"""Kinds of places repositories live in. A new one is a `Provider` class and a line in the factory."""

from .base import Provider, Repository, Revision, Written
from .ckan import CkanProvider
from .dois import DataverseForm, DoiProvider, FigshareForm, ZenodoForm
from .gist import GistProvider
from .git import GitProvider
from .github import GitHubProvider
from .gitlab import GitLabProvider
from .hydroshare import HydroShareProvider
from .registry import ProviderRegistry

__all__ = [
    "CkanProvider",
    "DataverseForm",
    "DoiProvider",
    "FigshareForm",
    "GistProvider",
    "GitHubProvider",
    "GitLabProvider",
    "GitProvider",
    "HydroShareProvider",
    "Provider",
    "ProviderRegistry",
    "Repository",
    "Revision",
    "Written",
    "ZenodoForm",
]
