"""What goes wrong between us, the engine and a registry; none of it ever holds credentials."""

from .errors import EngineError

__all__ = [
    "ImageFetchError",
    "ImageNotVerifiedError",
    "ImagePushError",
    "RegistryDeniedError",
    "RegistryError",
    "RegistryRefusedError",
    "RegistryUnavailableError",
]


class RegistryError(EngineError):
    """Base of what has to do with a registry."""

    code = "registry_error"


class RegistryUnavailableError(RegistryError):
    """The registry does not answer, or in no language we know."""

    code = "registry_unavailable"

    def __init__(self, *, host: str, reason: str) -> None:
        super().__init__(
            f"The image registry {host} does not answer: {reason}",
            remedy="Try again when it runs; the address and the CA are settings.",
        )


class RegistryDeniedError(RegistryError):
    """The registry does not accept our credentials, or not for this."""

    code = "registry_denied"

    def __init__(self, *, host: str, action: str) -> None:
        super().__init__(
            f"The image registry {host} does not let us {action}",
            remedy="Give credentials that may read, write and delete; user and password are settings.",
        )


class RegistryRefusedError(RegistryError):
    """The registry understood and said no."""

    code = "registry_refused"

    def __init__(self, *, host: str, action: str, status: int) -> None:
        remedy = "Look at the registry's log."
        if status == 405:  # noqa: PLR2004 -- Method Not Allowed
            remedy = "Let the registry delete (storage.delete.enabled), or keep images for ever."
        super().__init__(f"The image registry {host} answered {status} to the wish to {action}", remedy=remedy)
        self.status = status


class ImagePushError(RegistryError):
    """The engine could not send an image to the registry."""

    code = "push_failed"

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(
            f"The image {name} could not be sent to the registry: {reason.strip()[-500:]}",
            remedy="Look at the message, at the registry's log and its disk.",
        )


class ImageFetchError(RegistryError):
    """The engine could not get an image from the registry."""

    code = "fetch_failed"

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(
            f"The image {name} could not be fetched from the registry: {reason.strip()[-500:]}",
            remedy="Look at the message and at the registry's log; where its files are lost, delete the image there.",
        )


class ImageNotVerifiedError(RegistryError):
    """The registry has another image under the name than the one that was sent."""

    code = "push_not_verified"

    def __init__(self, *, name: str, expected: str, found: str | None) -> None:
        super().__init__(
            f"The registry should have {expected} as {name}, and has {found or 'nothing'}",
            remedy="Send it again; nobody but Heliostat may write to these names.",
        )
