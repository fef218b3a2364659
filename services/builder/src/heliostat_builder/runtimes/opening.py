"""Opening the runtime that was configured."""

from contextlib import AbstractAsyncContextManager

from ..services.runtime import Runtime
from .needs import Needs


def open_runtime(needs: Needs) -> AbstractAsyncContextManager[Runtime]:
    """Open the runtime of the configured name, for as long as the process lives."""
    # The other one's libraries stay out of memory: those of the engine's client are 10 MiB.
    if needs.config.runtime == "docker":
        from .docker import open_docker_runtime  # noqa: PLC0415

        return open_docker_runtime(needs)
    from .process import open_process_runtime  # noqa: PLC0415

    return open_process_runtime(needs)
