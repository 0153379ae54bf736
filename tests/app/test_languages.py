"""The page in German: every text is there, found, and nothing English is left between."""

from __future__ import annotations

import ast
import html
import json
import re
import urllib.request
from pathlib import Path

import pytest

from app import languages, page, theme
from app.languages import CATALOGUES, translator_of
from app.studio import Studio
from app.texts import GERMAN
from tests.app.visitor import slid

REPOSITORY = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"\{\w+\}")
ALIKE = {
    *("HSC Studio", "Original", "VVC", "HiFiC", "JPEG", "Film", "Film (MP4)", "Codec", "Zoom", "smile", "S", "F"),
    "Stop Recording",  # Gradio's, of films that this page does not take
    *("Bytes", "smile +0.60, makeup +0.30", "both", "Version", "HSC", "Use via API", "·", "1st", "2nd", "3rd"),
}
"""Texts that are the same in both languages: names, units, and what is typed."""


def read(markup: str) -> set[str]:
    """What people read or hear of markup."""
    found = set(re.split(r"<[^>]*>", re.sub(r"<(script|style).*?</\1>", "", markup, flags=re.DOTALL)))
    found |= set(re.findall(r'\s(?:title|aria-label|alt|placeholder)="([^"]*)"', markup))
    texts = {" ".join(html.unescape(each).split()) for each in found}
    return {each for each in texts if re.search(r"[^\W\d_]{2}", each) and "${" not in each}


def shown(config: dict) -> set[str]:
    """What the components of a page say as it opens."""
    found: set[str] = set()
    for component in config["components"]:
        props = component["props"]
        for key in ("label", "placeholder", "info", "value", "html_template"):
            value = props.get(key)
            if isinstance(value, dict):
                value = value.get("markup")
            if isinstance(value, str):
                found |= read(value)
        found |= {each[0] for each in props.get("choices") or [] if re.search(r"[^\W\d_]{2}", str(each[0]))}
    return found


@pytest.mark.parametrize("language", [code for code in CATALOGUES if code != languages.ENGLISH])
def test_every_text_is_there_with_the_same_places(language) -> None:
    for text, other in CATALOGUES[language].items():
        assert other.strip(), text
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(other)), text
        assert len(set(PLACE.findall(text))) == len(PLACE.findall(text)), text


def test_every_text_of_the_catalogue_is_said_somewhere() -> None:
    """What was worded anew in the program is to be worded anew in the catalogue."""
    said = []
    for folder in ("app", "hsc", "directions"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            if path.name != "texts.py":
                tree = ast.parse(path.read_text(encoding="utf-8"))
                said += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value]
    said += [path.read_text(encoding="utf-8") for path in (REPOSITORY / "directions" / "data").glob("*.json")]
    said.append((REPOSITORY / "assets" / "examples" / "examples.json").read_text(encoding="utf-8"))
    said += [path.read_text(encoding="utf-8") for path in theme.STATIC.glob("*.js")]
    everything = " ".join(html.unescape("\n".join(map(str, said))).split()).lower()
    missing = []
    for text in GERMAN:
        # Sentences by themselves: tags may stand between them, or one may be left out.
        pieces = (piece for part in PLACE.split(text) for piece in re.split(r"[.:;)(]+\s", part))
        for core in (piece.strip(" .,:;()") for piece in pieces):
            missing += [] if core.lower() in everything else [core]
    assert not missing


def test_nothing_english_is_left_as_the_page_opens() -> None:
    config = page.build(Studio()).get_config_file()
    english = shown(config)
    german = shown(translator_of("de").components(json.loads(json.dumps(config))))
    assert len(english) > 100
    assert english & german <= ALIKE


@pytest.mark.parametrize(
    ("text", "german"),
    [
        ("1,234", "1.234"),
        ("smile +0.60, makeup -0.30", "Lächeln +0,60, Schminke -0,30"),
        ("Restored from 799 bytes: smile +0.60", "Wiederhergestellt aus 799 Bytes: Lächeln +0,60"),
        ("Compressing: busy, 2 before you, about 7 s.", "Wird komprimiert: viel los, 2 vor Ihnen, etwa 7 s."),
        ("received of 1,799 bytes: 3 of 9 layers", "von 1.799 Bytes empfangen: 3 von 9 Schichten"),
        ("VVC, 2,394 bytes, 3× more", "VVC, 2.394 Bytes, 3-mal so viel"),
        ("Identity cosine, higher is better", "Identität (Kosinus), mehr ist besser"),
        ("bytes for 1024 x 1024 pixels", "Bytes für 1024 × 1024 Bildpunkte"),
        ("  Undo\n", "  Rückgängig\n"),
        ("HiFiC (retrained, reduced, 5.9 MiB)", "HiFiC (neu trainiert, verkleinert, 5,9 MiB)"),
        ("own weights, 23.0 MiB", "eigene Gewichte, 23,0 MiB"),
        ("3,900×", "3.900×"),
        ("me.jpg", "me.jpg"),
        ("", ""),
    ],
)
def test_places_are_translated_too(text, german) -> None:
    assert translator_of("de").text(text) == german


