"""The docker runtime: environments are images of a container engine."""

from .opening import open_docker_runtime

__all__ = ["open_docker_runtime"]
