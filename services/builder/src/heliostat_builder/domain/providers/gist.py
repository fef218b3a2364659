"""``gist``: GitHub's gists, which are git repositories of a few files."""

import re
from urllib.parse import unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written, build_address_form, build_slug

_ID = re.compile(r"[0-9a-f]{1,40}")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FORM = "user/gistid[/ref]"
_NEVER = re.compile(r"(?!)")
"""Even a full SHA is asked about: only the API says whether a gist is secret."""

_NOBODY = "anonymous"
"""Stands for the user in specs of gists that were written without one; GitHub finds a gist by its id alone."""


class GistProvider(Provider):
    """Reads ``user/id``, addresses with or without the user, and the spec ``user/id[/<ref>]``.

    The user is no part of the canonical URL: nobody checks it, and another one would build the same again.
    """

    prefix = "gist"

    def __init__(self, *, url: str) -> None:
        self._url = url

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="Gist",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+/[^/]+(/[^/]+)?"),
            detect=build_address_form(self._url),
            repo=RepoForm(label="Gist ID (user/gistId) or URL", placeholder=f"example: {self._url}/user/gistId"),
            ref=RefForm(enabled=True, default="HEAD"),
        )

    @override
    def owns(self, url: str) -> bool:
        return url.startswith(f"{self._url}/")

    @override
    def parse(self, text: str) -> Written:
        if not is_address(text):
            return self.parse_spec(text)
        url = normalise_url(text)
        if not self.owns(url):
            raise BadRepositoryError(written=text, reason=f"it is not below {self._url}")
        parts = unquote(url.removeprefix(f"{self._url}/")).split("/")
        if _ID.fullmatch(parts[0].removesuffix(".git").lower()) and len(parts) == 1:
            parts.insert(0, _NOBODY)
        return self._read(text, parts)

    @override
    def parse_spec(self, spec: str) -> Written:
        return self._read(spec, unquote(spec).split("/"))

    def _read(self, text: str, parts: list[str]) -> Written:
        if not 2 <= len(parts) <= 3:  # noqa: PLR2004 a user, an id, and perhaps a ref
            raise BadSpecError(spec=text, form=_FORM)
        user, gist_id, ref = parts[0].lower(), parts[1].removesuffix(".git").lower(), "".join(parts[2:])
        if not _USER.fullmatch(user) or not _ID.fullmatch(gist_id):
            raise BadSpecError(spec=text, form=_FORM)
        repository = Repository(
            provider=self.prefix,
            url=f"{self._url}/{gist_id}.git",
            path=gist_id,
            spec=f"{user}/{gist_id}",
            slug=build_slug(f"gist-{gist_id}"),
            commit_page=f"{self._url}/{user}/{gist_id}/",
            versions=_NEVER,
        )
        return Written(repository, ref or None)
