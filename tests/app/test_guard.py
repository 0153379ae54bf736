"""Hostile visitors against the running app, with limits that are small enough for a test."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from app import hosts, launch
from app.guard import Uploads, security_headers, sweep_unfinished
from app.limits import LIMITS
from tests import hostile

T = TypeVar("T")
ROOT = str(Path(__file__).resolve().parents[2])
SMALL = replace(
    LIMITS,
    header_seconds=1.5,
    idle_seconds=1.5,
    body_seconds=3,
    uploads_each=3,
    kept_bytes=3_000_000,
    events=12,
    events_session=3,
    listen_seconds=4,
)


@pytest.fixture(scope="module")
def guarded(studio, tmp_path_factory) -> Iterator[str]:
    """Address of an app with small limits."""
    folder = tmp_path_factory.mktemp("guarded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        demo = launch.start(studio, SMALL, prevent_thread_lock=True, quiet=True)
        demo.folder = folder
        yield demo
        demo.close()
    shutil.rmtree(folder, ignore_errors=True)


def address(demo) -> tuple[str, int]:
    parsed = urllib.parse.urlparse(demo.local_url)
    return parsed.hostname, parsed.port


def request(demo, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection(*address(demo), timeout=60)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
        connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def upload(demo, *files: bytes) -> tuple[int, dict, bytes]:
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="%d.png"\r\n\r\n' % index + data + b"\r\n"
        for index, data in enumerate(files)
    )
    kind = "multipart/form-data; boundary=x"
    return request(demo, "POST", "/gradio_api/upload", body + b"--x--\r\n", Content_Type=kind)


def post(demo, path: str, body: dict) -> tuple[int, dict, bytes]:
    return request(demo, "POST", path, json.dumps(body).encode(), Content_Type="application/json")


def half_an_upload(demo) -> socket.socket:
    """An upload that says how long it is and then stops."""
    connection = socket.create_connection(address(demo), timeout=30)
    head = 'POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary="x"\r\n'
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nbeginning'
    connection.sendall(f"{head}Content-Length: 5000\r\n\r\n{part}".encode())
    return connection


def test_unfinished_uploads_are_limited_time_out_and_leave_nothing(guarded) -> None:
    begun = [half_an_upload(guarded) for _ in range(SMALL.uploads_each)]
    time.sleep(0.5)
    status, _, body = upload(guarded, b"one more")
    assert status == 429 and b"3 files are on their way" in body
    assert request(guarded, "GET", "/")[0] == 200
    for connection in begun:
        assert b" 408 " in connection.recv(200)
        connection.close()
    assert upload(guarded, b"one more")[0] == 200
    time.sleep(0.2)
    sweep_unfinished(0.1, guarded.folder)
    assert not [path for path in guarded.folder.iterdir() if path.is_file()]


def test_silent_connections_are_closed(guarded) -> None:
    silent = [socket.create_connection(address(guarded), timeout=30) for _ in range(20)]
    slow = socket.create_connection(address(guarded), timeout=30)
    slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    start = time.monotonic()
    for connection in [*silent, slow]:
        try:
            assert connection.recv(100) == b""
        except ConnectionResetError:
            pass
        connection.close()
    assert time.monotonic() - start < 20
    assert request(guarded, "GET", "/")[0] == 200


def test_a_request_may_have_one_upload_of_20_megabytes(guarded) -> None:
    status, _, body = upload(guarded, *[bytes(19_000_000)] * 2)
    assert status == 413 and b"A request may have 20 MB" in body
    head = "POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection(address(guarded), timeout=30)
    connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    try:
        for _ in range(100):
            connection.sendall(b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n")
        answer = connection.recv(500)
    except (ConnectionResetError, BrokenPipeError):
        answer = b" 413 "
    assert b" 413 " in answer or b" 400 " in answer
    connection.close()


def test_uploads_of_a_visitor_push_out_older_ones(guarded) -> None:
    paths = []
    for index in range(4):
        status, _, body = upload(guarded, bytes([index]) * 1_000_000)
        assert status == 200
        paths += json.loads(body)
    assert [Path(path).exists() for path in paths] == [False, True, True, True]


def test_a_file_of_two_visitors_stays_for_the_other(tmp_path: Path) -> None:
    uploads = Uploads(replace(LIMITS, kept_bytes=10))
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.write_bytes(b"x" * 8)
    own.write_bytes(b"y" * 8)
    uploads.keep("a", [str(shared)])
    uploads.keep("b", [str(shared)])
    uploads.keep("a", [str(own)])
    assert shared.exists() and own.exists()


def test_every_answer_has_the_headers_and_hosted_spaces_may_embed_the_page(guarded) -> None:
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/file=nothing", "/nothing"):
        _, headers, _ = request(guarded, "GET", path)
        assert headers["x-content-type-options"] == "nosniff", path
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'self' https://*.hf.space https://huggingface.co" in policy
        assert "default-src 'self'" in policy and "object-src 'none'" in policy
    assert b"cdnjs" in dict(security_headers(hosted=True))[b"content-security-policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 400), ("localhost.evil.example", 400), ("localhost:7860", 200), ("127.0.0.1", 200)],
)
def test_the_app_answers_to_its_own_names(guarded, host: str, status: int) -> None:
    assert request(guarded, "GET", "/", Host=host)[0] == status


def test_names_can_be_allowed(monkeypatch) -> None:
    monkeypatch.setenv(hosts.SETTING, "faces.example.org, *.lab.example")
    monkeypatch.setenv("SPACE_HOST", "me-hsc.hf.space")
    names = hosts.allowed_hosts(["extra.example"])
    for good in (
        "faces.example.org:443",
        "a.lab.example",
        "me-hsc.hf.space",
        "EXTRA.example",
        "[::1]:80",
        "10.1.2.3:7860",
    ):
        assert hosts.is_allowed(good, names), good
    for bad in ("", "example.org", "lab.example", "faces.example.org.evil", "me-hsc.hf.space.evil"):
        assert not hosts.is_allowed(bad, names), bad
    assert hosts.is_allowed("anything", hosts.allowed_hosts(["*"]))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/deep_link?session_hash=x"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/monitoring"),
    ],
)
def test_what_the_page_does_not_use_is_not_served(guarded, method: str, path: str) -> None:
    assert request(guarded, method, path, b"" if method == "POST" else None)[0] == 404


def test_no_folder_of_the_server_is_told(guarded) -> None:
    upload_folder = str(guarded.folder)
    said = [request(guarded, "GET", path)[2] for path in ("/", "/config", "/gradio_api/info", "/theme.css")]
    said += [
        request(guarded, "GET", f"/gradio_api/file={path}")[2]
        for path in ("/etc/passwd", f"{ROOT}/README.md", "app/page.py", f"{upload_folder}/x", "..%2f..%2fx", "%00")
    ]
    said += [post(guarded, "/gradio_api/call/decode", body)[2] for body in ({}, {"data": 3}, {"data": []})]
    said += [post(guarded, "/gradio_api/run/predict", {"data": [], "fn_index": index})[2] for index in range(-1, 60)]
    for path in ("/etc/passwd", f"{ROOT}/README.md", f"{upload_folder}/.hidden", "\0", "a" * 5000):
        for endpoint, rest in (("compress", [600, 0]), ("decode", [256, -1]), ("edit", [{}, 256])):
            body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, *rest]}
            status, _, answer = post(guarded, f"/gradio_api/call/{endpoint}", body)
            said.append(answer)
            if status == 200:
                said.append(listen(guarded, endpoint, json.loads(answer)["event_id"]))
    for text in said:
        assert ROOT.encode() not in text and b"site-packages" not in text and b"Traceback" not in text
        assert upload_folder.encode() not in text or b"url" in text
        assert b"working directory" not in text


def run(awaited: Coroutine[Any, Any, T]) -> T:
    """What it gives, from a thread of its own: Playwright's event loop runs in that of the tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, awaited).result()


