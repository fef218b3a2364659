"""The `docker` runtime: the only code that talks to a container engine or a registry.

Everything is asynchronous, has a deadline, and raises :class:`EngineError` (`code`, `message`, `remedy`). Sizes are
bytes; a digest is `sha256:...`, the engine's image id; `name` takes a name or a digest.

Engine::

    async with Engine.open(url) as engine:            # None: the host's own socket; one per process, shared
        await engine.ping(); await engine.info() -> EngineInfo

Images::

    images = Images(engine)
    await images.find(name) -> Image | None; await images.read(name) -> Image     # ImageMissingError
    await images.list_() -> tuple[Image, ...]
    await images.list_briefly("heliostat.environment") -> tuple[ImageSummary, ...]  # by label `key` or `key=value`
    layer = await write_layer(checkout, file)         # deterministic; LayerError
    await images.add_layer(base, layer, name=..., labels={...}) -> Image          # the content image, without a build
    await images.tag(digest, name); await images.remove(name)                     # ImageBusyError; absent is success

Image stores (what "built" means: it was looked at where it is kept)::

    store = EngineImageStore(images)                  # or RegistryImageStore(engine=engine, registry=registry)
    async with Registry.open(url, credentials=Credentials(user, password), ca=None) as registry: ...
    await store.find(name) -> Stored(reference, digest, here) | None; await store.publish(digest, name) -> Stored
    await store.fetch(name) -> Stored                 # what the engine has not (any more)
    await store.remove(name)                          # servers are started by `reference`

Containers::

    containers = Containers(engine)
    container = await containers.create(ContainerSpec(name=..., image=digest, command=(...), mounts=(Mount(...),),
                                                      limits=ContainerLimits(cpu=1.0, memory=2 * 10**9, pids=512)))
    await containers.start(name); await containers.find(name) -> Container | None
    async for line in containers.watch_logs(name, skip=lines_i_have): ...         # until it ends; adoption
    await containers.wait(name, deadline=...) -> int; await containers.kill(name); await containers.remove(name)
    await containers.measure(name) -> int             # bytes written to its own layer
    await containers.commit(name, image=..., config={"Labels": {...}, "User": "1000", ...}) -> digest
    await containers.list_({"heliostat.build": ""}) -> tuple[Container, ...]
    await containers.run(spec, deadline=...) -> Finished(status, output)          # short helpers; always removed
    command = await containers.begin(name, argv)      # in one that runs; command.read_lines(), .read_status(), .close()
"""

from .container import Container, ContainerLimits, ContainerSpec, Finished, Mount
from .containers import Containers
from .engine import DEFAULT_URL, Engine, EngineInfo
from .errors import (
    ContainerExistsError,
    ContainerMissingError,
    EngineError,
    EngineRefusedError,
    EngineTimeoutError,
    EngineUnavailableError,
    ImageBusyError,
    ImageMismatchError,
    ImageMissingError,
    InvalidReferenceError,
    LayerError,
)
from .images import Image, Images, ImageSummary
from .layers import Layer, write_layer
from .registry import Manifest, Registry
from .registry_errors import (
    ImageFetchError,
    ImageNotVerifiedError,
    ImagePushError,
    RegistryDeniedError,
    RegistryError,
    RegistryRefusedError,
    RegistryUnavailableError,
)
from .registry_http import Credentials
from .store import EngineImageStore, ImageStore, RegistryImageStore, Stored

__all__ = [
    "DEFAULT_URL",
    "Container",
    "ContainerExistsError",
    "ContainerLimits",
    "ContainerMissingError",
    "ContainerSpec",
    "Containers",
    "Credentials",
    "Engine",
    "EngineError",
    "EngineImageStore",
    "EngineInfo",
    "EngineRefusedError",
    "EngineTimeoutError",
    "EngineUnavailableError",
    "Finished",
    "Image",
    "ImageBusyError",
    "ImageFetchError",
    "ImageMismatchError",
    "ImageMissingError",
    "ImageNotVerifiedError",
    "ImagePushError",
    "ImageStore",
    "ImageSummary",
    "Images",
    "InvalidReferenceError",
    "Layer",
    "LayerError",
    "Manifest",
    "Mount",
    "Registry",
    "RegistryDeniedError",
    "RegistryError",
    "RegistryImageStore",
    "RegistryRefusedError",
    "RegistryUnavailableError",
    "Stored",
    "write_layer",
]
