"""``zenodo``, ``figshare``, ``dataverse``: records that are known by their DOI."""

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from heliostat_core.contracts.builds import ProviderView, RefForm, RepoForm, SpecForm
from typing_extensions import override

from ...errors import BadRepositoryError, BadSpecError
from .base import Provider, Repository, Written, build_slug

_DOI = re.compile(r"10\.\d{4,9}/[A-Za-z0-9._;()/:+-]{1,200}")
_BEFORE = re.compile(r"^(?:doi:|https?://(?:dx\.)?doi\.org/)", re.IGNORECASE)


class DoiForm(Protocol):
    """What DOIs of one kind of place look like."""

    prefix: str
    name: str
    example: str

    def read(self, doi: str, resolver: str) -> Written | None:
        """Read a DOI; None where it is not of this kind."""


@dataclass(frozen=True, slots=True)
class ZenodoForm(DoiForm):
    """``10.5281/zenodo.<number>`` of a record, or of all its versions; the commit is the record's number."""

    prefix: str = "zenodo"
    name: str = "Zenodo DOI"
    example: str = "10.5281/zenodo.3242074"

    @override
    def read(self, doi: str, resolver: str) -> Written | None:
        match = re.fullmatch(r"(10\.\d{4,9}/zenodo)\.([1-9]\d{0,15})", doi.lower())
        if match is None:
            return None
        repository = Repository(
            provider=self.prefix,
            url=f"{resolver}/{match[0]}",
            path=match[0],
            spec=match[1],
            slug=build_slug(f"zenodo-{match[2]}"),
            commit_page=f"{resolver}/{match[1]}.",
            joint=".",
            versions=re.compile(r"[1-9][0-9]{0,15}"),
            uses_git=False,
        )
        return Written(repository)


@dataclass(frozen=True, slots=True)
class FigshareForm(DoiForm):
    """``…<article>[.v<N>]``, as figshare and the institutions it serves make them; the commit is ``<article>.v<N>``."""

    prefix: str = "figshare"
    name: str = "FigShare DOI"
    example: str = "10.6084/m9.figshare.9782777.v1"

    @override
    def read(self, doi: str, resolver: str) -> Written | None:
        match = re.fullmatch(r"(10\.\d{4,9}/\S+)\.([1-9]\d{0,15})(\.v[1-9]\d{0,5})?", doi.lower())
        if match is None:
            return None
        stem, article, version = match.groups()
        repository = Repository(
            provider=self.prefix,
            url=f"{resolver}/{stem}.{article}",
            path=article,
            spec=stem,
            slug=build_slug(f"figshare-{article}"),
            commit_page=f"{resolver}/{stem}.",
            joint=".",
            versions=re.compile(rf"{article}\.v[1-9][0-9]{{0,5}}"),
            uses_git=False,
        )
        return Written(repository, version and article + version)


@dataclass(frozen=True, slots=True)
class DataverseForm(DoiForm):
    """The DOI of a dataset; the commit is ``<id>.v<major>.<minor>``, and a DOI names no version."""

    prefix: str = "dataverse"
    name: str = "Dataverse DOI"
    example: str = "10.7910/DVN/TJCLKP"

    @override
    def read(self, doi: str, resolver: str) -> Written | None:
        doi = doi.upper()
        repository = Repository(
            provider=self.prefix,
            url=f"{resolver}/{doi}",
            path=doi,
            spec=doi,
            slug=build_slug(f"dataverse-{doi.partition('/')[2]}"),
            commit_page=None,
            joint=None,
            versions=re.compile(r"[0-9]{1,18}\.v[0-9]{1,6}\.[0-9]{1,6}"),
            uses_git=False,
        )
        return Written(repository)


class DoiProvider(Provider):
    """Reads a DOI: bare, with ``doi:``, or as an address; letters in either case mean the same.

    Parameters
    ----------
    form
        The kind of place.
    resolver
        Where DOIs are resolved, such as ``https://doi.org``; canonical URLs begin with it.
    """

    def __init__(self, form: DoiForm, *, resolver: str) -> None:
        self.prefix = form.prefix
        self._form = form
        self._resolver = resolver

    @override
    def describe(self) -> ProviderView:
        return ProviderView(
            display_name=self._form.name,
            id=self.prefix,
            spec=SpecForm(validate_regex=r"10\.\d+\/(.)+"),
            repo=RepoForm(label=self._form.name, placeholder=f"example: {self._form.example}"),
            ref=RefForm(enabled=False),
        )

    @override
    def owns(self, url: str) -> bool:
        return self.claims(url)

    @override
    def claims(self, text: str) -> bool:
        # Every DOI has the form of a dataset's, so those are never guessed.
        return not isinstance(self._form, DataverseForm) and self._read(unquote(text)) is not None

    @override
    def parse(self, text: str) -> Written:
        written = self._read(unquote(text))
        if written is None:
            raise BadRepositoryError(
                written=text, reason=f"it is no {self._form.name}", remedy=f"Write it as in {self._form.example}."
            )
        return written

    @override
    def parse_spec(self, spec: str) -> Written:
        written = self._read(unquote(spec))
        if written is None:
            raise BadSpecError(spec=spec, form=self._form.example)
        return written

    def _read(self, text: str) -> Written | None:
        doi = _BEFORE.sub("", text.removeprefix(f"{self._resolver}/")).strip("/")
        if not _DOI.fullmatch(doi) or ".." in doi or "//" in doi:
            return None
        return self._form.read(doi, self._resolver)
