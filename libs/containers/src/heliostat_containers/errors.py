"""What an engine or a registry can refuse or fail with."""

from datetime import timedelta

__all__ = [
    "ContainerExistsError",
    "ContainerMissingError",
    "ContainerStoppedError",
    "EngineError",
    "EngineRefusedError",
    "EngineTimeoutError",
    "EngineUnavailableError",
    "ImageBusyError",
    "ImageMismatchError",
    "ImageMissingError",
    "InvalidReferenceError",
    "LayerError",
]


class EngineError(Exception):
    """Base of everything this package raises on purpose.

    Attributes
    ----------
    code
        Stable, machine-readable name.
    message
        One sentence a user can read; never holds credentials.
    remedy
        What would make it pass.
    """

    code = "engine_error"

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class EngineUnavailableError(EngineError):
    """The engine does not answer: not there, stopped, or the connection broke."""

    code = "engine_unavailable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The container engine does not answer: {reason}", remedy="Try again when the engine runs; see its own log."
        )


class EngineTimeoutError(EngineError):
    """The engine did not finish something in time."""

    code = "engine_timeout"

    def __init__(self, *, action: str, deadline: timedelta) -> None:
        super().__init__(
            f"The container engine did not {action} within {deadline.total_seconds():g} s",
            remedy="Look at the load and the log of the engine, and try again.",
        )


class EngineRefusedError(EngineError):
    """The engine understood and said no, or failed at it."""

    code = "engine_refused"

    def __init__(self, *, action: str, status: int, reason: str) -> None:
        super().__init__(
            f"The container engine could not {action}: {reason.strip()[-500:]}",
            remedy="Look at the message, and at the log of the engine.",
        )
        self.status = status


class ImageMissingError(EngineError):
    """The engine has no such image (any more)."""

    code = "image_missing"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"The image {name} is not in the container engine", remedy="Build it again.")


class ImageBusyError(EngineError):
    """A container, or another name, still needs the image."""

    code = "image_busy"

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(
            f"The image {name} is still needed: {reason.strip()[-300:]}", remedy="Remove what uses it first."
        )


class ImageMismatchError(EngineError):
    """The engine made another image than the one it was given; then its ids mean nothing to us."""

    code = "image_mismatch"

    def __init__(self, *, digest: str) -> None:
        super().__init__(
            f"The container engine took the image {digest} under another id",
            remedy="Use an engine with the classic image store (dockerd without the containerd snapshotter).",
        )


class LayerError(EngineError):
    """The repository's files cannot become a layer of an image."""

    code = "contents_not_archivable"

    def __init__(self, *, reason: str, remedy: str = "Fetch the commit again.") -> None:
        super().__init__(f"The repository's files cannot be put into an image: {reason}", remedy=remedy)


class InvalidReferenceError(EngineError):
    """The text is no name or digest of an image or a container."""

    code = "invalid_reference"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"{name[:100]!r} is not a name in a container engine",
            remedy="Use lower-case letters, digits and . _ - / : @, beginning with a letter or digit.",
        )


class ContainerMissingError(EngineError):
    """The engine has no such container (any more)."""

    code = "container_missing"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"The container {name} is not in the container engine", remedy="Start it again.")


class ContainerExistsError(EngineError):
    """There is a container of that name already."""

    code = "container_exists"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"There is a container {name} already", remedy="Adopt it or remove it first.")


class ContainerStoppedError(EngineError):
    """The container is there, and does not run."""

    code = "container_stopped"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"The container {name} does not run", remedy="Start it again.")
