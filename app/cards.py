"""Markup of everything on the page that is not a Gradio component: numbers, captions, faces, tables."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

from app.examples import Example
from app.plots import layer_colour
from hsc import metrics
from hsc.bitstream import HEADER_BYTES
from hsc.imaging.alignment import SIZE, Face
from hsc.semantics import Semantics

RAW_BYTES = SIZE * SIZE * 3
"""Bytes of the aligned crop as plain 8-bit RGB."""


def amount(size: float) -> str:
    """Bytes for people: ``798 bytes``, ``3.1 MB``."""
    if size < 10_000:
        return f"{size:,.0f} byte{'' if round(size) == 1 else 's'}"
    return f"{size / 1e3:,.0f} kB" if size < 1e6 else f"{size / 1e6:,.1f} MB"


def ratio(before: int, after: int) -> str:
    """How many times smaller, to two figures, as ``3,900``."""
    value = before / after
    digits = max(0, len(str(int(value))) - 2)
    return f"{round(value, -digits):,.0f}" if value >= 10 else f"{value:.1f}"


def numbers(size: int, received: int, semantics: Semantics, total_layers: int, upload_bytes: int) -> str:
    """The big figures, all of them of what was received: bytes, bits per pixel, ratios.

    Args:
        size: bytes of the whole file.
        received: bytes of it that the picture beside is made of.
        semantics: what these say.
        total_layers: of the whole file.
        upload_bytes: size of the visitor's own file, 0 where there is none.
    """
    layers = f"{len(semantics.layers)} of {total_layers} layers"
    if not received:
        part = "nothing at all: the mean of all faces" + (f", {amount(size)} to come" if size else "")
    elif received < size:
        part = f"received of {amount(size)}: {layers}"
    else:
        part = f"all of it received: {layers}"
    facts = [("bits per pixel", f"{metrics.bpp(received):.4f}")]
    if upload_bytes and received:
        facts.append(("smaller than your file", f"{ratio(upload_bytes, received)}×"))
    if received:
        facts.append(("smaller than the raw crop", f"{ratio(RAW_BYTES, received)}×"))
    cells = "".join(f"<div><dd>{value}</dd><dt>{escape(name)}</dt></div>" for name, value in facts)
    return (
        f'<div class="numbers"><p class="numbers-main"><strong>{received:,}</strong> bytes</p>'
        f'<p class="numbers-part">{part}</p><dl>{cells}</dl></div>'
    )


def progress(text: str = "", done: int = 0, total: int = 0) -> str:
    """What is being done, said once by screen readers, and a bar; without a text, nothing, but ready to say something.

    Args:
        text: what is being done.
        done, total: steps; the bar moves on its own where it is not known how many there are.
    """
    bar = ""
    if text:
        share = f' value="{done}" max="{total}"' if total else ""
        bar = f'<progress aria-hidden="true"{share}></progress>'
    return f'<div class="working"><p role="status">{escape(text)}</p>{bar}</div>'


def told(text: str) -> str:
    """What came of something, in the place of :func:`progress`: without a bar, for nothing is being done any more."""
    return f'<div class="working"><p role="status">{escape(text)}</p></div>'


def pending() -> str:
    """Stands where the numbers will be."""
    return '<div class="numbers pending" aria-hidden="true"><div class="skeleton skeleton-numbers"></div></div>'


def byte_map(data: bytes, semantics: Semantics, received: int) -> str:
    """The whole file as one picture: a cell for each byte, coloured by layer, faint until received."""
    if not data:
        return '<div class="bytemap bytemap-empty"><p>No bytes at all.</p></div>'
    columns = max(24, round((4.5 * len(data)) ** 0.5))
    rows = -(-len(data) // columns)
    cells = np.zeros((rows * columns, 4), np.uint8)
    ends = [min(HEADER_BYTES, len(data)), *(layer.end for layer in semantics.layers), len(data)]
    values = np.frombuffer(data, np.uint8)
    start = 0
    for index, end in enumerate(ends):
        colour = layer_colour(index if index <= len(semantics.layers) else 0)
        red, green, blue = (int(colour[1 + 2 * i : 3 + 2 * i], 16) for i in range(3))
        light = 0.55 + 0.45 * values[start:end] / 255
        cells[start:end, :3] = (light[:, None] * (red, green, blue)).astype(np.uint8)
        cells[start:end, 3] = 255
        start = max(start, end)
    cells[received : len(data), 3] = 40
    image = Image.fromarray(cells.reshape(rows, columns, 4))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure class="bytemap"><img src="{url}" width="{columns}" height="{rows}" alt="The'
        f' {len(data)} bytes of the file, one cell each, {received} of them received">'
        "<figcaption>This is the whole file, a cell for each byte."
        f'<ul class="legend">{_swatches()}</ul></figcaption></figure>'
    )


def _swatches() -> str:
    """What the colours of the byte map stand for."""
    kinds = {0: "header", 1: "meaning S", 2: "features F", 10: "finer features F", 14: "detail D"}
    return "".join(
        f'<li><i style="background:{layer_colour(index)}" aria-hidden="true"></i>{kind}</li>'
        for index, kind in kinds.items()
    )


def caption(left: str, right: str, description: str, stage: str, size: int | None = None) -> str:
    """What is on the two sides of a divider; carries the texts for people who do not see the pictures too.

    Args:
        left, right: what the two pictures are.
        description: of the face.
        stage: id of the element with the pictures.
        size: bytes that the right one is made of, for the page's own scripts.
    """
    received = "" if size is None else f' data-received="{size}"'
    return (
        f'<div class="caption" data-stage="{stage}"{received} data-left="{escape(left)}: {escape(description)}"'
        f' data-right="{escape(right)}: {escape(description)}">'
        f'<span class="caption-left">{escape(left)}</span>'
        f'<span class="caption-right">{escape(right)}</span></div>'
    )


def notes(lines: Sequence[str]) -> str:
    """Sentences about the picture; nothing where there are none."""
    return "".join(f'<p class="note">{escape(line)}</p>' for line in lines)


def gesture(mouse: str = "Double-click", touch: str = "Tap twice") -> str:
    """What to do, in the words of a mouse or of a finger, whichever the visitor has."""
    return f'<span class="by-mouse">{escape(mouse)}</span><span class="by-touch">{escape(touch)}</span>'


def empty(title: str, text: str) -> str:
    """What a place says while it has nothing to show."""
    return f'<div class="empty"><h3>{escape(title)}</h3><p>{escape(text)}</p></div>'


def busy() -> str:
    """What a page says that found no place in the queue."""
    return (
        '<div class="empty" role="alert"><h3>Many visitors are here right now</h3><p>There was no free place for this'
        ' page.</p><button type="button" class="retry" onclick="location.reload()">Try again</button></div>'
    )


def example_strip(examples: Sequence[Example], chosen: int | None = None) -> str:
    """Thumbnails to click on."""
    if not examples:
        return ""
    buttons = "".join(
        f'<button type="button" data-index="{index}" title="{escape(example.title)}"'
        f' aria-label="Example: {escape(example.title)}" aria-pressed="{str(index == chosen).lower()}">'
        f'<img src="{example.thumbnail()}" width="72" height="72" alt=""></button>'
        for index, example in enumerate(examples)
    )
    return (
        '<div class="examples"><p class="examples-title">or try one of these</p>'
        f'<div class="examples-row">{buttons}</div>'
        '<p class="examples-note">Made by the generator, they are nobody; the last is NASA’s public-domain'
        f" portrait of astronaut Eileen Collins.</p></div>"
    )


def face_picker(small: Image.Image | None, size: tuple[int, int], faces: Sequence[Face], chosen: int) -> str:
    """The photo with a button around every face; nothing where there is no choice.

    Args:
        small: the photo, as large as it is shown.
        size: width and height in pixels of the photo that ``faces`` were found in.
        faces: all of them.
        chosen: which one is in use.
    """
    if small is None or len(faces) < 2:
        return ""
    width, height = size
    boxes = []
    for index, face in enumerate(faces):
        left, top, right, bottom = face.box
        left, top = max(0.0, left), max(0.0, top)
        right, bottom = min(float(width), right), min(float(height), bottom)
        style = (
            f"left:{100 * left / width:.2f}%;top:{100 * top / height:.2f}%;"
            f"width:{100 * (right - left) / width:.2f}%;height:{100 * (bottom - top) / height:.2f}%"
        )
        pressed = str(index == chosen).lower()
        boxes.append(
            f'<button type="button" data-index="{index}" style="{style}" aria-pressed="{pressed}"'
            f' aria-label="Face {index + 1} of {len(faces)}"><span>{index + 1}</span></button>'
        )
    return (
        f'<div class="faces"><p>{len(faces)} faces were found. Pick one:</p><div class="faces-photo">'
        f'<img src="{_url(small)}" alt="Your photo with {len(faces)} faces marked">{"".join(boxes)}</div></div>'
    )


def small(image: Image.Image, side: int) -> str:
    """A small picture as a data URL."""
    return _url(image.resize((side, side), Image.Resampling.LANCZOS))


def _url(image: Image.Image) -> str:
    """A picture as a data URL: a short one, since with each click on a choice its markup travels back."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", quality=82)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _at(strengths: Mapping[str, float]) -> str:
    """Where sliders stand when a choice is the one that is shown; the page's script moves its ring by this."""
    return f'data-strengths="{escape(json.dumps(dict(strengths)))}"'