def listen(demo, endpoint: str, event: str) -> bytes:
    return request(demo, "GET", f"/gradio_api/call/{endpoint}/{event}")[2]


def test_calls_that_nobody_waits_for_are_dropped_and_others_run(guarded, face_file: Path, tmp_path: Path) -> None:
    path = json.loads(upload(guarded, face_file.read_bytes())[2])[0]
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, 700, 0]}
    queue, before = guarded._queue, guarded._queue.dropped
    answers = [post(guarded, "/gradio_api/call/compress", body) for _ in range(6)]
    assert [status for status, *_ in answers] == [200] * 6
    calls = {json.loads(answer)["event_id"] for *_, answer in answers}
    Client(guarded.local_url, verbose=False, download_files=tmp_path).predict(
        handle_file(str(Path(ROOT) / "assets" / "examples" / "fair-hair.hsc")), 256, -1, api_name="/decode"
    )
    start = time.monotonic()
    while calls & queue.event_ids_to_events.keys() and time.monotonic() < start + 120:
        time.sleep(0.1)
    assert not calls & queue.event_ids_to_events.keys() and queue.dropped >= before + 6
    assert not any(calls & waiting for waiting in queue.pending_event_ids_session.values())


def test_one_page_and_all_together_may_have_so_many_calls(guarded) -> None:
    index = next(fn._id for fn in guarded.fns.values() if fn.api_name == "decode")
    body = {"data": [None, 256, -1], "fn_index": index, "session_hash": "many"}
    answers = [post(guarded, "/gradio_api/queue/join", body) for _ in range(SMALL.events_session + 1)]
    assert [status for status, *_ in answers] == [200] * SMALL.events_session + [429]
    assert b"3 of your requests wait already, about" in answers[-1][2]
    answers = [
        post(guarded, "/gradio_api/queue/join", {**body, "session_hash": f"page {index}"})
        for index in range(SMALL.events)
    ]
    status, headers, body_said = answers[-1]
    assert status == 429 and int(headers["retry-after"]) and b"12 requests are before you, about" in body_said
    time.sleep(SMALL.listen_seconds + 0.2)
    assert post(guarded, "/gradio_api/queue/join", {**body, "session_hash": "later"})[0] == 200


