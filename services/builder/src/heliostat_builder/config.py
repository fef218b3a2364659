"""Settings of the builder."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from heliostat_core.config import ServiceConfig
from heliostat_core.units import Duration, Size, parse_duration, parse_size
from pydantic import Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from .domain.identity import Tool

RuntimeName = Literal["process", "docker"]


class BuilderConfig(ServiceConfig):
    """What a builder needs to run; read from the environment once, in `main`."""

    model_config = SettingsConfigDict(env_prefix="HELIOSTAT_BUILDER_", extra="forbid", frozen=True)

    policy_url: HttpUrl = Field(description="the policy service, for example http://127.0.0.1:9003/services/policy/")
    policy_token: SecretStr = Field(description="this service's token at the policy service")
    state_directory: Path = Field(description="where environments, contents and mirrors are kept")
    allowed_private_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="JSON list of private networks repositories may be fetched from"
    )
    runtime: RuntimeName = Field(
        default="process", description="how environments are made: process (on this host) or docker (as images)"
    )
    engine_url: str | None = Field(
        default=None, description="the container engine of the docker runtime; default: this host's own socket"
    )
    instance: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]{1,32}$",
        description="in names and labels of what is made in the engine; default: from the state directory's path",
    )
    base_image: str = Field(
        default="heliostat/lab:dev", description="what our own recipe builds on; see deploy/images/lab"
    )
    recipe: Tool = Field(
        default="uv", description="what makes images of plain pip repositories: uv (our own recipe) or repo2docker"
    )
    repo2docker_base_image: str | None = Field(
        default=None, description="what repo2docker builds on, with its digest; default: its own choice"
    )
    image_store: Literal["engine", "registry"] = Field(
        default="engine", description="where finished images are kept: in the engine itself, or in a registry"
    )
    registry_url: HttpUrl | None = Field(
        default=None, description="the registry, with a path where images are to lie below one"
    )
    registry_user: str | None = Field(default=None, description="user at the registry")
    registry_password: SecretStr | None = Field(default=None, description="that user's password or token")
    registry_certificates: Path | None = Field(
        default=None, description="PEM file of the authorities to trust at the registry, instead of the system's"
    )
    build_network: str = Field(
        default="bridge", description="the engine's network that builds of images use; none: no network"
    )
    build_certificates: Path | None = Field(
        default=None,
        description="PEM file of the authorities builds of images trust; default: SSL_CERT_FILE of BUILD_ENVIRONMENT",
    )
    build_cpus: float = Field(default=2.0, gt=0, description="CPUs of one build of an image")
    build_size: Size = Field(
        default=parse_size("10GiB"), description="bytes a build of an image may write; the container is stopped then"
    )
    parallel_builds: int = Field(default=2, ge=1, le=64, description="environments built at once by this process")
    build_deadline: Duration = Field(default=parse_duration("30min"), description="a build may take no longer")
    build_silence_deadline: Duration = Field(
        default=parse_duration("10min"), description="a build may print nothing for no longer"
    )
    build_memory: Size = Field(default=parse_size("4GiB"), description="RAM of one build, where the host can limit it")
    build_processes: int = Field(default=1024, ge=16, description="processes of one build, where the host can limit it")
    build_compiles: bool = Field(
        default=True, description="compile all modules: builds take seconds longer, kernels start a second faster"
    )
    build_environment: dict[str, str] = Field(
        default={}, description="JSON object of variables for uv and git: index, certificates, proxies"
    )
    build_readable_paths: tuple[Path, ...] = Field(
        default=(), description="JSON list of files and directories of the host that builds may read"
    )
    minimum_free_space: Size = Field(
        default=parse_size("1GiB"), description="builds fail when the state directory's disk has less left"
    )
    lease_duration: Duration = Field(
        default=parse_duration("10s"), description="how long the build of a dead builder stays unattended"
    )
    uv: Path | None = Field(
        default=None, description="the uv program; default: beside this process's Python, or on PATH"
    )
    python_interpreters: tuple[Path, ...] = Field(
        default=(), description="JSON list of interpreters for runtime.txt, beside this process's own and the system's"
    )
    github_url: HttpUrl = Field(default=HttpUrl("https://github.com"), description="where gh repositories are")
    github_api_url: HttpUrl = Field(default=HttpUrl("https://api.github.com"), description="GitHub's REST API")
    github_token: SecretStr | None = Field(default=None, description="token that raises GitHub's rate limit")
    gitlab_url: HttpUrl = Field(default=HttpUrl("https://gitlab.com"), description="where gl repositories are")
    gitlab_token: SecretStr | None = Field(default=None, description="token that raises GitLab's rate limit")
    gist_url: HttpUrl = Field(default=HttpUrl("https://gist.github.com"), description="where gists are")
    allow_secret_gists: bool = Field(default=False, description="build gists that are secret, for who knows their id")
    doi_url: HttpUrl = Field(default=HttpUrl("https://doi.org"), description="where DOIs are resolved")
    zenodo_url: HttpUrl = Field(default=HttpUrl("https://zenodo.org"), description="Zenodo, or another InvenioRDM")
    figshare_api_url: HttpUrl = Field(default=HttpUrl("https://api.figshare.com"), description="figshare's REST API")
    hydroshare_url: HttpUrl = Field(default=HttpUrl("https://www.hydroshare.org"), description="HydroShare")
    dataverse_url: HttpUrl | None = Field(
        default=None, description="the one Dataverse to use; default: the one that a DOI leads to"
    )
    resolution_time: Duration = Field(
        default=parse_duration("5s"), description="how long the commit of a branch or tag is remembered unasked"
    )
    git_deadline: Duration = Field(
        default=parse_duration("2min"), description="one conversation with a remote takes no longer"
    )
    fetch_size: Size = Field(
        default=parse_size("2GiB"), description="bytes of one fetched pack or record, and of a record unpacked"
    )
    record_files: int = Field(default=20_000, ge=1, description="files a record, or the archive in it, may have")
    record_deadline: Duration = Field(
        default=parse_duration("10min"), description="the files of a record take no longer to arrive, or to be unpacked"
    )
    retention_age: Duration = Field(
        default=parse_duration("0s"),
        description="environments and contents that nothing needs go when nobody used them for this long; 0s: never",
    )
    retention_space: Size = Field(
        default=0,
        description="those used least recently go while all together take more bytes than this; 0B: any number",
    )
    mirror_space: Size = Field(default=parse_size("10GiB"), description="bytes all mirrors of repositories may take")

    @model_validator(mode="after")
    def _name_registry(self) -> Self:
        if (self.image_store == "registry") != (self.registry_url is not None):
            raise ValueError("REGISTRY_URL and IMAGE_STORE=registry are given together")
        if (self.registry_user is None) != (self.registry_password is None):
            raise ValueError("REGISTRY_USER and REGISTRY_PASSWORD are given together")
        return self
