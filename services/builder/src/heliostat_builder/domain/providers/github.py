"""``gh``: GitHub, or a GitHub Enterprise server."""

import re
from urllib.parse import unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written, build_address_form, build_slug

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PARTS = 3
_DEFAULTS = ("main", "master", "HEAD")
_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


class GitHubProvider(Provider):
    """Reads ``owner/name``, addresses with ``.git`` or ``/tree/<ref>``, and the spec ``owner/name/<ref>``.

    GitHub does not distinguish case in names, so neither does the canonical URL: one repository is built once.
    """

    prefix = "gh"

    def __init__(self, *, url: str) -> None:
        self._url = url

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="GitHub",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+/[^/]+/.+"),
            detect=build_address_form(self._url),
            repo=RepoForm(
                label="GitHub repository name or URL", placeholder=f"example: owner/name or {self._url}/owner/name"
            ),
            ref=RefForm(enabled=True, default="HEAD"),
        )

    @override
    def owns(self, url: str) -> bool:
        return url.startswith(f"{self._url}/")

    @override
    def parse(self, text: str) -> Written:
        if not is_address(text):
            owner, _, rest = unquote(text).strip("/").partition("/")
            name, _, ref = rest.partition("/")
            return Written(self._build(text, owner, name), ref or None)
        url = normalise_url(text)
        if not self.owns(url):
            raise BadRepositoryError(written=text, reason=f"it is not below {self._url}")
        parts = unquote(url.removeprefix(f"{self._url}/")).split("/", 3)
        if len(parts) == 2:  # noqa: PLR2004 owner and name
            return Written(self._build(text, *parts))
        if len(parts) == 4 and parts[2] == "tree":  # noqa: PLR2004 and "tree" and a ref
            return Written(self._build(text, parts[0], parts[1]), parts[3])
        raise BadRepositoryError(written=text, reason="it is an address of something inside a repository")

    @override
    def parse_spec(self, spec: str) -> Written:
        parts = spec.split("/", 2)
        if len(parts) != _PARTS or not parts[-1]:
            lacks_ref = len(parts) == _PARTS - 1 and parts[1] not in _DEFAULTS
            raise BadSpecError(spec=spec, form="user/repo/ref", suggestion=f"{spec}/HEAD" if lacks_ref else None)
        owner, name, ref = (unquote(part) for part in parts)
        return Written(self._build(spec, owner, name), ref)

    def _build(self, text: str, owner: str, name: str) -> Repository:
        name = name.removesuffix(".git")
        if not _OWNER.fullmatch(owner) or not _NAME.fullmatch(name):
            raise BadRepositoryError(written=text, reason="it is not of the form owner/name")
        path = f"{owner}/{name}".lower()
        url = f"{self._url}/{path}"
        return Repository(
            provider=self.prefix, url=url, path=path, spec=path, slug=build_slug(name), commit_page=f"{url}/tree/"
        )
