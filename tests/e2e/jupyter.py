"""A user's JupyterLab as a browser talks to it: contents, kernels' websockets, terminals."""

import asyncio
import json
from typing import Any, Self
from uuid import uuid4

import httpx
import websockets

EXECUTION_DEADLINE = 60


class Lab:
    """One running server.

    Parameters
    ----------
    url
        Its address, with a slash at the end.
    token
        A hub token of its owner.
    """

    def __init__(self, *, url: str, token: str) -> None:
        self.url = url
        self._token = token
        headers = {"Authorization": f"token {token}"}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def list_files(self, path: str = "") -> list[str]:
        """List names in a folder of the home."""
        answer = self.client.get(f"api/contents/{path}")
        answer.raise_for_status()
        return sorted(entry["name"] for entry in answer.json()["content"])

    def read_file(self, path: str) -> str:
        """Read a text file of the home."""
        answer = self.client.get(f"api/contents/{path}", params={"type": "file", "format": "text"})
        answer.raise_for_status()
        return str(answer.json()["content"])

    def write_file(self, path: str, text: str) -> None:
        """Write a text file of the home."""
        body = {"type": "file", "format": "text", "content": text}
        self.client.put(f"api/contents/{path}", json=body).raise_for_status()

    def read_notebook_code(self, path: str) -> str:
        """Join the code cells of a notebook."""
        answer = self.client.get(f"api/contents/{path}", params={"type": "notebook"})
        answer.raise_for_status()
        cells = answer.json()["content"]["cells"]
        return "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")

    def execute(self, code: str) -> str:
        """Run code in a fresh kernel through its websocket and return what it printed."""
        kernel = self.client.post("api/kernels", json={})
        kernel.raise_for_status()
        kernel_id = kernel.json()["id"]
        try:
            return asyncio.run(self._execute(kernel_id, code))
        finally:
            self.client.delete(f"api/kernels/{kernel_id}")

    async def _execute(self, kernel_id: str, code: str) -> str:
        address = f"ws{self.url.removeprefix('http')}api/kernels/{kernel_id}/channels"
        headers = {"Authorization": f"token {self._token}"}
        async with (
            asyncio.timeout(EXECUTION_DEADLINE),
            websockets.connect(address, additional_headers=headers, proxy=None) as channel,
        ):
            message_id = uuid4().hex
            await channel.send(json.dumps(_build_execute_request(message_id, code)))
            return await _collect_output(channel, message_id)


def _build_execute_request(message_id: str, code: str) -> dict[str, Any]:
    header = {
        "msg_id": message_id,
        "msg_type": "execute_request",
        "session": uuid4().hex,
        "username": "",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}


async def _collect_output(channel: websockets.ClientConnection, message_id: str) -> str:
    output = []
    async for raw in channel:
        message = json.loads(raw)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            output.append(content["text"])
        elif kind == "error":
            output.append(f"{content['ename']}: {content['evalue']}")
        elif kind == "status" and content["execution_state"] == "idle":
            break
    return "".join(output)
