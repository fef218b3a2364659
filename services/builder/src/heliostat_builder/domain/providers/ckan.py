"""``ckan``: datasets of any CKAN site."""

import re
from urllib.parse import parse_qs, quote, unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from ..urls import is_address, normalise_url
from .base import Provider, Repository, Written, build_slug

_DATASET = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ACTIVITY = re.compile(r"[A-Za-z0-9-]{1,100}")
_EXAMPLE = "https://demo.ckan.org/dataset/sample-dataset-1"


class CkanProvider(Provider):
    """Reads the address of a dataset, of one of its states (``/history/<id>`` or ``?activity_id=``), and it encoded.

    The commit is ``<dataset>.v<seconds>``, the seconds being the time of the last change. A state becomes
    ``/dataset/<name>/history/<id>`` in the canonical URL.
    """

    prefix = "ckan"

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name="CKAN dataset",
            id=self.prefix,
            spec=SpecForm(validate_regex="[^/]+"),
            repo=RepoForm(label="CKAN dataset URL", placeholder=f"example: {_EXAMPLE}", url_encode=True),
            ref=RefForm(enabled=False),
        )

    @override
    def owns(self, url: str) -> bool:
        return False  # its addresses look like any other's

    @override
    def parse(self, text: str) -> Written:
        address = text if is_address(text) else unquote(text)
        before, _, query = address.partition("?")
        base, found, inside = normalise_url(before).partition("/dataset/")
        name, *rest = inside.split("/")
        activity = _find_activity(rest, query)
        if not found or not _DATASET.fullmatch(name) or (activity and not _ACTIVITY.fullmatch(activity)):
            raise BadRepositoryError(
                written=text, reason="it is not the address of a dataset", remedy=f"Write it as in {_EXAMPLE}."
            )
        return Written(self._build(base, name, activity))

    @override
    def parse_spec(self, spec: str) -> Written:
        if not is_address(unquote(spec)):
            raise BadSpecError(spec=spec, form="<url-escaped address of a dataset>")
        return self.parse(unquote(spec))

    def _build(self, base: str, name: str, activity: str | None) -> Repository:
        url = f"{base}/dataset/{name}" + (f"/history/{activity}" if activity else "")
        return Repository(
            provider=self.prefix,
            url=url,
            path=name,
            spec=quote(url, safe=""),
            slug=build_slug(f"ckan-{name}"),
            commit_page=None,
            joint=None,
            versions=re.compile(rf"{name}\.v[0-9]{{1,18}}"),
            uses_git=False,
        )


def _find_activity(rest: list[str], query: str) -> str | None:
    if "history" in rest[:-1]:
        return rest[rest.index("history") + 1]
    return next(iter(parse_qs(query).get("activity_id", [])), None)
