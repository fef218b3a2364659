"""Images put together by us: the same layers as another image, one more on top, and a configuration.

An engine takes archives in which the files of layers it has are missing, so that only the new layer is sent. The
image's id is the hash of the configuration written here, and so the same wherever the same is put together.
"""

import asyncio
import hashlib
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

from .layers import Layer

__all__ = ["build_configuration", "build_digest", "stream_archive"]

# What an image says about how to run it. Not `Volumes`: an engine makes an anonymous volume of each, which would lie,
# unlimited and unseen, beside the server's own.
_KEPT = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Shell", "StopSignal", "User", "WorkingDir")
_BLOCK = 2**20
_LAYER = "layer.tar"


def build_configuration(base: Mapping[str, Any], layer: Layer, labels: Mapping[str, str]) -> bytes:
    """Build the configuration of an image from what the engine says about its base (`GET images/{name}/json`).

    Labels are added to those of the base.
    """
    config = {key: base["Config"][key] for key in _KEPT if base["Config"].get(key)}
    config["Labels"] = (base["Config"].get("Labels") or {}) | dict(labels)
    configuration = {
        "architecture": base["Architecture"],
        "os": base["Os"],
        "created": base["Created"],
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [*base["RootFS"]["Layers"], layer.digest]},
    }
    return json.dumps(configuration, sort_keys=True, separators=(",", ":")).encode()


def build_digest(configuration: bytes) -> str:
    """Return the id an engine gives to an image with this configuration."""
    return f"sha256:{hashlib.sha256(configuration).hexdigest()}"


async def stream_archive(configuration: bytes, layer: Layer, name: str) -> AsyncIterator[bytes]:
    """Stream an archive for `POST images/load`: the new layer, and names only of those the engine has."""
    below = len(json.loads(configuration)["rootfs"]["diff_ids"]) - 1
    layers = [f"{number}.tar" for number in range(below)] + [_LAYER]
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": layers}]
    for member, content in (("manifest.json", json.dumps(manifest).encode()), ("config.json", configuration)):
        yield _build_header(member, len(content)) + content + _pad(len(content))
    yield _build_header(_LAYER, layer.size)
    file = await asyncio.to_thread(layer.path.open, "rb")
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
    finally:
        file.close()
    yield _pad(layer.size) + bytes(2 * tarfile.BLOCKSIZE)


def _build_header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _pad(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
