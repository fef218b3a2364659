"""``git``: any repository git can fetch over http or https."""

from urllib.parse import quote, unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadSpecError
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written, build_slug


class GitProvider(Provider):
    """Reads addresses, and the spec ``<encoded address>/<ref>``."""

    prefix = "git"

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="Git repository",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+/.+"),
            repo=RepoForm(
                label="URL of any git repository",
                placeholder="example: https://git.example.org/owner/name",
                url_encode=True,
            ),
            ref=RefForm(enabled=True, default="HEAD"),
        )

    @override
    def owns(self, url: str) -> bool:
        return True

    @override
    def parse(self, text: str) -> Written:
        if is_address(text):
            return Written(self._build(text))
        address, _, ref = text.partition("/")
        return Written(self._build(unquote(address)), unquote(ref) or None)

    @override
    def parse_spec(self, spec: str) -> Written:
        first, _, ref = spec.partition("/")
        address = unquote(first)
        if not ref or not is_address(address) or address.endswith(":"):
            raise BadSpecError(spec=spec, form="<url-escaped address>/<ref>")
        return Written(self._build(address), unquote(ref))

    def _build(self, text: str) -> Repository:
        url = normalise_url(text)
        name = unquote(url.rsplit("/", 1)[1]).removesuffix(".git")
        return Repository(
            provider=self.prefix,
            url=url,
            path=url,
            spec=quote(url, safe=""),
            slug=build_slug(name),
            commit_page=None,
        )
