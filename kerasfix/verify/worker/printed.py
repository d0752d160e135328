"""What a job prints: a pipe, of which the end is kept."""

from __future__ import annotations

import contextlib
import os
import threading

# What is shown of it are a few lines.
_KEPT_BYTES = 2**16
_READ_BYTES = 2**16


class Printed:
    """A pipe for the two output streams of a child.

    A file would grow until somebody cut it, and the last words before a crash are what must not be cut off.

    Attributes:
        reader, writer: The descriptors of the two ends. A child needs the second and must not hold the first.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._end = b""
        self._thread = threading.Thread(target=self._read, daemon=True)

    def listen(self) -> None:
        """Once the child is there. Without the end of this process it ends with those who write to it."""
        os.close(self.writer)
        self._thread.start()

    def save(self, path: str) -> None:
        """Write the end of what came to a file.

        Whoever left the child's process group may hold the pipe open; nobody waits for that.
        """
        self._thread.join(timeout=1)
        # Where nothing keeps a model from it, a link may lie there: that is no place to write to.
        with contextlib.suppress(OSError):
            os.remove(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with contextlib.suppress(OSError), open(os.open(path, flags, 0o600), "wb") as file:
            file.write(self._end)

    def _read(self) -> None:
        while part := os.read(self.reader, _READ_BYTES):
            self._end = (self._end + part)[-_KEPT_BYTES:]
        os.close(self.reader)