def test_a_chart_writes_its_numbers_as_the_page_does() -> None:
    plot = {"data": [{"name": "Header"}], "layout": {"width": 5}}
    told = json.loads(translator_of("de").value({"type": "plotly", "plot": json.dumps(plot)})["plot"])
    assert told == {"data": [{"name": "Kopf"}], "layout": {"width": 5, "separators": ",."}}


def test_markup_keeps_its_tags_and_its_hidden_values() -> None:
    markup = '<p class="Undo" title="Undo"><b>Undo</b> <i data-index="1">1,5</i> &lt;Undo&gt;</p>'
    told = translator_of("de").markup(markup)
    assert told == '<p class="Undo" title="Rückgängig"><b>Rückgängig</b> <i data-index="1">1.5</i> &lt;Undo&gt;</p>'


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "en-US,en;q=0.9,de;q=0.8", "en"),
        ("", "fr,de;q=0.3", "de"),
        ("", "de;q=0,en;q=0.1", "en"),
        ("", "", "en"),
        ("lang=de", "en", "de"),
        ("lang=en&lang=de", "de", "en"),
        ("lang=xx", "de", "de"),
        ("lang=%00" + "x" * 9000, ";q=x,,de;q=2" + "x" * 9000, "en"),
    ],
)
def test_the_address_decides_and_then_the_browser(query, accepted, language) -> None:
    assert languages.wanted(query, accepted) == language


def test_what_is_not_known_is_announced() -> None:
    languages.use("de")
    try:
        assert languages.said("The file is empty.") == "Die Datei ist leer."
        assert languages.said("Brand new.") == "Das gibt es nur auf Englisch: Brand new."
    finally:
        languages.use(languages.ENGLISH)
    assert languages.said("Brand new.") == "Brand new."


def test_the_first_bytes_say_the_language(url) -> None:
    def head(address: str, accepted: str = "") -> str:
        request = urllib.request.Request(url + address, headers={"Accept-Language": accepted})
        with urllib.request.urlopen(request) as answer:
            assert "accept-language" in answer.headers["Vary"]
            return answer.read().decode()

    for address, accepted in (("?lang=de", ""), ("", "de-DE,de")):
        told = head(address, accepted)
        assert re.search(r'<html[^>]* lang="de"', told) and "in wenigen hundert Bytes</title>" in told
        assert "1 Komprimieren" in told and "1 Compress" not in told
    assert re.search(r'<html[^>]* lang="en"', head("", "en"))


_READ = """() => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    const unseen = "script, style, textarea, .modebar, [data-testid=status-tracker]";
    if (!parent.closest(unseen)) found.add(walk.currentNode.data);
  }
  for (const each of document.querySelectorAll("[title], [aria-label], [alt], [placeholder]")) {
    if (each.closest(".modebar")) continue;  // Plotly's, never shown
    for (const name of ["title", "aria-label", "alt", "placeholder"]) found.add(each.getAttribute(name) || "");
  }
  return [...found];
}"""


def texts(opened) -> set[str]:
    """All that a page says, seen or not."""
    found = {" ".join(each.split()) for each in opened.evaluate(_READ)}
    return {each for each in found if re.search(r"[^\W\d_]{3}", each)}


def tried(visit, address: str, names: tuple[str, ...], **options) -> set[str]:
    """What a page says to somebody who looks, slides an edit, and does something that does not work."""
    opened = visit(address=address, **options)
    opened.wait_for_selector("#download-hsc:not([disabled])")
    opened.get_by_role("tab", name=names[1]).click()
    opened.locator("#direction-smile input").evaluate(
        "(input) => { input.value = 800; input.dispatchEvent(new Event('input')); "
        "input.dispatchEvent(new Event('change')); }"
    )
    opened.wait_for_selector(f"#step-edit .caption-right:has-text('{names[3]}')")
    opened.locator("#recipe input, #recipe textarea").first.fill("nonsense 1")
    opened.keyboard.press("Enter")
    opened.wait_for_selector(f".toast-title:has-text('{names[4]}')")
    assert opened.evaluate("document.documentElement.lang") == names[5]
    found = texts(opened)
    opened.get_by_role("tab", name=names[0]).click()
    return found | texts(opened)


@pytest.mark.slow
def test_nothing_is_mixed_in_a_browser(visit) -> None:
    english = tried(visit, "", ("1 Compress", "2 Edit", "3 Compare", "Smile", "That did not work", "en"))
    names = ("1 Komprimieren", "2 Ändern", "3 Vergleichen", "Lächeln", "Das ging nicht", "de")
    for address, options in (("?lang=de", {}), ("", {"locale": "de-DE"})):
        german = tried(visit, address, names, **options)
        same = english & german
        assert same <= ALIKE, "; ".join(same - ALIKE)


@pytest.mark.slow
def test_english_is_there_for_whoever_asks_in_a_german_browser(visit) -> None:
    opened = visit(address="?lang=en", locale="de-DE")
    opened.get_by_role("tab", name="2 Edit").click()
    slid(opened, "smile", 0.5)
    assert opened.evaluate("[document.documentElement.lang, navigator.language]") == ["en", "en"]
