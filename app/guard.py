"""What stands between the network and Gradio: hosts, headers, bodies, uploads, and what errors tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect

from app import hosts, messages
from app.limits import LIMITS, Limits

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_EMBEDDERS = "https://*.hf.space https://huggingface.co https://*.huggingface.co"
"""Pages that may show the app in a frame: those of hosted Spaces."""
_RESIZER = "https://cdnjs.cloudflare.com"
"""Gradio's page loads one script from there where a hosted Space is embedded, which fits the frame to the page."""
_POLICY = {
    "default-src": "'self'",
    # Gradio's page evaluates handlers that the server sent it, and begins with inline scripts.
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": f"'self' {_EMBEDDERS}",
}
_UNUSED = (
    "/deep_link", "/proxy=", "/process_recording", "/component_server", "/vibe-", "/undo-vibe", "/vibe_", "/dev/",
    "/run-history", "/runs", "/monitoring", "/profiling", "/custom_component", "/stream/", "/openapi.json",
)  # fmt: skip
"""Parts of Gradio that this page has no use for: some write files, fetch addresses or tell of the server."""
_SMALL = 1 << 16


def security_headers(hosted: bool | None = None) -> list[tuple[bytes, bytes]]:
    """Headers of every answer.

    Args:
        hosted: whether this is a hosted Space; by default as its environment says.
    """
    hosted = bool(os.environ.get("SPACE_ID")) if hosted is None else hosted
    policy = dict(_POLICY)
    if hosted:
        policy["script-src"] += f" {_RESIZER}"
    return [
        (b"content-security-policy", "; ".join(f"{key} {value}" for key, value in policy.items()).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"permissions-policy", b"geolocation=(), microphone=(), payment=(), usb=(), camera=(self)"),
        (b"cross-origin-opener-policy", b"same-origin-allow-popups"),
    ]


class Listeners:
    """Who waits for the answer to a call: pages by their session, programs by the call itself."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.last: OrderedDict[str, float] = OrderedDict()

    def enter(self, key: str) -> None:
        """Somebody begins to listen."""
        self._counts[key] += 1

    def leave(self, key: str) -> None:
        """And goes."""
        self._counts[key] -= 1
        if self._counts[key] <= 0:
            del self._counts[key]

    def __contains__(self, key: object) -> bool:
        return self._counts.get(key, 0) > 0


class Uploads:
    """Uploads that arrive, and those that are kept.

    Args:
        limits: see there.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arriving: Counter[str] = Counter()
        self._owners: OrderedDict[str, set[str]] = OrderedDict()  # by path, the newest last
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, address: str) -> str | None:
        """Count one more; or say why it cannot be."""
        if self._arriving[address] >= self._limits.uploads_each:
            return f"{self._limits.uploads_each} files are on their way from your address; please wait for one of them."
        if self._arriving.total() >= self._limits.uploads:
            return "Many visitors send files right now; please try again in a minute."
        self._arriving[address] += 1
        return None

    def end(self, address: str) -> None:
        """One has arrived, or was given up."""
        self._arriving[address] -= 1
        if self._arriving[address] <= 0:
            del self._arriving[address]

    def keep(self, address: str, paths: Iterable[str]) -> None:
        """Remember whose files these are, and delete the oldest of those who have too many."""
        with self._lock:  # several arrive at once
            for path in paths:
                try:
                    self._sizes[path] = os.stat(path).st_size
                except OSError:
                    continue
                # The store goes by content: a file may be several visitors'.
                self._owners.setdefault(path, set()).add(address)
                self._owners.move_to_end(path)
            for path in [path for path in self._owners if not os.path.exists(path)]:
                self._forget(path)
            mine = sum(self._sizes[path] for path, owners in self._owners.items() if address in owners)
            whole = sum(self._sizes.values())
            for path, owners in list(self._owners.items())[:-1]:
                if mine > self._limits.kept_bytes and address in owners:
                    mine -= self._sizes[path]
                    owners.discard(address)
                elif whole <= self._limits.kept_bytes_in_all:
                    continue
                else:
                    owners.clear()
                if not owners:
                    whole -= self._sizes[path]
                    self._forget(path)
                    Path(path).unlink(missing_ok=True)

    def _forget(self, path: str) -> None:
        self._owners.pop(path, None)
        self._sizes.pop(path, None)


