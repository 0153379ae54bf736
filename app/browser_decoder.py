"""The decoder for browsers beside the page: sliders that a visitor's own browser draws.

``make web`` lays it out; where that was not run, nothing of it is offered, and the server draws.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from app.theme import STATIC

FOLDER = Path(__file__).resolve().parents[1] / "build" / "web"
PATH = "/browser"
"""Where its files are served, as they are laid out."""
_UNNEEDED = ("image.onnx",)
"""Pictures of 1024 pixels are the server's: small ones follow a slider."""
_RUNTIME = "ort-wasm-simd-threaded.wasm"

Message = MutableMapping[str, Any]


def laid_out(folder: Path | None = None) -> bool:
    """Whether the decoder is there."""
    folder = folder or FOLDER
    return all((folder / part / "manifest.json").is_file() for part in ("models", "ort"))


def download_bytes(folder: Path | None = None) -> int:
    """What a browser fetches once, before it draws."""
    folder = folder or FOLDER
    sizes = [
        told["packed"]["bytes"]
        for part, names in (("models", None), ("ort", (_RUNTIME,)))
        for name, told in json.loads((folder / part / "manifest.json").read_text(encoding="utf-8"))["files"].items()
        if name not in _UNNEEDED and (names is None or name in names)
    ]
    return sum(sizes)


def head() -> str:
    """The script of the page that lets the browser draw; nothing where there is no decoder."""
    if not laid_out():
        return ""
    return f'<script type="module">{(STATIC / "in_browser.js").read_text(encoding="utf-8")}</script>'


def switch() -> gr.HTML:
    """Lets a visitor choose who draws while a slider moves; hidden where there is no decoder."""
    there = laid_out()
    megabytes = round(download_bytes() / 1e6) if there else 0
    return gr.HTML(
        f'<label class="in-browser" data-bytes="{megabytes * 1_000_000}" hidden><input type="checkbox" id="in-browser">'
        f" This browser draws while sliders move <span>{megabytes} MB, once</span></label>",
        apply_default_css=False,
        js_on_load=None,
        visible=there,
        elem_id="in-browser-switch",
    )


def code_button() -> gr.Button:
    """Shows a QR code of the page's address, which holds the face; hidden where there is no decoder."""
    return gr.Button("QR code", size="sm", elem_id="show-code", min_width=70, visible=laid_out())


class BrowserFiles:
    """ASGI middleware that serves the decoder's files under :data:`PATH`.

    Args:
        app: serves everything else.
        folder: that ``make web`` laid out.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], folder: Path | None = None) -> None:
        self._app, self._folder = app, folder or FOLDER
        self._files = StaticFiles(directory=self._folder, html=True) if laid_out(self._folder) else None

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
        if self._files is None or not path.startswith(f"{PATH}/"):
            await self._app(scope, receive, send)
            return
        own = {**scope, "path": path[len(PATH) :], "root_path": ""}
        try:
            await self._files(own, receive, _told(send))
        except HTTPException as error:
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)


def _told(send: Callable) -> Callable:
    """Sends answers with a header of their own: that they are asked after before they are used."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"cache-control", b"no-cache")]}
        await send(message)

    return told
