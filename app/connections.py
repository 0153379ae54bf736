"""Open connections, bounded: whoever says nothing, or says it too slowly, makes room for others.

uvicorn waits for the headers of a request for ever and takes any number of connections, so that a few hundred silent
ones use up the descriptors of the process, and with them the page.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from typing import Any

from app.limits import Limits

_RESERVE = 256
"""Descriptors for files, pipes and libraries."""


def allow_descriptors() -> int:
    """Raise this process's soft limit of open files to its hard one, at most 65,536; the limit that holds then."""
    try:
        import resource
    except ImportError:  # Windows has no such limit for sockets
        return 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        except (OSError, ValueError):
            pass
    return soft


class Connections:
    """Those that are open.

    Args:
        limits: ``header_seconds`` and ``connections_each``.
        descriptors: that this process may open.
    """

    def __init__(self, limits: Limits, descriptors: int) -> None:
        self.limits = limits
        self.most = max(64, descriptors - _RESERVE) if descriptors <= 2048 else descriptors // 2
        self._open: dict[Any, None] = {}  # in the order in which they came
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Any, address: str) -> None:
        """Count one; where there are too many, another one is closed for it, or it itself."""
        self._open[connection] = None
        self._of_address[address] += 1
        allowed = self.most // 2 if _is_local(address) else self.limits.connections_each
        if self._of_address[address] > allowed:
            _make_room([other for other in self._open if other.address == address])
        elif len(self._open) > self.most:
            _make_room(list(self._open))

    def closed(self, connection: Any, address: str) -> None:
        """Count one less."""
        if connection in self._open:
            del self._open[connection]
            self._of_address[address] -= 1
            if self._of_address[address] <= 0:
                del self._of_address[address]


def guarded(protocol: type[Any], connections: Connections) -> type[Any]:
    """uvicorn's HTTP protocol with bounds; set as ``http_protocol_class`` of a server's configuration.

    Args:
        protocol: uvicorn's ``H11Protocol`` or ``HttpToolsProtocol``.
        connections: keeps count.
    """

    class GuardedProtocol(protocol):
        """One connection, with a deadline for its headers."""

        _deadline: asyncio.TimerHandle | None = None
        address = ""

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.address = str(self.client[0]) if self.client else ""
            self._await_headers()
            connections.opened(self, self.address)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.at_work:
                self._forget_deadline()
            elif self._deadline is None and not self.transport.is_closing():
                self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget_deadline()
            connections.closed(self, self.address)
            super().connection_lost(exc)

        @property
        def at_work(self) -> bool:
            """Whether a request was understood and is not answered yet."""
            return self.cycle is not None and not self.cycle.response_complete

        def _await_headers(self) -> None:
            self._deadline = self.loop.call_later(connections.limits.header_seconds, self._give_up)

        def _forget_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            if not self.at_work:
                self.transport.abort()

    return GuardedProtocol


def _make_room(connections: list[Any]) -> None:
    """Close the oldest connection that has no request, or else the newest one."""
    waiting = next((connection for connection in connections if not connection.at_work), connections[-1])
    waiting.transport.abort()


def _is_local(address: str) -> bool:
    """Whether an address is this machine's: a proxy in front of the app, which speaks for many visitors."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a socket without an address
        return True
