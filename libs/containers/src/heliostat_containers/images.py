"""Images of an engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .engine import Engine
from .errors import EngineRefusedError, ImageBusyError, ImageMismatchError, ImageMissingError
from .layers import Layer
from .manifests import build_configuration, build_digest, stream_archive
from .moments import read_moment
from .references import build_reference, split_name

__all__ = ["Image", "ImageSummary", "Images"]

LOAD = timedelta(minutes=10)  # gigabytes of a repository's files
CONFLICT = 409
_NAMELESS = "<none>:<none>"
"""What lists of engines before 25 give as the name of an image that has none."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the engine has it.

    Attributes
    ----------
    digest
        `sha256:...`, the engine's image id: the hash of the image's configuration, and so of all it is made of.
    names
        `repository:tag`; they may move to another image at any time.
    size
        Bytes of all layers, those shared with other images too.
    layers
        The layers' digests (`sha256:` of each uncompressed archive), the lowest first.
    """

    digest: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    size: int
    user: str
    layers: tuple[str, ...]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """What an engine's list of images says of one; as in `Image`."""

    digest: str
    names: tuple[str, ...]
    labels: Mapping[str, str]


class Images:
    """Images of one engine; `name` is a name or a digest."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, name: str) -> Image | None:
        """Return an image, or None when the engine has none of that name.

        Raises
        ------
        EngineError
        """
        try:
            return await self.read(name)
        except ImageMissingError:
            return None

    async def read(self, name: str) -> Image:
        """Return an image.

        Raises
        ------
        ImageMissingError, EngineError
        """
        return _build_image(await self._inspect(name))

    async def list_(self) -> tuple[Image, ...]:
        """List all images.

        Raises
        ------
        EngineError
        """
        async with self._engine.call("list its images") as docker:
            listed = await docker.images.list()
        images = [await self.find(image["Id"]) for image in listed]
        return tuple(image for image in images if image is not None)

    async def list_briefly(self, label: str) -> tuple[ImageSummary, ...]:
        """List the images with a label (`key` or `key=value`) without asking about each.

        Raises
        ------
        EngineError
        """
        async with self._engine.call("list its images") as docker:
            listed = await docker.images.list(filters={"label": [label]})
        return tuple(
            ImageSummary(
                digest=image["Id"],
                names=tuple(name for name in image["RepoTags"] or () if name != _NAMELESS),
                labels=image["Labels"] or {},
            )
            for image in listed
        )

    async def add_layer(
        self, base: str, layer: Layer, *, name: str, labels: Mapping[str, str], deadline: timedelta = LOAD
    ) -> Image:
        """Make an image of another one and a layer on top of it; the same twice is the same image.

        Raises
        ------
        ImageMissingError
            There is no base.
        ImageMismatchError
            The engine gives images ids of its own making.
        EngineError
        """
        configuration = build_configuration(await self._inspect(base), layer, labels)
        archive = stream_archive(configuration, layer, build_reference(name))
        async with self._engine.call(f"take the image {name}", deadline=deadline) as docker:
            await docker.images.import_image(archive)
        digest = build_digest(configuration)
        made = await self.find(digest)
        if made is None:
            raise ImageMismatchError(digest=digest)
        return made

    async def tag(self, digest: str, name: str) -> None:
        """Give an image a name, which another image may lose by it.

        Raises
        ------
        ImageMissingError, EngineError
        """
        repository, tag = split_name(name)
        missing = ImageMissingError(name=digest)
        async with self._engine.call(f"name the image {digest}", missing=missing) as docker:
            await docker.images.tag(build_reference(digest), repository, tag=tag)

    async def remove(self, name: str) -> None:
        """Remove a name, and the image with its last one; by digest, the image. Absent is success.

        Raises
        ------
        ImageBusyError
            A container uses it, or it is asked for by digest and has several names.
        EngineError
        """
        try:
            async with self._engine.call(f"remove the image {name}", missing=ImageMissingError(name=name)) as docker:
                await docker.images.delete(build_reference(name))
        except ImageMissingError:
            return
        except EngineRefusedError as e:
            if e.status == CONFLICT:
                raise ImageBusyError(name=name, reason=e.message) from e
            raise

    async def _inspect(self, name: str) -> Mapping[str, Any]:
        async with self._engine.call(f"describe the image {name}", missing=ImageMissingError(name=name)) as docker:
            found: Mapping[str, Any] = await docker.images.inspect(build_reference(name))
            return found


def _build_image(found: Mapping[str, Any]) -> Image:
    config = found.get("Config") or {}
    return Image(
        digest=found["Id"],
        names=tuple(found.get("RepoTags") or ()),
        labels=config.get("Labels") or {},
        size=found["Size"],
        user=config.get("User") or "",
        layers=tuple(found["RootFS"].get("Layers") or ()),
        created_at=read_moment(found["Created"]) if found.get("Created") else None,
    )
