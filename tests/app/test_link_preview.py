"""The page as it leaves: made once for all who ask for it in the same way, and nobody's headers are another's."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from app.link_preview import LinkPreview


def test_a_remembered_page_carries_no_headers_of_who_asked_before() -> None:
    made = []

    async def app(scope, receive, send) -> None:
        made.append(scope["query_string"])
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<html><head><title>Gradio</title></head></html>"})

    preview = LinkPreview(app)

    def ask(host: bytes, query: bytes = b"") -> list:
        sent: list = []

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                sent.append(list(message["headers"]))
                message["headers"].append((b"access-control-allow-origin", host))  # as who hands it on does
            else:
                sent.append(message["body"])

        scope = {
            "type": "http", "method": "GET", "path": "/", "query_string": query, "headers": [(b"host", host)],
        }  # fmt: skip
        with ThreadPoolExecutor(1) as pool:  # a browser's event loop may be in this thread
            pool.submit(asyncio.run, preview(scope, None, send)).result()
        return sent

    first = ask(b"localhost:7860")
    assert ask(b"localhost:7860", b"smile=0.5") == first and len(made) == 1
    assert ask(b"localhost:7861") != first and len(made) == 2  # it says where it is seen
    german = ask(b"localhost:7860", b"lang=de")
    assert b'lang="de"' in german[1] and ask(b"localhost:7860") == first and len(made) == 3
