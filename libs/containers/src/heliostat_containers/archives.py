"""Files into containers and out of them. Also into volumes a container has, and also while it does not run."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

from .engine import Engine
from .errors import ContainerMissingError, EngineError
from .references import build_reference

__all__ = ["Archives", "FileUnreadableError"]

CHUNK = 2**20
PUT = timedelta(minutes=5)
HEADROOM = 64 * 1024  # bytes of archive around a file


class FileUnreadableError(EngineError):
    """There is no ordinary file of ordinary size at that place in a container."""

    code = "file_unreadable"

    def __init__(self, *, path: str) -> None:
        super().__init__(f"{path} is not a file that can be read", remedy="Look at what the container did.")


class Archives:
    """Files of the containers of one engine; `name` is a container's name or id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def write(self, name: str, directory: str, files: Mapping[str, bytes]) -> None:
        """Write files into a directory that exists; they belong to root, and everybody may read them.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        await self._put(name, directory, _build_archive(files))

    async def unpack(self, name: str, directory: str, archive: Path) -> None:
        """Unpack an uncompressed tar archive into a directory that exists.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        await self._put(name, directory, _read_pieces(archive))

    async def read(self, name: str, path: str, *, most: int) -> bytes:
        """Read one ordinary file of at most that many bytes; links are not followed.

        Raises
        ------
        FileUnreadableError
            It is something else, larger, or not there.
        EngineError
        """
        unreadable = FileUnreadableError(path=path)
        async with (
            self._engine.call(f"read {path}", missing=unreadable) as docker,
            docker._query(  # noqa: SLF001 its own get_archive reads all there is into memory
                f"containers/{build_reference(name)}/archive", params={"path": path}
            ) as response,
        ):
            data = await response.content.read(0)
            while len(data) <= most + HEADROOM and (piece := await response.content.read(CHUNK)):
                data += piece
        if len(data) > most + HEADROOM:
            raise unreadable
        return _read_archive(data, unreadable)

    async def _put(self, name: str, directory: str, data: bytes | AsyncIterator[bytes]) -> None:
        missing = ContainerMissingError(name=name)
        async with self._engine.call(f"write files into {name}", deadline=PUT, missing=missing) as docker:
            await docker.containers.container(build_reference(name)).put_archive(directory, data)


def _build_archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o444
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _read_archive(data: bytes, unreadable: FileUnreadableError) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            entry = tar.next()
            file = tar.extractfile(entry) if entry is not None and entry.isreg() else None
            if file is None:
                raise unreadable
            return file.read()
    except tarfile.TarError as e:
        raise unreadable from e


async def _read_pieces(archive: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(archive.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece
    finally:
        file.close()
