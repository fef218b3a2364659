"""Putting the providers together: who reads what people write, and who asks which API."""

import httpx
from pydantic import HttpUrl, SecretStr

from .config import BuilderConfig
from .domain.providers import (
    CkanProvider,
    DataverseForm,
    DoiProvider,
    FigshareForm,
    GistProvider,
    GitHubProvider,
    GitLabProvider,
    GitProvider,
    HydroShareProvider,
    ProviderRegistry,
    ZenodoForm,
)
from .metrics import BuilderMetrics
from .storage.forges import ForgeClient, GitHubClient, GitLabClient
from .storage.gists import GistClient
from .storage.records import (
    CkanClient,
    DataverseClient,
    FigshareClient,
    HydroShareClient,
    RecordHost,
    ZenodoClient,
)
from .storage.upstream import Upstream


def build_registry(config: BuilderConfig) -> ProviderRegistry:
    """Build the grammars; the last one takes every address that is none of the others'."""
    resolver = _strip(config.doi_url)
    return ProviderRegistry(
        [
            GitHubProvider(url=_strip(config.github_url)),
            GistProvider(url=_strip(config.gist_url)),
            GitLabProvider(url=_strip(config.gitlab_url)),
            DoiProvider(ZenodoForm(), resolver=resolver),
            DoiProvider(FigshareForm(), resolver=resolver),
            HydroShareProvider(url=_strip(config.hydroshare_url)),
            DoiProvider(DataverseForm(), resolver=resolver),
            CkanProvider(),
            GitProvider(),
        ]
    )


def make_forges(config: BuilderConfig, *, client: httpx.AsyncClient, metrics: BuilderMetrics) -> dict[str, ForgeClient]:
    """Make the clients of the APIs that know about git repositories, by provider."""
    github, gitlab = _strip(config.github_api_url), _strip(config.gitlab_url)
    gists = Upstream(provider="gist", client=client, metrics=metrics, headers=_authorize(config.github_token))
    return {
        "gh": GitHubClient(client=client, base_url=github, token=config.github_token, metrics=metrics),
        "gist": GistClient(upstream=gists, base_url=github, allows_secret=config.allow_secret_gists),
        "gl": GitLabClient(client=client, base_url=gitlab, token=config.gitlab_token, metrics=metrics),
    }


def make_record_hosts(
    config: BuilderConfig, *, client: httpx.AsyncClient, metrics: BuilderMetrics
) -> dict[str, RecordHost]:
    """Make what knows and fetches records, by provider."""
    zenodo, figshare, hydroshare, dataverse, ckan = (
        Upstream(provider=prefix, client=client, metrics=metrics)
        for prefix in ("zenodo", "figshare", "hydroshare", "dataverse", "ckan")
    )
    hydroshare_client = HydroShareClient(
        upstream=hydroshare, base_url=_strip(config.hydroshare_url), deadline=config.record_deadline
    )
    dataverse_url = None if config.dataverse_url is None else _strip(config.dataverse_url)
    return {
        "zenodo": RecordHost(ZenodoClient(upstream=zenodo, base_url=_strip(config.zenodo_url)), zenodo),
        "figshare": RecordHost(FigshareClient(upstream=figshare, base_url=_strip(config.figshare_api_url)), figshare),
        "hydroshare": RecordHost(hydroshare_client, hydroshare),
        "dataverse": RecordHost(DataverseClient(upstream=dataverse, base_url=dataverse_url), dataverse),
        "ckan": RecordHost(CkanClient(upstream=ckan), ckan),
    }


def _strip(url: HttpUrl) -> str:
    return str(url).rstrip("/")


def _authorize(token: SecretStr | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
