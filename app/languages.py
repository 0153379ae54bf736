"""The page in another language: which one a visitor wants, and the texts of :mod:`app.texts` put in place.

Handlers and components speak English. What they say is translated where it leaves for the page, in one place
(:func:`app.launch.in_language`), by whole texts: labels, and in markup the texts between tags and in the attributes
that people read or hear. So no handler needs to know the language, and nothing is translated twice.
"""

from __future__ import annotations

import contextvars
import functools
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.texts import GERMAN

ENGLISH = "en"
CATALOGUES: dict[str, Mapping[str, str]] = {ENGLISH: {}, "de": GERMAN}
"""What each language says, by the English text."""
SCRIPT_TEXTS = (
    "Link copied",
    "This is the link:",
    "Picture copied",
    "Not allowed here",
    "Play",
    "Stop",
    "Divider between the two pictures",
    "Show the whole picture again",
    "Undo",
    "Tested from {n} to {m}",
    "bytes",
    "{n} times",
    "That did not work",
    "Sorry",
    "Good to know",
    "{n} of {m} MB",
    "Not here: {reason}",
    "This loads {n} MB, once. Load them over this connection?",
    "This code holds the face itself: whoever has it has the face.",
    "This file has {n} bytes; codes that phones read hold {m}.",
    "There is no face in this page's address yet.",
    "Close",
    "Upload file",
    "File upload",
    "Capture from camera",
    "Paste from clipboard",
    "Copy",
    "undo",
    "Fullscreen",
    "More tabs",
    "Gradio footer navigation",
)
"""Those that ``static/studio.js`` and ``in_browser.js`` say by themselves."""
_current: contextvars.ContextVar[str] = contextvars.ContextVar("language", default=ENGLISH)

_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?")
_AMOUNT = re.compile(_NUMBER.pattern + "[×%]?")
_EDIT = re.compile(r"(.+) ([+−-]\d+\.\d+)")
_SAYS = "() => "
_READ = re.compile(r'(\s(?:title|aria-label|alt|placeholder|data-left|data-right)=")([^"]*)(")')
_OPTIONS = re.compile(r'(\sdata-options=")([^"]*)(")')
_WRITTEN = ("textbox", "number")
_PROSE = {"label", "placeholder", "info", "markup", "html_template", "value", "title"}
"""Properties of components that people read."""


def current() -> str:
    """The language of what is being done, as a code of two letters."""
    return _current.get()


def use(language: str) -> None:
    """Let this be the language of what follows in this context."""
    _current.set(language if language in CATALOGUES else ENGLISH)


def wanted(query: str, accepted: str = "") -> str:
    """The language that a visitor wants.

    Args:
        query: of the page's address; ``lang=de`` decides.
        accepted: an ``Accept-Language`` header, for where the address says nothing.
    """
    for asked in parse_qs(query[:4000]).get("lang", []):
        if asked[:2].lower() in CATALOGUES:
            return asked[:2].lower()
    best, most = ENGLISH, 0.0
    for part in accepted[:1000].split(","):
        name, _, rest = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        weight = float(match[1]) if match else 0.0 if rest else 1.0
        language = name.strip()[:2].lower()
        if weight > most and language in CATALOGUES:
            best, most = language, weight
    return best


def of_headers(headers: Mapping[str, str]) -> str:
    """The same of a call that a page made."""
    return wanted(urlsplit(headers.get("referer", "")).query, headers.get("accept-language", ""))


def said(text: str) -> str:
    """A sentence in the language of what is being done; one that is not known keeps its own, and is announced so."""
    if current() == ENGLISH:
        return text
    translator = translator_of(current())
    found = translator.text(text)
    return found if found != text else translator.text("This is only told in English: {sentence}", sentence=text)


@functools.lru_cache(maxsize=8)
def translator_of(language: str) -> Translator:
    """What puts the page into a language."""
    return Translator(CATALOGUES[language])


