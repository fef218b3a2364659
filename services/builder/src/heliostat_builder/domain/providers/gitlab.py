"""``gl``: GitLab, hosted or one's own."""

import re
from urllib.parse import quote, unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written, build_address_form, build_slug

_PART = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")


class GitLabProvider(Provider):
    """Reads ``group/…/name``, addresses with ``.git`` or ``/-/tree/<ref>``, and the spec ``<encoded path>/<ref>``.

    GitLab does not distinguish case in paths, so neither does the canonical URL.
    """

    prefix = "gl"

    def __init__(self, *, url: str) -> None:
        self._url = url

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="GitLab",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+/.+"),
            detect=build_address_form(self._url),
            repo=RepoForm(
                label="GitLab repository or URL",
                placeholder=f"example: group/name or {self._url}/group/name",
                url_encode=True,
            ),
            ref=RefForm(enabled=True, default="HEAD"),
        )

    @override
    def owns(self, url: str) -> bool:
        return url.startswith(f"{self._url}/")

    @override
    def parse(self, text: str) -> Written:
        if is_address(text):
            return self._parse_address(text)
        first, _, ref = text.partition("/")
        if "%2f" in first.lower():
            return Written(self._build(text, unquote(first)), unquote(ref) or None)
        return Written(self._build(text, text.strip("/")))

    @override
    def parse_spec(self, spec: str) -> Written:
        path, _, ref = spec.partition("/")
        if not ref or "%2f" not in path.lower():
            raise BadSpecError(spec=spec, form="group%2Fname/ref")
        return Written(self._build(spec, unquote(path)), unquote(ref))

    def _parse_address(self, text: str) -> Written:
        url = normalise_url(text)
        if not self.owns(url):
            raise BadRepositoryError(written=text, reason=f"it is not below {self._url}")
        path, _, inside = unquote(url.removeprefix(f"{self._url}/")).partition("/-/")
        if inside and not inside.startswith("tree/"):
            raise BadRepositoryError(written=text, reason="it is an address of something inside a repository")
        return Written(self._build(text, path), inside.removeprefix("tree/") or None)

    def _build(self, text: str, path: str) -> Repository:
        path = path.removesuffix(".git").lower()
        parts = path.split("/")
        if len(parts) < 2 or not all(_PART.fullmatch(part) for part in parts):  # noqa: PLR2004 a group and a name
            raise BadRepositoryError(written=text, reason="it is not of the form group/name")
        return Repository(
            provider=self.prefix,
            url=f"{self._url}/{path}.git",
            path=path,
            spec=quote(path, safe=""),
            slug=build_slug(parts[-1]),
            commit_page=f"{self._url}/{path}/-/tree/",
        )