def recipe_strip(shown: Sequence[tuple[str, Mapping[str, float], str]]) -> str:
    """Prepared recipes to click on, each with what it makes of the face as soon as that is known.

    Args:
        shown: title, strengths by direction and picture of each, the picture as a data URL or "".
    """
    buttons = "".join(
        f'<button type="button" data-index="{index}" {_at(strengths)} aria-pressed="false">'
        + (f'<img src="{url}" width="112" height="112" alt="">' if url else '<span class="skeleton"></span>')
        + f"<b>{escape(title)}</b></button>"
        for index, (title, strengths, url) in enumerate(shown)
    )
    return f'<div class="recipes" role="group" aria-label="Prepared edits of this face">{buttons}</div>'


def version_strip(shown: Sequence[tuple[str, str]], at: int) -> str:
    """The versions of a face that a visitor went through, to go back to; nothing while there is but one.

    Args:
        shown: what each is, in words, and its picture as a data URL or "".
        at: the one that is shown.
    """
    if len(shown) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-index="{index}" aria-pressed="{str(index == at).lower()}"'
        f' title="{escape(text)}" aria-label="Version {index + 1}: {escape(text)}">'
        + (f'<img src="{url}" width="64" height="64" alt="">' if url else f"<span>{index + 1}</span>")
        + "</button>"
        for index, (text, url) in enumerate(shown)
    )
    return f'<div class="versions" role="group" aria-label="Versions">{buttons}</div>'


def filmstrip(frames: Sequence[tuple[float, Image.Image]], name: str, label: str) -> str:
    """Small pictures of one direction at several strengths; a click takes the strength over.

    Args:
        frames: strengths and pictures.
        name: of the direction, as its slider has it.
        label: of the direction, for people.
    """
    parts = []
    for strength, frame in frames:
        shown = f"{strength:+.2g}".replace("-", "−") if strength else "0"
        parts.append(
            f'<button type="button" data-index="{strength:g}" {_at({name: strength})}'
            f' aria-label="{escape(label)} {shown}">'
            f'<img src="{_url(frame)}" width="256" height="256" alt=""><span>{shown}</span></button>'
        )
    called = f"{escape(label)} at several strengths"
    return f'<div class="strip" role="group" aria-label="{called}">{"".join(parts)}</div>'
