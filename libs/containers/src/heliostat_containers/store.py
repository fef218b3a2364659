"""Where finished images are kept: the engine's own store, or a registry that several hosts share."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from aiodocker.exceptions import DockerStreamError
from typing_extensions import override

from .engine import Engine
from .errors import ImageMissingError
from .images import Images
from .references import build_reference, split_name
from .registry import Manifest, Registry
from .registry_errors import (
    ImageFetchError,
    ImageNotVerifiedError,
    ImagePushError,
    RegistryDeniedError,
    RegistryError,
    RegistryUnavailableError,
)

__all__ = ["EngineImageStore", "ImageStore", "RegistryImageStore", "Stored"]

PULL = timedelta(minutes=30)
PUSH = timedelta(minutes=30)  # a gigabyte takes a registry on the same machine 20 s


@dataclass(frozen=True, slots=True)
class Stored:
    """An image that was looked at where it is kept.

    Attributes
    ----------
    reference
        What servers are started by: it can only ever mean this image.
    digest
        The engine's id of the image.
    here
        Whether the engine can start servers by the reference, or has to `fetch` it first.
    """

    reference: str
    digest: str
    here: bool = True


class ImageStore(Protocol):
    """Where images are found again by name, `repository:tag`."""

    async def find(self, name: str) -> Stored | None:
        """Return what is kept under a name, or None.

        Raises
        ------
        EngineError
        """

    async def publish(self, digest: str, name: str) -> Stored:
        """Keep an image of the engine under a name, and look whether it is there.

        Raises
        ------
        ImageMissingError
            The engine has no such image.
        EngineError
        """

    async def fetch(self, name: str) -> Stored:
        """Have the engine take what is kept under a name.

        Raises
        ------
        ImageMissingError
            Nothing is.
        EngineError
        """

    async def remove(self, name: str) -> None:
        """Forget a name, and the image with its last one; absent is success.

        Raises
        ------
        ImageBusyError
            A container uses it.
        EngineError
        """


class EngineImageStore(ImageStore):
    """The engine that builds and runs: nothing is sent anywhere."""

    def __init__(self, images: Images) -> None:
        self._images = images

    @override
    async def find(self, name: str) -> Stored | None:
        image = await self._images.find(name)
        return Stored(reference=image.digest, digest=image.digest) if image else None

    @override
    async def publish(self, digest: str, name: str) -> Stored:
        await self._images.tag(digest, name)
        stored = await self.find(name)
        if stored is None or stored.digest != digest:
            raise ImageNotVerifiedError(name=name, expected=digest, found=stored.digest if stored else None)
        return stored

    @override
    async def fetch(self, name: str) -> Stored:
        image = await self._images.read(name)
        return Stored(reference=image.digest, digest=image.digest)

    @override
    async def remove(self, name: str) -> None:
        await self._images.remove(name)


class RegistryImageStore(ImageStore):
    """A registry; the engine's own copies stay where they are until they are removed by name too."""

    def __init__(self, *, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._images = Images(engine)
        self._registry = registry

    @override
    async def find(self, name: str) -> Stored | None:
        manifest = await self._registry.read_manifest(name)
        return await self._build_stored(name, manifest) if manifest else None

    @override
    async def publish(self, digest: str, name: str) -> Stored:
        there = await self.find(name)
        if there is None or there.digest != digest or not there.here:
            await self._push(digest, name)  # also where it is there, so that the engine knows it by the reference
            there = await self.find(name)
        if there is None or there.digest != digest:
            raise ImageNotVerifiedError(name=name, expected=digest, found=there.digest if there else None)
        return there

    @override
    async def fetch(self, name: str) -> Stored:
        there = await self.find(name)
        if there is None:
            raise ImageMissingError(name=self._registry.build_name(name))
        await self._pull(there.reference, name)
        found = (await self._images.read(there.reference)).digest
        if found != there.digest:
            raise ImageNotVerifiedError(name=name, expected=there.digest, found=found)
        for known in (name, self._registry.build_name(name)):  # by which it is found to be removed
            await self._images.tag(found, known)
        return replace(there, here=True)

    @override
    async def remove(self, name: str) -> None:
        # The engine first: it knows whether a container uses the image.
        await self._images.remove(self._registry.build_name(name))
        await self._registry.delete(name)

    async def _push(self, digest: str, name: str) -> None:
        full = self._registry.build_name(name)
        await self._images.tag(digest, full)
        repository, tag = split_name(build_reference(full))
        async with self._engine.call(
            f"send the image {name}", deadline=PUSH, missing=ImageMissingError(name=name)
        ) as docker:
            try:
                await docker.images.push(repository, tag=tag, auth=self._build_auth())
            except DockerStreamError as e:
                raise self._explain(e.message, f"send {name}") or ImagePushError(name=name, reason=e.message) from e

    async def _pull(self, reference: str, name: str) -> None:
        missing = ImageMissingError(name=reference)
        async with self._engine.call(f"fetch the image {name}", deadline=PULL, missing=missing) as docker:
            try:
                await docker.images.pull(reference, auth=self._build_auth())
            except DockerStreamError as e:
                raise self._explain(e.message, f"fetch {name}") or ImageFetchError(name=name, reason=e.message) from e

    def _build_auth(self) -> dict[str, str] | None:
        known = self._registry.credentials
        return {"username": known.username, "password": known.password} if known else None

    async def _build_stored(self, name: str, manifest: Manifest) -> Stored:
        repository, _ = split_name(self._registry.build_name(name))
        reference = f"{repository}@{manifest.digest}"
        here = await self._images.find(reference) is not None
        return Stored(reference=reference, digest=manifest.image, here=here)

    def _explain(self, reason: str, action: str) -> RegistryError | None:
        """Read from the engine's words whose fault it is; None when they do not say."""
        host, words = self._registry.host, reason.lower()
        if any(sign in words for sign in ("unauthorized", "denied", "no basic auth")):
            return RegistryDeniedError(host=host, action=action)
        if any(sign in words for sign in ("dial tcp", "connection refused", "no such host", "x509", "timeout")):
            return RegistryUnavailableError(host=host, reason=reason.strip()[-300:])
        return None