def test_pages_that_do_nothing_take_nobodys_face(guarded) -> None:
    """Each with a session of its own, at the page's own endpoint."""
    sessions = next(fn.fn.__self__.sessions for fn in guarded.fns.values() if hasattr(fn.fn, "__self__"))
    victim = sessions.get("victim")
    file = victim.folder.data(b"face", "face.hsc")
    light = [fn._id for fn in guarded.fns.values() if not fn.queue and fn.fn is not None and not fn.inputs]
    for index in range(2 * LIMITS.sessions):
        body = {"data": [], "fn_index": light[index % len(light)], "session_hash": f"nobody {index}"}
        post(guarded, "/gradio_api/run/predict", body)
    assert file.exists() and sessions.get("victim") is victim
    assert len(sessions) <= LIMITS.sessions


def test_calls_that_no_page_makes_are_one_sentence_and_no_traceback(caplog) -> None:
    import gradio as gr

    async def process() -> None:
        raise IndexError("function has no backend method in /usr/lib/secret/blocks.py.\nMore of it.")

    with pytest.raises(gr.Error, match="^'Function has no backend method in blocks.py.'$") as refused:
        run(launch.in_one_sentence(process)())
    assert not refused.value.print_exception
    assert "A call was refused: IndexError" in caplog.text and "Traceback" not in caplog.text


def test_a_burden_sent_to_an_endpoint_is_one_sentence_and_others_are_served(guarded, tmp_path: Path) -> None:
    client = Client(guarded.local_url, verbose=False, download_files=tmp_path)
    for name, data in {
        "tile.tif": hostile.tiff_with_a_vast_tile(),
        "scans.jpg": hostile.jpeg_with_scans(1500),
        "thin.png": hostile.png(1, 39_000_000),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Exception, match="^The picture (has|is)"):
            client.predict(handle_file(str(tmp_path / name)), 600, 0, api_name="/compress")


def test_the_last_upload_of_a_page_is_still_shown(guarded, face_file: Path) -> None:
    with Image.open(face_file) as image:
        image.resize((64, 64)).save(guarded.folder / "small.png")
    status, _, body = upload(guarded, (guarded.folder / "small.png").read_bytes())
    assert status == 200 and threading.active_count() < 200
    path = json.loads(body)[0]
    assert request(guarded, "GET", f"/gradio_api/file={urllib.parse.quote(path)}")[0] == 200


@pytest.mark.parametrize("how", ["closed", "cut off"])
def test_what_a_visitor_sent_is_gone_when_the_page_is(guarded, how: str) -> None:
    """As the page promises."""
    import random

    from tests.soak.visitors import Record, Visit

    sessions = next(fn.fn.__self__.sessions for fn in guarded.fns.values() if hasattr(fn.fn, "__self__"))

    async def visit() -> tuple[str, Path]:
        async with Visit(guarded.local_url, Record(), random.Random(how), "127.0.0.1") as page:
            assert await page.start(), page.record
            session = sessions._sessions[page.session]
            assert session.has_content and list(session.folder.path.rglob("*.png"))
            if how == "cut off":  # while something is under way
                task = asyncio.create_task(page.slide())
                await asyncio.sleep(0.3)
                task.cancel()
            return page.session, session.folder.path

    key, folder = run(visit())
    deadline = time.monotonic() + 60
    while (folder.exists() or key in sessions._sessions) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists() and key not in sessions._sessions
