"""``hydroshare``: resources of HydroShare, which keeps only the newest state of each."""

import re
from urllib.parse import unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from .base import Provider, Repository, Written, build_slug

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_EXAMPLE = "8f7c2f0341ef4180b0dbe97f59130756"


class HydroShareProvider(Provider):
    """Reads whatever holds a resource's id of 32 hexadecimal digits: the id, an address, a DOI.

    The commit is ``<id>.v<seconds>``, the seconds being the time of the last change.
    """

    prefix = "hydroshare"

    def __init__(self, *, url: str) -> None:
        self._url = url

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="Hydroshare resource",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+"),
            repo=RepoForm(label="Hydroshare resource id or URL", placeholder=f"example: {_EXAMPLE}", url_encode=True),
            ref=RefForm(enabled=False),
        )

    @override
    def owns(self, url: str) -> bool:
        return url.startswith(f"{self._url}/resource/")

    @override
    def parse(self, text: str) -> Written:
        written = self._read(text)
        if written is None:
            raise BadRepositoryError(
                written=text,
                reason="it holds no id of 32 hexadecimal digits",
                remedy=f"Write the id, as in {_EXAMPLE}, or the address of the resource's page.",
            )
        return written

    @override
    def parse_spec(self, spec: str) -> Written:
        written = self._read(spec)
        if written is None:
            raise BadSpecError(spec=spec, form="<resource id of 32 hexadecimal digits>")
        return written

    def _read(self, text: str) -> Written | None:
        match = _ID.search(unquote(text).lower())
        if match is None:
            return None
        repository = Repository(
            provider=self.prefix,
            url=f"{self._url}/resource/{match[0]}",
            path=match[0],
            spec=match[0],
            slug=build_slug(f"hydroshare-{match[0]}"),
            commit_page=None,
            joint=None,
            versions=re.compile(rf"{match[0]}\.v[0-9]{{1,18}}"),
            uses_git=False,
        )
        return Written(repository)
