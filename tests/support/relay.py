"""A TCP relay that can hang: it goes on accepting connections and says nothing on them."""

import contextlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator


class Relay(socketserver.ThreadingTCPServer):
    """Passes connections on to one address, unless ``hangs`` is set."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, *, target: tuple[str, int]) -> None:
        super().__init__((address, 0), _Passing)
        self.target = target
        self.hangs = threading.Event()
        self.accepted_while_hanging = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @contextlib.contextmanager
    def running(self) -> Iterator["Relay"]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="relay")
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        self.accepted_while_hanging.clear()
        self.hangs.set()
        try:
            yield
        finally:
            self.hangs.clear()


class _Passing(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        if self.server.hangs.is_set():
            self.server.accepted_while_hanging.set()
            while self.request.recv(65536):
                pass
            return
        with socket.create_connection(self.server.target) as target, selectors.DefaultSelector() as selector:
            selector.register(self.request, selectors.EVENT_READ, target)
            selector.register(target, selectors.EVENT_READ, self.request)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
