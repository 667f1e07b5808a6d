"""A door in front of Postgres that can be shut at the worst moment of a commit."""

import socket
import tempfile
import threading
from pathlib import Path

COMMIT = b"COMMIT"


class Cut:
    """Passes bytes between a client and Postgres until it is told to cut the next commit: before it
    gets there (`"request"`), or before its answer comes back (`"answer"`).
    """

    def __init__(self, server_folder: Path) -> None:
        self.folder = tempfile.mkdtemp(prefix="mr-cut-")
        self.where = ""
        self.cuts = 0
        self._server = str(server_folder / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self.folder}/.s.PGSQL.5432")
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let no one in any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        answers = threading.Thread(target=self._answers, args=(server, client), daemon=True)
        answers.start()
        with client, server:
            while data := self._read(client):
                if self.where == "request" and COMMIT in data:
                    self.where, self.cuts = "", self.cuts + 1
                    break
                server.sendall(data)
                if self.where == "answer" and COMMIT in data:
                    client.shutdown(socket.SHUT_WR)  # whatever comes back goes nowhere
                    self.where, self.cuts = "", self.cuts + 1
                    answers.join()
                    break
            server.shutdown(socket.SHUT_RDWR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        while data := self._read(server):
            try:
                client.sendall(data)
            except OSError:
                return

    @staticmethod
    def _read(end: socket.socket) -> bytes:
        try:
            return end.recv(65536)
        except OSError:
            return b""
