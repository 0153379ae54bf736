"""What other sites show of a link to the page: one title, one description and one picture, all of them ours.

Gradio's page says these of itself, and twice; its head is rewritten as it leaves, so that programs that read the first
bytes of a page and run none of its scripts see nothing else.
"""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, MutableMapping
from typing import Any

from app import languages
from hsc import paths

TITLE = "HSC Studio: a face in a few hundred bytes"
DESCRIPTION = (
    "Compress a photo of a face to a few hundred bytes, watch it arrive layer by layer, and slide a smile, glasses or "
    "makeup over the compressed file itself. Restored and edited faces are synthetic."
)
PICTURE = paths.assets() / "screenshots" / "thumbnail.jpg"
"""1200 x 630, of generated faces."""
PATH = "/link-preview.jpg"
_ALT = "The page: a generated face, half of it restored from 799 bytes"
_FOREIGN = re.compile(
    r"<meta\s+(?:property|name)=\"(?:og:|twitter:|description\")[^>]*>\s*|<title>.*?</title>\s*", re.DOTALL
)
_SEEN_FROM = re.compile(rb"host|forwarded|x-forwarded-(?:host|proto|port|prefix)|x-gradio-.*|authorization|cookie")
"""Headers that say from where the page is seen, and by whom."""
_PAGES = 16
"""Pages that are remembered, half a megabyte each."""
_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?")

Message = MutableMapping[str, Any]


class LinkPreview:
    """ASGI middleware.

    Args:
        app: serves everything else.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._pages: OrderedDict[Hashable, tuple[Message, bytes]] = OrderedDict()

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        elif scope["path"].removeprefix(scope.get("root_path", "")) == PATH:
            await _picture(send, scope["method"] == "HEAD")
        elif scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/"):
            await self._page(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Message, receive: Callable, send: Callable) -> None:
        """The page, with our head; it is sent as a whole, and made once for all who ask for it in the same way."""
        key = _asked(scope)
        if key in self._pages:
            await _send_whole(send, *self._pages[key])
            return
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if not _is_html(start.get("headers", ())):
                if start and "sent" not in start:
                    start["sent"] = True
                    await send({key: value for key, value in start.items() if key != "sent"})
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = b"".join(parts)
            if scope["method"] == "GET":
                language = _language(scope)
                body = languages.page(rewritten(body.decode("utf-8"), _root(scope), language), language).encode()
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            if scope["method"] == "GET":
                headers += [(b"content-length", str(len(body)).encode()), (b"vary", b"accept-language")]
            start["headers"] = headers
            if key is not None and start["status"] == 200 and not any(name == b"set-cookie" for name, _ in headers):
                self._pages[key] = start, body
                while len(self._pages) > _PAGES:
                    self._pages.popitem(last=False)
            await _send_whole(send, start, body)

        await self._app(scope, receive, collect)


def rewritten(page: str, root: str, language: str = languages.ENGLISH) -> str:
    """A page with nothing but our own title, description and picture in its head.

    Args:
        page: HTML.
        root: address of the page without a slash at its end; "" where it is not known: then there is no picture.
        language: of the title and the description.
    """
    head, end, rest = page.partition("</head>")
    if not end:
        return page
    head = _FOREIGN.sub("", head)
    opening = re.search(r"<meta charset=[^>]*>|<head[^>]*>", head)
    place = opening.end() if opening else 0
    return head[:place] + "\n" + "\n".join(tags(root, language)) + head[place:] + end + rest


def tags(root: str, language: str = languages.ENGLISH) -> list[str]:
    """The elements of the head."""
    translate = languages.translator_of(language).text
    title, description, alt = (html.escape(translate(text)) for text in (TITLE, DESCRIPTION, _ALT))
    found = [
        f"<title>{title}</title>",
        f'<meta name="description" content="{description}">',
        f'<meta property="og:title" content="{title}">',
        f'<meta property="og:description" content="{description}">',
        '<meta property="og:type" content="website">',
        '<meta property="og:site_name" content="HSC Studio">',
        '<meta name="twitter:card" content="summary_large_image">',
    ]
    if root:
        found += [
            f'<meta property="og:url" content="{html.escape(root)}/">',
            f'<meta property="og:image" content="{html.escape(root + PATH)}">',
            '<meta property="og:image:width" content="1200">',
            '<meta property="og:image:height" content="630">',
            f'<meta property="og:image:alt" content="{alt}">',
        ]
    return found


def _language(scope: Message) -> str:
    """The language that the page is asked for in."""
    accepted = next((value for name, value in scope["headers"] if name.lower() == b"accept-language"), b"")
    return languages.wanted(scope.get("query_string", b"").decode("latin-1"), accepted.decode("latin-1"))


def _asked(scope: Message) -> Hashable | None:
    """All that the page depends on; None where it is no visitor's usual request."""
    if scope["method"] != "GET" or b"deep_link" in scope.get("query_string", b""):
        return None
    proxies = tuple(sorted((name, value) for name, value in scope["headers"] if _SEEN_FROM.fullmatch(name.lower())))
    return scope.get("scheme"), scope.get("root_path"), scope["path"], proxies, _language(scope)


def _root(scope: Message) -> str:
    """Where the page is seen from outside, by what proxies say; "" where that is no address."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = (headers.get("x-forwarded-host") or headers.get("host", "")).split(",")[0].strip()
    scheme = (headers.get("x-forwarded-proto") or scope.get("scheme", "http")).split(",")[0].strip()
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return ""
    return f"{scheme}://{host}{scope.get('root_path', '').rstrip('/')}"


def _is_html(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)


async def _send_whole(send: Callable, start: Message, body: bytes) -> None:
    # A copy: whoever hands it on adds headers in their place, some for this visitor alone.
    await send({**start, "headers": list(start["headers"])})
    await send({"type": "http.response.body", "body": body})


async def _picture(send: Callable, head: bool) -> None:
    try:
        body, status = PICTURE.read_bytes(), 200
    except OSError:
        body, status = b"", 404
    headers = [(b"content-type", b"image/jpeg"), (b"content-length", str(len(body)).encode())]
    headers.append((b"cache-control", b"public, max-age=86400"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
