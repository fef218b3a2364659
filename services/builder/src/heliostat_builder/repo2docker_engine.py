"""A container engine for repo2docker that builds with the engine's classic builder, whose limits hold.

Runs inside repo2docker's process, a child of the builder; found by the entry point ``heliostat`` of
``repo2docker.engines``. BuildKit ignores limits of memory, CPU and processes, and repo2docker's own engine uses it.

It is not in `runtimes`, beside the recipe that needs it, because to import those takes two seconds, of every build.
"""

import ctypes
import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import docker
from docker.errors import ImageNotFound
from repo2docker.engine import ContainerEngine, Image
from traitlets import Dict, Float, Integer, Unicode
from typing_extensions import override

PERIOD = 100_000  # microseconds
_PR_SET_PDEATHSIG = 1
_LONG = 24 * 3600  # seconds between two pieces of output; the builder has a limit of its own


class ClassicEngine(ContainerEngine):  # type: ignore[misc]  # repo2docker ships no types
    """Builds under limits; the layers of all builds are each other's cache."""

    string_output = False

    url = Unicode(help="the engine's address", config=True)
    memory = Integer(help="bytes of RAM of a step, without any swap", config=True)
    cpus = Float(help="CPUs of a step", config=True)
    builder = Integer(help="process id of the builder", config=True)
    network = Unicode(help="the engine's network that steps use", config=True)
    host = Unicode(help="name of a host that steps resolve, by which their containers are told", config=True)
    labels = Dict(help="of the image", config=True)
    mark = Dict(help="labels of the container that the builder finds if this process is killed", config=True)

    def __init__(self, *, parent: Any) -> None:
        super().__init__(parent=parent)
        # A builder that is killed takes this process with it, and so the step that runs.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.builder:  # it was killed before this line
            raise SystemExit("The builder is gone")
        self._client = docker.APIClient(base_url=self.url, version="auto", timeout=_LONG)

    @override
    def build(
        self,
        *,
        buildargs: Mapping[str, str] | None = None,
        cache_from: list[str] | None = None,
        tag: str = "",
        custom_context: bool = False,
        dockerfile: str = "",
        fileobj: Any = None,
        path: str = "",
        labels: Mapping[str, str] | None = None,
        platform: str | None = None,
        **_: Any,
    ) -> Iterator[dict[str, Any]]:
        # What its `build` has no parameters for goes with every request, where the others ignore it.
        self._client.params = {"cpuperiod": PERIOD, "cpuquota": round(self.cpus * PERIOD)}
        image = None
        for event in self._client.build(
            path=path or None,
            fileobj=fileobj,
            custom_context=custom_context,
            dockerfile=dockerfile or None,
            buildargs=dict(buildargs or {}),
            cache_from=cache_from or None,
            platform=platform,
            container_limits={"memory": self.memory, "memswap": self.memory},
            network_mode=self.network,
            extra_hosts={self.host: "127.0.0.1"},
            rm=True,
            forcerm=True,
            decode=True,
        ):
            if "aux" in event:  # for programs: repo2docker would print it as it is
                image = event["aux"].get("ID", image)
            else:
                yield event
        if image is not None:
            self._label(image, tag, {**(labels or {}), **self.labels})

    def _label(self, image: str, name: str, labels: Mapping[str, str]) -> None:
        """Name an image with labels, all at once: the builder would take a step, and a tenth of a second, for each.

        They replace what a Dockerfile says under the same keys.
        """
        own = self._client.inspect_image(image)["Config"]
        command = None if own.get("Cmd") or own.get("Entrypoint") else ["true"]  # or nothing could be created
        container = self._client.create_container(image, command=command, labels=self.mark)["Id"]
        try:
            repository, _, tag = name.rpartition(":")
            self._client.commit(container, repository=repository, tag=tag, conf={"Labels": labels})
        finally:
            self._client.remove_container(container, v=True, force=True)

    @override
    def inspect_image(self, image: str) -> Image | None:
        try:
            found = self._client.inspect_image(image)
        except ImageNotFound:
            return None
        return Image(tags=found["RepoTags"], config=found["Config"])
