"""A web site of its own on loopback, for pages that use BinderHub's clients from another origin."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

NODE_MODULES = Path(__file__).parents[2] / "node_modules"


class _Handler(SimpleHTTPRequestHandler):
    """Serves pages of the test, and `node_modules`; a module's name may lack its ending, as bundlers allow."""

    pages: ClassVar[Mapping[str, str]] = {}

    @override
    def do_GET(self) -> None:
        page = self.pages.get(self.path)
        if page is None:
            super().do_GET()
            return
        body = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        return found if Path(found).exists() else f"{found}.js"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running_site(pages: Mapping[str, str]) -> Iterator[str]:
    """Serve pages by path and `node_modules` at the root, and yield the site's origin."""
    handler = type("Handler", (_Handler,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: handler(*given, directory=str(NODE_MODULES))) as server:
        thread = threading.Thread(target=server.serve_forever, name="site of the tests")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