class Guard:
    """ASGI middleware, see the module.

    Args:
        app: what is guarded.
        limits: bounds.
        allowed: patterns of host names; ``*`` for any.
        listeners: is told who listens to which call.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        limits: Limits = LIMITS,
        allowed: Iterable[str] = ("*",),
        listeners: Listeners | None = None,
    ) -> None:
        self._app, self._limits, self._allowed = app, limits, tuple(allowed)
        self._listeners = listeners or Listeners()
        self._uploads = Uploads(limits)
        self._streams: Counter[str] = Counter()
        self._headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._decorated(send)
        headers = {key.lower(): value for key, value in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1")
        path, address = scope["path"].removeprefix(scope.get("root_path", "")), address_of(scope)
        if not hosts.is_allowed(host, self._allowed):
            await _refuse(send, 400, f"This server is not asked under this name; {hosts.SETTING} can allow it.")
        elif _is_unused(path):
            await _refuse(send, 404, "Not found.")
        elif scope["method"] in ("POST", "PUT", "PATCH"):
            await self._with_body(scope, receive, send, path, address, headers)
        elif (key := _listened(scope, path)) is not None:
            await self._stream(scope, receive, send, address, key)
        else:
            await self._app(scope, receive, send)

    async def _with_body(
        self, scope: Scope, receive: Receive, send: Send, path: str, address: str, headers: dict[bytes, bytes]
    ) -> None:
        upload = path.rstrip("/").endswith("/upload")
        most = self._limits.upload_bytes if upload else self._limits.body_bytes
        said = headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said) > most:
            await _refuse(send, 413, f"A request may have {most / 1e6:.0f} MB.")
            return
        receive = self._bounded(receive, most)
        if not upload:
            with contextlib.suppress(ClientDisconnect):
                await self._app(scope, receive, send)
            return
        busy = self._uploads.begin(address)
        if busy is not None:
            await _refuse(send, 429, busy)
            return
        answer = bytearray()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.body" and len(answer) < _SMALL:
                answer.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await asyncio.to_thread(self._uploads.keep, address, _paths(bytes(answer)))
            await send(message)

        try:
            with contextlib.suppress(ClientDisconnect):  # the log need not tell of each who leaves
                await self._app(scope, receive, watched)
        finally:
            self._uploads.end(address)
            if not _paths(bytes(answer)):  # what had arrived of it lies in a file that nobody knows
                loop = asyncio.get_running_loop()
                loop.call_later(self._limits.body_seconds + 5, sweep_unfinished, self._limits.body_seconds)

    def _bounded(self, receive: Receive, most: int) -> Receive:
        """A body that ends in time and in size, or breaks off."""
        from starlette.exceptions import HTTPException

        deadline, arrived, complete = time.monotonic() + self._limits.body_seconds, 0, False

        async def bounded() -> Message:
            nonlocal arrived, complete
            if complete:
                return await receive()
            left = min(self._limits.idle_seconds, deadline - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), max(0.01, left))
            except (TimeoutError, asyncio.TimeoutError):
                raise HTTPException(408, "The request took too long to arrive.", {"connection": "close"}) from None
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise HTTPException(413, f"A request may have {most / 1e6:.0f} MB.", {"connection": "close"})
            complete = not message.get("more_body", False)
            return message

        return bounded

    async def _stream(self, scope: Scope, receive: Receive, send: Send, address: str, key: str) -> None:
        if self._streams[address] >= self._limits.streams_each:
            await _refuse(send, 429, "Too many pages are open from your address.")
            return
        self._streams[address] += 1
        self._listeners.enter(key)
        try:
            await self._app(scope, receive, send)
        finally:
            self._listeners.leave(key)
            self._streams[address] -= 1
            if self._streams[address] <= 0:
                del self._streams[address]

    def _decorated(self, send: Send) -> Send:
        """Adds the headers to every answer, and takes the server's folders out of small refusals."""
        held: list[Message] = []

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {key.lower() for key, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((key, value) for key, value in self._headers if key not in names),
                ]
                if message["status"] >= 400:
                    held.append(message)  # its length depends on what is left of the body
                    return
            elif held and message["type"] == "http.response.body":
                held.append(message)
                if message.get("more_body") and sum(len(part.get("body", b"")) for part in held) < _SMALL:
                    return
                start, *parts = held
                held.clear()
                body = b"".join(part.get("body", b"") for part in parts)
                told = messages.without_folders(body.decode("utf-8", "replace")).encode() if _is_text(start) else body
                kept = [(key, value) for key, value in start["headers"] if key.lower() != b"content-length"]
                if not message.get("more_body"):
                    kept.append((b"content-length", str(len(told)).encode()))
                await send({**start, "headers": kept})
                message = {**message, "body": told}
            await send(message)

        return decorated


def address_of(scope: Scope) -> str:
    """The visitor's address, as the server in front of the app says it; "" where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def caller(request: Any) -> str:
    """The address of whoever a handler works for, from Gradio's request; "" where there is none."""
    client = getattr(request, "client", None)
    return str(getattr(client, "host", "") or "")


def sweep_unfinished(age: float, folder: Path | None = None) -> None:
    """Delete what is left of uploads that broke off: files directly in the upload folder, untouched for so long."""
    from gradio.utils import get_upload_folder

    folder = folder or Path(get_upload_folder())
    oldest = time.time() - age
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < oldest:
                os.unlink(entry.path)
        except OSError:
            continue


def _is_unused(path: str) -> bool:
    path = path.removeprefix("/gradio_api")
    return path.startswith(_UNUSED)


def _listened(scope: Scope, path: str) -> str | None:
    """The session or the call whose answers a request waits for; None for any other request."""
    if scope["method"] != "GET":
        return None
    if path.rstrip("/").endswith("/queue/data"):
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
    parts = path.strip("/").split("/")
    if "call" in parts and len(parts) >= 3:
        return parts[-1]
    return "heartbeat" if "heartbeat" in parts else None


def _paths(answer: bytes) -> list[str]:
    try:
        paths = json.loads(answer)
    except ValueError:
        return []
    return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []


def _is_text(start: Message) -> bool:
    kinds = [value for key, value in start["headers"] if key.lower() == b"content-type"]
    packed = any(key.lower() == b"content-encoding" for key, _ in start["headers"])
    return not packed and any(kind.startswith((b"text/", b"application/json")) for kind in kinds)


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
