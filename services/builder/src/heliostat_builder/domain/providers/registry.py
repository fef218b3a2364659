"""Which provider a repository belongs to."""

from collections.abc import Sequence

from heliostat_core.contracts.builds import ProviderView

from ...errors import BadRefError, BadRepositoryError, UnknownProviderError
from ..refs import check_ref
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written


class ProviderRegistry:
    """The providers of an installation; the first one understands short names, the last one takes every address.

    Parameters
    ----------
    providers
        In the order in which they are asked whether an address is theirs.
    """

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers

    def list_views(self) -> list[ProviderView]:
        """Describe all providers, the most used first."""
        return [provider.describe() for provider in self._providers]

    def parse(self, text: str, *, ref: str = "HEAD", provider: str | None = None) -> tuple[Repository, str]:
        """Read a repository as somebody wrote it, and the ref, which may be part of the text.

        Raises
        ------
        ClientError
            One of the grammar's errors, saying what is wrong and what would be right.
        """
        text = text.strip()
        return self._join(text, self._choose(text, provider).parse(text), ref)

    def parse_spec(self, spec: str, *, provider: str | None, ref: str = "HEAD") -> tuple[Repository, str]:
        """Read a BinderHub spec as it stands in a URL, without its prefix.

        Raises
        ------
        ClientError
            As for `parse`, and where no provider is named.
        """
        if provider is None:
            raise UnknownProviderError(provider="", known=self._known)
        spec = spec.strip().rstrip("/")
        return self._join(spec, self._find(provider).parse_spec(spec), ref)

    @property
    def _known(self) -> list[str]:
        return [provider.prefix for provider in self._providers]

    def _find(self, prefix: str) -> Provider:
        for provider in self._providers:
            if provider.prefix == prefix:
                return provider
        raise UnknownProviderError(provider=prefix, known=self._known)

    def _choose(self, text: str, prefix: str | None) -> Provider:
        if prefix is not None:
            return self._find(prefix)
        for provider in self._providers:
            if provider.claims(text):
                return provider
        if not is_address(text):
            if text.strip("/").count("/") != 1:
                raise BadRepositoryError(written=text, reason="it is neither owner/name nor an address")
            return self._providers[0]
        url = normalise_url(text)
        return next(provider for provider in self._providers if provider.owns(url))

    @staticmethod
    def _join(text: str, written: Written, ref: str) -> tuple[Repository, str]:
        repository, asked = written.repository, check_ref(ref)
        if written.ref is not None:
            inside = check_ref(written.ref)
            if asked not in {"HEAD", inside}:
                raise BadRepositoryError(
                    written=text,
                    reason=f"it holds the ref {inside!r}, and {asked!r} was given as well",
                    remedy="Give one.",
                )
            asked = inside
        if not repository.uses_git and asked != "HEAD" and not repository.versions.fullmatch(asked):
            raise BadRefError(ref=asked, reason=f"{repository.provider} has no branches or tags")
        return repository, asked
