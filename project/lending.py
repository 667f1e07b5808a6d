"""The writing thread's turn, lent to a process of ours while the thread has nothing to write.

On SQLite one process writes at a time, and whoever finds another at it asks again and again, for as
long as it takes. Two that write all the time must take turns instead: the process writes only while
it has the turn, and gives it back when the thread asks, after one more group if it has any. It is
one byte each way over a pair of sockets; whose end is closed has gone, and its turn with it. One
that does not give its turn back in time is treated as gone: the thread can't wait for it for ever,
and the database itself keeps them apart.
"""

import socket

LEND, ASK, BACK = b"+", b"-", b"="
BACK_SECONDS = 20  # a group takes a fraction of one


class Lender:
    """The thread's end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._line.settimeout(BACK_SECONDS)
        self._lent = False

    def lend(self) -> bool:
        """The process may write; False when it has gone."""
        try:
            self._line.sendall(LEND)
        except OSError:
            return False
        self._lent = True
        return True

    def take_back(self) -> bool:
        """Return when the process does not write any more; False when it has gone, or hangs."""
        if not self._lent:
            return True
        self._lent = False
        try:
            self._line.sendall(ASK)
            return self._line.recv(1) == BACK
        except OSError:
            return False

    def close(self) -> None:
        """Done with it."""
        self._line.close()


class Borrower:
    """The process's end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.held = False
        self._asked = False

    def fileno(self) -> int:
        """What becomes readable when there is something to hear."""
        return self._line.fileno()

    def hear(self) -> None:
        """Take what the thread says. Raises EOFError once it has gone."""
        said = self._line.recv(16)
        if not said:
            raise EOFError
        self.held = self.held or LEND in said
        self._asked = self._asked or ASK in said

    def settle(self) -> None:
        """Nothing is being written: give the turn back where that was asked."""
        if self._asked:
            self.held = self._asked = False
            self._line.sendall(BACK)
