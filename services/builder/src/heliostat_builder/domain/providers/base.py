"""What all providers have in common."""

import re
from dataclasses import dataclass
from typing import Protocol

from heliostat_core.contracts.builds import AddressForm, PlanView, ProviderView

from ..refs import FULL_COMMIT, Commit

_UNREADABLE = re.compile(r"[^a-z0-9]+")
_SLUG_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, written in one way however it was asked for.

    Attributes
    ----------
    provider
        Prefix of its provider.
    url
        The canonical name; where git fetches it from, if it is git's.
    path
        What the provider's API calls it.
    spec
        Its part of a BinderHub spec, before the ref.
    slug
        Its own name, readable and short, for naming servers.
    commit_page
        Beginning of the address of a page that shows a commit; None where there are no such pages.
    joint
        What stands between ``spec`` and a commit; None where a spec cannot name one.
    versions
        What an id looks like that means the same for ever.
    uses_git
        Whether git fetches it; otherwise its host lists the files of each version.
    """

    provider: str
    url: str
    path: str
    spec: str
    slug: str
    commit_page: str | None
    joint: str | None = "/"
    versions: re.Pattern[str] = FULL_COMMIT
    uses_git: bool = True

    def read_commit(self, ref: str) -> Commit | None:
        """Return the commit when the ref means the same for ever, so that nobody has to be asked."""
        written = ref.lower() if self.uses_git else ref
        return Commit(written) if self.versions.fullmatch(written) else None

    def build_ref_url(self, commit: str) -> str:
        """Build the address of a page that shows a commit, or of the repository."""
        return self.url if self.commit_page is None else self.commit_page + commit

    def build_resolved_spec(self, commit: str) -> str:
        """Build the BinderHub spec of a commit."""
        return self.spec if self.joint is None else f"{self.spec}{self.joint}{commit}"


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of a repository, the same for ever: what is fetched, planned and built."""

    provider: str
    repository: str
    commit: str

    @classmethod
    def of(cls, plan: PlanView) -> "Revision":
        """Tell which revision a plan is of."""
        return cls(provider=plan.provider, repository=plan.repo, commit=plan.commit)


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote: a repository, and the ref where the text holds one."""

    repository: Repository
    ref: str | None = None


class Provider(Protocol):
    """Understands how people write the repositories of one kind of place."""

    prefix: str

    def describe(self) -> ProviderView:
        """Describe the provider to forms, in BinderHub's words."""

    def owns(self, url: str) -> bool:
        """Whether a canonical URL is one of this provider's."""

    def claims(self, text: str) -> bool:  # noqa: ARG002 most providers cannot tell
        """Whether a text that is no address can only be meant for this provider."""
        return False

    def parse(self, text: str) -> Written:
        """Read an address, a short name, or a BinderHub spec.

        Raises
        ------
        BadRepositoryError
            It names nothing of this provider.
        """

    def parse_spec(self, spec: str) -> Written:
        """Read a BinderHub spec as it stands in a URL, percent-encoded; the ref is part of it where there are refs.

        Raises
        ------
        BadSpecError, BadRepositoryError
            It is not of the provider's form.
        """


def build_slug(name: str) -> str:
    """Build a readable name of lower-case letters, digits and single dashes."""
    return _UNREADABLE.sub("-", name.lower()).strip("-")[:_SLUG_LENGTH].strip("-") or "repository"


def build_address_form(url: str) -> AddressForm:
    """Build the expression that recognises what is below an address, with or without it in front."""
    _, _, place = url.partition("://")
    return AddressForm(regex=f"^(https?://{re.escape(place)}/)?(?<repo>.*[^/])/?")
