"""A channel between the harness and the process of a target: whole messages of bytes, over a socket.

A message is its length, eight bytes, and so many bytes. Whoever is at the other end is not believed: a deadline holds
for the whole message, not for its first byte, and a length that no message has is refused before anything is reserved.
"""

import socket
import struct
import time

LENGTH = struct.Struct("<Q")
#: Bytes of the largest message.
LARGEST = 1 << 31


class Closed(ConnectionError):
    """The other end is gone, perhaps in the middle of a message."""


class Late(TimeoutError):
    """The deadline passed before the message was there, or taken, in full."""


class Malformed(ValueError):
    """What came is no message."""


class Channel:
    """One end."""

    def __init__(self, end: socket.socket) -> None:
        """Takes the socket over."""
        self._socket = end

    def send(self, message: bytes, seconds: float | None = None) -> None:
        """All of it, within so many seconds. Raises Closed, Late."""
        deadline = _deadline(seconds)
        for part in (LENGTH.pack(len(message)), message):
            rest = memoryview(part)
            while rest:
                try:
                    self._wait(deadline)
                    rest = rest[self._socket.send(rest) :]
                except TimeoutError as error:
                    raise Late from error
                except OSError as error:
                    raise Closed(str(error)) from error

    def receive(self, seconds: float | None = None) -> bytearray:
        """The next message, all of it within so many seconds. Raises Closed, Late, Malformed."""
        deadline = _deadline(seconds)
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        if length > LARGEST:
            raise Malformed(f"a message of {length} bytes was announced, the largest has {LARGEST}")
        return self._read(length, deadline)

    def _read(self, length: int, deadline: float | None) -> bytearray:
        found = bytearray(length)
        rest = memoryview(found)
        while rest:
            try:
                self._wait(deadline)
                count = self._socket.recv_into(rest)
            except TimeoutError as error:
                raise Late from error
            except OSError as error:
                raise Closed(str(error)) from error
            if not count:
                raise Closed("the other end was closed")
            rest = rest[count:]
        return found

    def _wait(self, deadline: float | None) -> None:
        """The next call may take what is left, and at least look once."""
        self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-3))

    @property
    def closed(self) -> bool:
        """Whether this end was closed."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds
