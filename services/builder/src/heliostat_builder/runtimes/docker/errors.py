"""What the engine refuses, in the words of the builder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from heliostat_containers import (
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    ImageFetchError,
    LayerError,
    RegistryError,
)

from ...domain.failures import explain_full_disk
from ...errors import BuildFailedError, EngineAwayError, ImageStoreError

_FULL_DISK = "no space left on device"


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise errors of the engine and of registries in the block as the builder's own.

    Raises
    ------
    EngineAwayError
        It does not answer; try again later.
    BuildFailedError
        It, or a registry, will not.
    """
    try:
        yield
    except (EngineUnavailableError, EngineTimeoutError) as error:
        raise EngineAwayError(reason=error.message) from error
    except EngineError as error:
        raise _explain(error) from error


@asynccontextmanager
async def asking() -> AsyncIterator[None]:
    """As `translated`, where nothing is built: whatever is wrong, it is not with what was asked for.

    Raises
    ------
    EngineAwayError, ImageStoreError
        The answer cannot be had now.
    """
    try:
        async with translated():
            yield
    except BuildFailedError as error:
        raise ImageStoreError(message=error.message, remedy=error.remedy) from error


def _explain(error: EngineError) -> BuildFailedError:
    if _FULL_DISK in error.message.lower():
        return explain_full_disk()
    code = error.code
    if isinstance(error, RegistryError) and not isinstance(error, ImageFetchError):
        code = "push_failed"
    elif isinstance(error, LayerError):
        code = "checkout_failed"
    return BuildFailedError(code=code, message=error.message, remedy=error.remedy)
