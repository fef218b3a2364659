"""Containers of an engine: those that build, and helpers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

from aiodocker import Docker

from .command import Command
from .container import Container, ContainerSpec, Finished, build_config, build_container
from .engine import CALL, Engine
from .errors import (
    ContainerExistsError,
    ContainerMissingError,
    ContainerStoppedError,
    EngineRefusedError,
    ImageMissingError,
)
from .loglines import LineSplitter
from .references import build_reference, split_name

__all__ = ["Containers"]

COMMIT = timedelta(minutes=10)  # gigabytes of packages are compared and copied
REMOVE = timedelta(minutes=2)
NOT_MODIFIED = 304
CONFLICT = 409


class Containers:
    """Containers of one engine; `name` is a name or an id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create(self, spec: ContainerSpec) -> Container:
        """Create a container under the name of the spec; it does not run yet.

        Raises
        ------
        ContainerExistsError
            The name is taken: `find` it, compare, adopt or remove it.
        ImageMissingError, EngineError
        """
        try:
            async with self._engine.call(
                f"create the container {spec.name}", missing=ImageMissingError(name=spec.image)
            ) as docker:
                created = await docker.containers.create(build_config(spec), name=build_reference(spec.name))
        except EngineRefusedError as e:
            if e.status == CONFLICT:
                raise ContainerExistsError(name=spec.name) from e
            raise
        return await self.read(created.id)

    async def start(self, name: str) -> None:
        """Start a container; one that runs already is success, one that has ended runs again.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        async with self._call("start", name) as docker:
            await docker.containers.container(build_reference(name)).start()

    async def find(self, name: str) -> Container | None:
        """Return a container, or None when there is none.

        Raises
        ------
        EngineError
        """
        try:
            return await self.read(name)
        except ContainerMissingError:
            return None

    async def read(self, name: str) -> Container:
        """Return a container.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        async with self._call("describe", name) as docker:
            return build_container(await docker.containers.container(build_reference(name)).show())

    async def read_host_config(self, name: str) -> Mapping[str, Any]:
        """Return what the engine grants a container and holds it to (``HostConfig``).

        Raises
        ------
        ContainerMissingError, EngineError
        """
        async with self._call("describe", name) as docker:
            return dict((await docker.containers.container(build_reference(name)).show())["HostConfig"])

    async def list_(self, labels: Mapping[str, str]) -> tuple[Container, ...]:
        """List all containers, running or not, that have all these labels; an empty value means any.

        Raises
        ------
        EngineError
        """
        filters = {"label": [f"{key}={value}" if value else key for key, value in labels.items()]}
        async with self._engine.call("list its containers") as docker:
            ids = [found.id for found in await docker.containers.list(all=True, filters=filters)]
        containers = [await self.find(container) for container in ids]
        return tuple(container for container in containers if container is not None)

    async def measure(self, name: str) -> int:
        """Return how many bytes a container has written to its own layer; the engine counts, which takes a while.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        async with self._call("measure", name) as docker:
            found = await docker.containers.container(build_reference(name)).show(size=True)
        return int(found.get("SizeRw") or 0)

    async def watch_logs(self, name: str, *, skip: int = 0) -> AsyncGenerator[str]:
        """Follow what a container writes, stdout and stderr together, from its first line until it ends.

        `skip` leaves out that many lines, for somebody who has those already. Long lines come in pieces, each of which
        counts as a line. How long silence may last is the caller's to say. A connection that breaks ends it like the
        container's end does: `read` says which it was.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        lines = LineSplitter(skip=skip)
        # No deadline of ours: a build may be silent, or run, for as long as its owner allows.
        async with self._engine.call(
            f"follow the container {name}", deadline=None, missing=ContainerMissingError(name=name)
        ) as docker:
            container = docker.containers.container(build_reference(name))
            async for chunk in container.log(stdout=True, stderr=True, follow=True):
                for line in lines.feed(chunk):
                    yield line
        for line in lines.end():
            yield line

    async def wait(self, name: str, *, deadline: timedelta) -> int:
        """Wait until a container has ended, and return its exit status.

        Raises
        ------
        EngineTimeoutError
            It still runs at the deadline.
        ContainerMissingError, EngineError
        """
        async with self._call("finish", name, deadline=deadline) as docker:
            return int((await docker.containers.container(build_reference(name)).wait())["StatusCode"])

    async def kill(self, name: str) -> None:
        """Kill all processes of a container; one that is absent or has ended is success.

        Raises
        ------
        EngineError
        """
        try:
            async with self._call("kill", name) as docker:
                await docker.containers.container(build_reference(name)).kill()
        except ContainerMissingError:
            return
        except EngineRefusedError as e:
            if e.status != CONFLICT:  # "is not running"
                raise

    async def remove(self, name: str) -> None:
        """Kill and remove a container with its anonymous volumes; absent is success.

        Raises
        ------
        EngineError
        """
        try:
            async with self._call("remove", name, deadline=REMOVE) as docker:
                await docker.containers.container(build_reference(name)).delete(force=True, v=True)
        except ContainerMissingError:
            return
        except EngineRefusedError as e:
            if e.status != CONFLICT:  # "removal is already in progress"
                raise

    async def commit(self, name: str, *, image: str, config: Mapping[str, Any], deadline: timedelta = COMMIT) -> str:
        """Make an image of a container's files and return its digest.

        `config` is the image's own, with the keys of the engine's API (`Labels`, `Env`, `User`, `WorkingDir`, `Cmd`,
        `Entrypoint`); what it leaves out stays as the container has it.

        Raises
        ------
        ContainerMissingError, EngineError
        """
        repository, tag = split_name(image)
        async with self._call("commit", name, deadline=deadline) as docker:
            made = await docker.containers.container(build_reference(name)).commit(
                repository=repository, tag=tag, config=dict(config)
            )
        return str(made["Id"])

    async def run(self, spec: ContainerSpec, *, deadline: timedelta) -> Finished:
        """Run a short container to its end and remove it; at the deadline it is killed.

        Raises
        ------
        ContainerExistsError, EngineTimeoutError, ImageMissingError, EngineError
        """
        container = await self.create(spec)
        try:
            await self.start(container.id)
            status = await self.wait(container.id, deadline=deadline)
            lines = [line async for line in self.watch_logs(container.id)]
        finally:
            await self.remove(container.id)
        return Finished(status=status, output="\n".join(lines))

    async def begin(self, name: str, arguments: Sequence[str]) -> Command:
        """Begin a further command in a container, with the rights of the container; `close` it.

        Raises
        ------
        ContainerMissingError, ContainerStoppedError, EngineError
        """
        try:
            async with self._call("begin a command in", name) as docker:
                container = docker.containers.container(build_reference(name))
                execution = await container.exec(arguments, stdin=True)
                stream = execution.start(detach=False)
                await stream.__aenter__()  # until `close`
        except EngineRefusedError as e:
            if e.status == CONFLICT:
                raise ContainerStoppedError(name=name) from e
            raise
        return Command(self._engine, execution, stream)

    def _call(self, action: str, name: str, *, deadline: timedelta = CALL) -> AbstractAsyncContextManager[Docker]:
        return self._engine.call(
            f"{action} the container {name}", deadline=deadline, missing=ContainerMissingError(name=name)
        )
