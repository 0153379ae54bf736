"""What one visitor, and all of them together, may ask of the server: every bound, said once.

A visitor is told from others by address, and where many share one (behind a proxy that does not say for whom it asks,
see ``FORWARDED_ALLOW_IPS`` of uvicorn) by the page's session.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a server.

    Attributes:
        header_seconds: for a request's line and headers to arrive.
        idle_seconds: between two pieces of a body.
        body_seconds: for a body as a whole: 20 MB at 1.4 Mbit/s.
        upload_bytes: of one upload request, all its files and their frame together.
        body_bytes: of any other request.
        uploads: that may arrive at the same time, in all.
        uploads_each: the same from one address.
        kept_bytes: of one address's uploads that are kept until they are used or an hour has passed; newer ones push
            out older ones.
        kept_bytes_in_all: of all addresses' together.
        streams_each: answers that one address may be listening to.
        connections_each: open connections of one address; proxies on this machine may have half of all.
        events: calls that wait or run, in all.
        events_each: from one address.
        events_session: of one page, or of one call of a program.
        listen_seconds: a call that nobody has listened to for so long is dropped.
        sessions: visitors with a face.
        files_bytes: of one visitor's results on disk; newer ones push out older ones.
    """

    header_seconds: float = 10
    idle_seconds: float = 15
    body_seconds: float = 120
    upload_bytes: int = 20_100_000
    body_bytes: int = 2_000_000
    uploads: int = 48
    uploads_each: int = 8
    kept_bytes: int = 80_000_000
    kept_bytes_in_all: int = 2_000_000_000
    streams_each: int = 160
    connections_each: int = 192
    events: int = 160
    events_each: int = 96
    events_session: int = 12
    listen_seconds: float = 10
    sessions: int = 128
    files_bytes: int = 150_000_000


LIMITS = Limits()
"""Those of the app; tests take smaller ones."""
