"""Opening the runtime that was configured."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from ..config import RuntimeName
from ..services.runtime import Runtime
from .docker import open_docker_runtime
from .needs import Needs
from .process import open_process_runtime

_OPENERS: Mapping[RuntimeName, Callable[[Needs], AbstractAsyncContextManager[Runtime]]] = {
    "docker": open_docker_runtime,
    "process": open_process_runtime,
}


def open_runtime(needs: Needs) -> AbstractAsyncContextManager[Runtime]:
    """Open the runtime of the configured name, for as long as the process lives."""
    return _OPENERS[needs.config.runtime](needs)
