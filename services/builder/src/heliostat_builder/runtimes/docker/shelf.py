"""Images of environments and commits in the engine, and in the store they were published to."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from heliostat_containers import Image, ImageBusyError, Images, ImageStore
from heliostat_core.contracts.retention import ShelfKind
from typing_extensions import override

from ...domain.retention import ShelfItem
from ...services.shelf import ItemBusyError, Shelf
from .errors import translated
from .naming import BUILD, CONTENT, ENVIRONMENT, INSTANCE, ROLE, Names

_KINDS = {"environment": (ShelfKind.ENVIRONMENT, ENVIRONMENT), "content": (ShelfKind.CONTENT, CONTENT)}


class DockerShelf(Shelf):
    """What builders of this instance made in this engine."""

    def __init__(self, *, images: Images, names: Names, store: ImageStore) -> None:
        self._names = names
        self._images = images
        self._store = store

    @override
    async def list_(self) -> Sequence[ShelfItem]:
        async with translated():
            images = await self._images.list_()
        ours = [image for image in images if self._is_ours(image)]
        return [item for image in ours if (item := _build_item(image, images)) is not None]

    @override
    async def remove(self, item: ShelfItem) -> None:
        async with translated():
            try:
                await self._remove(item.name)
            except ImageBusyError as error:
                raise ItemBusyError(error.message, remedy=error.remedy) from error

    async def _remove(self, digest: str) -> None:
        image = await self._images.find(digest)
        if image is None:
            return
        for name in self._list_our_names(image):
            await self._store.remove(name)
            await self._images.remove(name)
        if not image.names:
            await self._images.remove(digest)

    def _is_ours(self, image: Image) -> bool:
        """Whether this instance made it, and it is not only there for a name that an operator gave it."""
        made_here = image.labels.get(INSTANCE) == self._names.instance
        return made_here and (not image.names or bool(self._list_our_names(image)))

    def _list_our_names(self, image: Image) -> list[str]:
        return [name for name in image.names if name.startswith(self._names.content(""))]


def _build_item(image: Image, images: Iterable[Image]) -> ShelfItem | None:
    kind, label = _KINDS.get(image.labels.get(ROLE, ""), (None, ""))
    try:
        build_id = UUID(image.labels.get(BUILD, ""))
    except ValueError:
        return None
    if kind is None or label not in image.labels:
        return None
    return ShelfItem(
        kind,
        id=image.labels[label],
        name=image.digest,
        size=image.size - _measure_below(image, images),
        created_at=image.created_at or datetime.min.replace(tzinfo=UTC),
        environment_id=image.labels.get(ENVIRONMENT) if kind is ShelfKind.CONTENT else None,
        build_id=build_id,
    )


def _measure_below(image: Image, images: Iterable[Image]) -> int:
    """Return the bytes of the largest image that this one is on top of; they stay when this one goes."""
    below = (
        other.size
        for other in images
        if len(other.layers) < len(image.layers) and other.layers == image.layers[: len(other.layers)]
    )
    return max(below, default=0)