class Translator:
    """Finds texts of a catalogue, and puts the other language in their place.

    Args:
        catalogue: texts by the English ones, both with places such as ``{n}``.
    """

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        self._whole = {text: other for text, other in catalogue.items() if not _PLACE.search(text)}
        self._lower = {text.lower(): other for text, other in self._whole.items()}
        # The longest first: what is said around the places decides.
        templates = sorted((text for text in catalogue if _PLACE.search(text)), key=_weight, reverse=True)
        self._templates = [(_pattern(text), catalogue[text]) for text in templates]
        self._catalogue = catalogue

    def text(self, text: str, **places: str) -> str:
        """One text; what is not known stays as it is.

        Args:
            places: where the text is one of the catalogue's own, what stands in its places.
        """
        if places:
            return self._catalogue[text].format(**places)
        core = " ".join(text.split())
        if not core:
            return text
        found = self._found(core)
        if found is None:
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return before + found + after

    def _found(self, text: str) -> str | None:
        if text in self._whole:
            return self._whole[text]
        if _AMOUNT.fullmatch(text):
            return _number(text)
        for pattern, other in self._templates:
            match = pattern.fullmatch(text)
            if match:
                found = {name: self._part(part) for name, part in match.groupdict().items()}
                return other.format(**found)
        return self._listed(text)

    def _part(self, text: str) -> str:
        """What stands in a place: a text of its own, a number, a list of edits, or a name."""
        found = self._found(text)
        return text if found is None else found

    def _listed(self, text: str) -> str | None:
        """Edits with their strengths, as ``smile +0.60, makeup -0.30``; labels in small letters count as well."""
        parts = []
        for part in text.split(", "):
            match = _EDIT.fullmatch(part)
            known = self._lower.get((match[1] if match else part).lower())
            if match is None or known is None:
                return None
            parts.append(f"{known} {_number(match[2])}")
        return ", ".join(parts)

    def markup(self, markup: str) -> str:
        """HTML: the texts between its tags, and the attributes that people read or hear."""
        pieces = re.split(r"(<[^>]*>)", markup)
        for index, piece in enumerate(pieces):
            if piece.startswith("<") and index % 2:
                pieces[index] = _OPTIONS.sub(self._options, _READ.sub(self._attribute, piece))
            elif piece.strip():
                pieces[index] = html.escape(self.text(html.unescape(piece)), quote=False)
        return "".join(pieces)

    def _attribute(self, match: re.Match) -> str:
        return match[1] + html.escape(self.text(html.unescape(match[2]))) + match[3]

    def _options(self, match: re.Match) -> str:
        """A slider's own, see :class:`app.controls.RangeInput`."""
        options = json.loads(html.unescape(match[2]))
        options |= {key: self.text(options[key]) for key in ("label", "unit") if options.get(key)}
        return match[1] + html.escape(json.dumps(options)) + match[3]

    def value(self, value: Any) -> Any:
        """What a component is given: markup, a plain text, or properties of which some are texts."""
        if isinstance(value, str):
            return self.markup(value) if "<" in value and ">" in value else self.text(value)
        if isinstance(value, Mapping):
            if value.get("type") == "plotly" and isinstance(value.get("plot"), str):
                chart = self._chart(json.loads(value["plot"]))
                layout = {**chart.get("layout", {}), "separators": ",."}  # of its axes, whose numbers the page writes
                return {**value, "plot": json.dumps({**chart, "layout": layout})}
            return {key: self._property(key, each) for key, each in value.items()}
        return value

    def _property(self, key: str, value: Any) -> Any:
        if key == "choices" and isinstance(value, list):
            return [[self.text(each[0]), *each[1:]] if isinstance(each, (list, tuple)) else each for each in value]
        return self.value(value) if key in _PROSE else value

    def _chart(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._chart(each) for each in value]
        return {key: self._chart(each) for key, each in value.items()} if isinstance(value, dict) else value

    def components(self, config: dict) -> dict:
        """The configuration of a page of Gradio's."""
        for component in config.get("components", []):
            props = component.get("props", {})
            changed = {key: self._property(key, each) for key, each in props.items()}
            if component.get("type") in _WRITTEN:
                changed |= {key: props[key] for key in ("value", "placeholder") if key in props}
            component["props"] = changed
        for dependency in config.get("dependencies", []):
            script = dependency.get("js")
            if isinstance(script, str) and script.startswith(
                _SAYS + '"<'
            ):  # what is shown where the server is not reached
                markup = self.markup(json.loads(script.removeprefix(_SAYS)))
                dependency["js"] = _SAYS + json.dumps(markup)
        return config


def page(markup: str, language: str) -> str:
    """The whole page, its ``lang`` and Gradio's own texts in a language.

    Args:
        markup: as Gradio serves it.
        language: one of :data:`CATALOGUES`.
    """
    markup = re.sub(r"<html\b[^>]*?(?=>)", lambda tag: _with_language(tag[0], language), markup, count=1)
    words: dict[str, str] = {}
    if language != ENGLISH:
        translator = translator_of(language)
        words = {text: CATALOGUES[language][text] for text in SCRIPT_TEXTS}
        begin = re.search(r"window\.gradio_config\s*=\s*", markup)
        if begin:
            config, end = json.JSONDecoder().raw_decode(markup, begin.end())
            told = json.dumps(translator.components(config)).replace("</", "<\\/")
            markup = markup[: begin.end()] + told + markup[end:]
    # Gradio's own buttons follow the browser's language, which may be another one than the page's.
    script = (
        f"<script>window.hscTexts = {json.dumps(words)}; for (const [name, get] of"
        f' [["language", () => "{language}"], ["languages", () => ["{language}"]]])'
        " Object.defineProperty(navigator, name, { get, configurable: true });</script>"
    )
    return re.sub(r"<head[^>]*>", lambda head: head[0] + script, markup, count=1)


def _with_language(tag: str, language: str) -> str:
    return re.sub(r'\slang="[^"]*"', "", tag) + f' lang="{language}"'


def translated(process: Callable) -> Callable:
    """``Blocks.postprocess_data`` that speaks the language of what is being done."""

    @functools.wraps(process)
    async def told(block_fn: Any, *arguments: Any, **keywords: Any) -> Any:
        data = await process(block_fn, *arguments, **keywords)
        if current() == ENGLISH or not isinstance(data, list):
            return data
        translator, places = translator_of(current()), getattr(block_fn, "outputs", [])
        if len(places) != len(data):
            return data
        return [each if _written(place) else translator.value(each) for each, place in zip(data, places)]

    return told


def _written(component: Any) -> bool:
    """Whether people write into a component what a program reads: recipes have the names that files have."""
    return component.get_block_name() in _WRITTEN


def _number(text: str) -> str:
    """A number with a comma for the decimals, and points between thousands."""
    return text.translate(str.maketrans(",.", ".,"))


def _weight(text: str) -> int:
    return len(_PLACE.sub("", text))


def _pattern(text: str) -> re.Pattern[str]:
    """Finds a text with places; those that are called n, m, k or j are numbers."""
    parts: Iterable[str] = re.split(r"(\{\w+\})", text)
    found = ""
    for part in parts:
        place = _PLACE.fullmatch(part)
        if place is None:
            found += re.escape(part)
        else:
            found += f"(?P<{place[1]}>{_NUMBER.pattern if place[1] in 'nmkj' else '.+?'})"
    return re.compile(found)
