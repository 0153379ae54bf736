"""People and programs at the page: what their browsers send, over HTTP, as quickly as people do."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests import hostile

FACE = Path(__file__).resolve().parents[2] / "assets" / "examples" / "fair-hair.jpg"
FILE = FACE.with_suffix(".hsc")
LOST = ("idle for too long", "visit is over", "reload the page")
"""What the page says to somebody whose face is gone."""
_PATIENCE = httpx.Timeout(180, connect=30)


@dataclass
class Record:
    """What came of everything, by kind: seconds, and what was said."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def took(self, what: str, seconds: float) -> None:
        """One more that went well."""
        self.seconds.setdefault(what, []).append(seconds)


class Visit:
    """One open page, with its session and the connection that says that it is open.

    Args:
        url: of the server, with a slash at the end.
        record: where things are written down.
        rng: decides what the visitor does.
        address: of the visitor's machine.
    """

    def __init__(self, url: str, record: Record, rng: random.Random, address: str) -> None:
        self._url, self.record, self.rng = url, record, rng
        self.session = f"{rng.getrandbits(60):x}"
        self._client = _client(url, address)
        self._events: dict[str, dict] = {}
        self._open: asyncio.Task | None = None

    async def __aenter__(self) -> Visit:
        text = (await self._client.get("/")).text
        config, _ = json.JSONDecoder().raw_decode(text, text.index("{", text.index("window.gradio_config")))
        for dependency in config["dependencies"]:
            self._events.setdefault(dependency["api_name"], dependency)
        self._open = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await self._open
        await self._client.aclose()

    async def _stay(self) -> None:
        async with self._client.stream("GET", f"gradio_api/heartbeat/{self.session}") as answer:
            async for _ in answer.aiter_raw():
                pass

    def inputs(self, event: str) -> int:
        """How many values an event takes."""
        return len(self._events[event]["inputs"])

    async def event(self, name: str, data: list[Any], what: str | None = None) -> bool:
        """Something happens on the page; whether it went well."""
        begun = time.monotonic()
        body = {"data": data, "fn_index": self._events[name]["id"], "session_hash": self.session, "event_data": None}
        joined = await self._client.post("gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            self.record.refused[f"{joined.status_code}: {joined.json().get('detail', '')}"] += 1
            return False
        wanted, good = joined.json()["event_id"], True
        async for message in self._messages():
            if message.get("event_id") not in (wanted, None):
                continue
            if message["msg"] == "log" and message.get("level") == "warning":
                good = False
                said = message.get("log", "")
                self.record.lost += any(words in said for words in LOST)
                self.record.refused[said] += 1
            if message["msg"] == "process_completed":
                good = good and message["success"]
                if not message["success"]:
                    self.record.failed[f"{name}: {message['output'].get('error')}"] += 1
                break
        if good:
            self.record.took(what or name, time.monotonic() - begun)
        return good

    async def _messages(self) -> AsyncIterator[dict]:
        address = f"gradio_api/queue/data?session_hash={self.session}"
        async with self._client.stream("GET", address) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    async def upload(self, data: bytes, name: str) -> str:
        """Where the server keeps a file that was sent."""
        answer = await self._client.post("gradio_api/upload", files={"files": (name, data)})
        answer.raise_for_status()
        return answer.json()[0]

    async def start(self) -> bool:
        """The page shows its first example."""
        return await self.event("start", [{"value": 800}, {}][: self.inputs("start")], "first picture")

    async def slide(self) -> None:
        """A slider moves to and fro, and is let go."""
        count, target = self.inputs("edit_preview"), self.rng.uniform(-1, 1)
        for step in range(1, 7):
            strengths = [{"value": 0.0}] * count
            strengths[0] = {"value": round(target * step / 6, 3)}
            await self.event("edit_preview", strengths, "preview")
        await self.event("edit_1", strengths, "large picture")

    async def encode(self) -> None:
        """A photo is chosen, that nobody has compressed before."""
        with Image.open(FACE) as image:
            width, height = image.size
            box = (self.rng.randrange(9), self.rng.randrange(9), width - self.rng.randrange(9), height)
            buffer = io.BytesIO()
            image.crop(box).save(buffer, "JPEG", quality=90 + self.rng.randrange(9))
        path = await self.upload(buffer.getvalue(), "me.jpg")
        photo = {"path": path, "orig_name": "me.jpg", "meta": {"_type": "gradio.FileData"}}
        await self.event("open_upload", [photo, {"value": 800}], "encode")


def _client(url: str, address: str) -> httpx.AsyncClient:
    """Connections to the server from an address of one's own, as people have; this machine has all of 127/8."""
    return httpx.AsyncClient(base_url=url, timeout=_PATIENCE, transport=httpx.AsyncHTTPTransport(local_address=address))


async def person(url: str, record: Record, kind: str, seed: int, until: float, address: str) -> None:
    """Somebody who slides, encodes, or comes and goes, until time is up."""
    rng = random.Random(seed)
    await asyncio.sleep(rng.uniform(0, min(10.0, until - time.monotonic())))
    while time.monotonic() < until:
        try:
            async with Visit(url, record, rng, address) as visit:
                if kind == "leaves":
                    task = asyncio.create_task(visit.encode() if rng.random() < 0.5 else visit.start())
                    await asyncio.sleep(rng.uniform(0.2, 6))
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                        await task
                    continue
                while not await visit.start() and time.monotonic() < until:
                    await asyncio.sleep(5)
                while time.monotonic() < until:
                    await asyncio.sleep(rng.uniform(3, 9) if kind == "slides" else rng.uniform(10, 30))
                    await (visit.slide() if kind == "slides" else visit.encode())
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            record.failed[f"{kind}: {type(error).__name__}"] += 1
            await asyncio.sleep(2)


async def attacker(url: str, record: Record, kind: str, seed: int, until: float, address: str) -> None:
    """One of the attacks, over and over."""
    rng = random.Random(seed)
    attack = {"scans": _scans, "sessions": _sessions, "uploads": _uploads, "calls": _calls, "tile": _tile}[kind]
    while time.monotonic() < until:
        try:
            async with _client(url, address) as client:
                await attack(client, record, rng, address)
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            record.failed[f"attack {kind}: {type(error).__name__}"] += 1
        await asyncio.sleep(0.2)


async def _sent(client: httpx.AsyncClient, record: Record, data: bytes) -> dict | None:
    answer = await client.post("gradio_api/upload", files={"files": ("x", data)})
    if answer.status_code != 200:
        record.refused[f"attack: {answer.status_code}"] += 1
        return None
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


async def _compressed(client: httpx.AsyncClient, record: Record, data: bytes) -> None:
    sent = await _sent(client, record, data)
    if sent is None:
        return
    joined = await client.post("gradio_api/call/compress", json={"data": [sent, 800, 0]})
    if joined.status_code == 200:
        await client.get(f"gradio_api/call/compress/{joined.json()['event_id']}")
    else:
        record.refused[f"attack: {joined.status_code}"] += 1


async def _scans(client: httpx.AsyncClient, record: Record, rng: random.Random, _: str) -> None:
    # Below the number of scans that is refused at once, and as large as that may be.
    await _compressed(client, record, _SCANS if rng.random() < 0.5 else hostile.jpeg_with_scans(1500))


async def _tile(client: httpx.AsyncClient, record: Record, rng: random.Random, _: str) -> None:
    data = hostile.tiff_with_a_vast_tile() if rng.random() < 0.5 else hostile.ppm_in_words(2500)
    await _compressed(client, record, data)


async def _sessions(client: httpx.AsyncClient, record: Record, rng: random.Random, _: str) -> None:
    config = (await client.get("config")).json()
    events = [event["id"] for event in config["dependencies"] if not event["queue"] and not event["inputs"]]
    for _ in range(64):
        body = {"data": [], "fn_index": rng.choice(events), "session_hash": f"{rng.getrandbits(60):x}"}
        answer = await client.post("gradio_api/run/predict", json=body)
        record.refused[f"attack: {answer.status_code}"] += answer.status_code >= 400


async def _uploads(client: httpx.AsyncClient, record: Record, rng: random.Random, address: str) -> None:
    host, port = client.base_url.host, client.base_url.port
    head = "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nbeginning'
    writers = []
    for _ in range(104):
        _, writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
        writer.write(f"{head}Content-Length: 9000000\r\n\r\n{part}".encode())
        writers.append(writer)
    await asyncio.sleep(rng.uniform(5, 15))
    for writer in writers:
        writer.close()


async def _calls(client: httpx.AsyncClient, record: Record, rng: random.Random, _: str) -> None:
    sent = await _sent(client, record, FACE.read_bytes())
    for _ in range(24 if sent else 0):
        joined = await client.post("gradio_api/call/compress", json={"data": [sent, rng.randrange(300, 2000), 0]})
        record.refused[f"attack: {joined.status_code}"] += joined.status_code != 200
    await asyncio.sleep(5)


_SCANS = hostile.jpeg_with_scans(45, 3000)
