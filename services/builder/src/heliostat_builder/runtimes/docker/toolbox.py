"""What images are made with, asked anew each time: images change their names' meaning while builders run."""

from importlib.metadata import version
from secrets import token_hex

from heliostat_containers import Containers, ContainerSpec, Engine, Images
from heliostat_containers.archives import Archives, FileUnreadableError

from ...domain.identity import Tool
from ...domain.images import Tools
from ...errors import BaseImageError
from .errors import asking
from .naming import BASE

ENVIRONMENT = "/srv/environment"
"""Where packages of repositories are in images of our own recipe."""

_SETTINGS = f"{ENVIRONMENT}/pyvenv.cfg"
_MOST = 16 * 1024


class Toolbox:
    """Looks at the engine and the base images."""

    def __init__(self, *, engine: Engine, preferred: Tool, base: str, repo2docker_base: str | None) -> None:
        self._engine = engine
        self._images = Images(engine)
        self._preferred: Tool = preferred
        self._base = base
        self._repo2docker_base = repo2docker_base
        self._repo2docker = version("jupyter-repo2docker")
        self._pythons: dict[str, str] = {}
        self._platform = ""

    async def read(self) -> Tools:
        """Read what there is now.

        Raises
        ------
        BaseImageError
            The base image is not in the engine, or is none.
        EngineAwayError, ImageStoreError
            The engine does not say.
        """
        async with asking():
            if not self._platform:
                self._platform = (await self._engine.info()).platform
            base = await self._images.find(self._base)
            if base is None:
                raise BaseImageError(name=self._base, reason="it is not in the container engine")
            if BASE not in base.labels:
                raise BaseImageError(name=self._base, reason="it is no lab image")
            if base.digest not in self._pythons:
                self._pythons[base.digest] = await self._read_python(base.digest)
            return Tools(
                preferred=self._preferred,
                platform=self._platform,
                base=base.digest,
                python=self._pythons[base.digest],
                repo2docker=self._repo2docker,
                repo2docker_base=await self._find_repo2docker_base(),
            )

    async def _find_repo2docker_base(self) -> str:
        if self._repo2docker_base is None:
            return ""
        found = await self._images.find(self._repo2docker_base)
        return found.digest if found else self._repo2docker_base

    async def _read_python(self, digest: str) -> str:
        containers, archives = Containers(self._engine), Archives(self._engine)
        spec = ContainerSpec(name=f"heliostat-look-{token_hex(8)}", image=digest)
        container = await containers.create(spec)
        try:
            text = (await archives.read(container.id, _SETTINGS, most=_MOST)).decode(errors="replace")
        except FileUnreadableError as error:
            raise BaseImageError(name=self._base, reason=f"it has no virtual environment at {ENVIRONMENT}") from error
        finally:
            await containers.remove(container.id)
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name.strip() in {"version_info", "version"}:
                return value.strip()
        raise BaseImageError(name=self._base, reason=f"{_SETTINGS} names no version")
