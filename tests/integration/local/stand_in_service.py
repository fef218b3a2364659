"""Answers every connection, and leaves a child behind when it is killed."""

import socket
import subprocess
import sys

if __name__ == "__main__":
    subprocess.Popen(["/bin/sleep", "300"])
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
