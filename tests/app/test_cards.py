from __future__ import annotations

import base64
import csv
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from app import cards, compare_files, comparison, plots
from hsc.bitstream import MAX_LAYERS
from hsc.compare import Result
from hsc.imaging.alignment import Face
from hsc.semantics import Layer, Semantics


def semantics(*ends: int) -> Semantics:
    """Layers that end at these bytes."""
    layers = tuple(
        Layer("S" if index == 0 else f"F{index}", end - (ends[index - 1] if index else 0), end)
        for index, end in enumerate(ends)
    )
    return Semantics(
        codes=torch.zeros(1, 16, 512), features=(torch.zeros(1, 512, 16, 16),), layers=layers, total_layers=len(layers)
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (798, "798 bytes"), (24_000, "24 kB"), (3_145_728, "3.1 MB")],
)
def test_amounts_are_readable(size: int, text: str) -> None:
    assert cards.amount(size) == text


@pytest.mark.parametrize(("after", "text"), [(800, "3,900"), (3_145_728, "1.0"), (100_000, "31")])
def test_ratios_have_two_figures(after: int, text: str) -> None:
    assert cards.ratio(cards.RAW_BYTES, after) == text


def test_numbers_say_what_arrived() -> None:
    text = cards.numbers(800, 300, semantics(200), 3, 24_000)
    assert "<strong>300</strong>" in text and "received of 800 bytes: 1 of 3 layers" in text
    assert "0.0023" in text and "80×" in text and "10,000×" in text
    assert "<strong>0</strong>" in cards.numbers(800, 0, semantics(), 3, 24_000)


def test_every_byte_has_a_cell_and_missing_ones_are_faint() -> None:
    text = cards.byte_map(bytes(range(100)), semantics(40, 98), 40)
    data = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])
    alpha = np.asarray(Image.open(io.BytesIO(data)))[..., 3].ravel()
    assert (alpha[:40] == 255).all() and (alpha[40:100] == 40).all() and not alpha[100:].any()


def test_every_layer_of_the_longest_file_has_a_colour_of_its_own():
    colours = [plots.layer_colour(index) for index in range(1 + MAX_LAYERS)]
    assert len(set(colours)) == len(colours)


def test_the_colours_of_the_bytes_are_explained() -> None:
    text = cards.byte_map(bytes(100), semantics(40, 98), 100)
    assert all(kind in text for kind in ("header", "meaning S", "features F", "finer features F", "detail D"))
    assert all(f"background:{plots.layer_colour(index)}" in text for index in (0, 1, 2, 10, 14))


@pytest.mark.parametrize("size", [1, 5, 10, 12])
def test_files_that_hold_no_layer_are_drawn_too(size: int) -> None:
    data = base64.b64decode(re.search(r"base64,([^\"]+)", cards.byte_map(bytes(size), semantics(), size))[1])
    assert (np.asarray(Image.open(io.BytesIO(data)))[..., 3] == 255).sum() == size


def test_charts_say_what_they_show() -> None:
    label = plots.layers(100, semantics(40, 98), 40).layout.meta["label"]
    assert "S 30, F1 58, End 2" in label and "40 of 100" in label


def test_faces_can_be_picked_only_where_there_is_a_choice() -> None:
    photo = Image.new("RGB", (400, 200))
    faces = [Face((10, 20, 110, 120), np.zeros((68, 2)), 1.0), Face((-20, 0, 40, 60), np.zeros((68, 2)), 1.0)]
    assert cards.face_picker(photo, photo.size, faces[:1], 0) == "" == cards.face_picker(None, (0, 0), faces, 0)
    text = cards.face_picker(photo, photo.size, faces, 1)
    assert text.count("<button") == 2 and 'aria-label="Face 2 of 2"' in text
    assert "left:2.50%;top:10.00%;width:25.00%;height:50.00%" in text
    assert "left:0.00%;top:0.00%;width:10.00%;height:30.00%" in text  # cut at the photo's edge


def test_notes_and_captions_are_escaped() -> None:
    assert "<b>" not in cards.notes(["<b>bold</b>"])
    assert '"><' not in cards.caption('a"><b', "c", "d", "stage").replace('"><span', "")


def test_the_committed_benchmark_gives_the_plot_its_curves() -> None:
    rows = comparison.benchmark()
    assert {"hsc", "vvc", "hific"} <= {row.codec for row in rows} and all(row.count == 64 for row in rows)
    figure = plots.rate_distortion([], "lpips_alex", rows)
    assert {"HSC", "HiFiC"} <= {trace.name for trace in figure.data}
    assert figure.layout.legend.y > 1  # not over the title of the axis


def test_a_metric_that_no_result_has_is_not_offered() -> None:
    results = [Result("hsc", "HSC", "hsc", "face", 800, 790, {"lpips_alex": 0.3, "psnr": 22.0})]
    assert comparison.measured(results) == ["lpips_alex", "psnr"] and comparison.measured([]) == []


def test_a_comparison_is_taken_home_as_numbers_and_as_one_page(tmp_path) -> None:
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    results = [
        Result("hsc", "HSC", "hsc", "face", 800, 790, {"lpips_alex": 0.3, "psnr": 22.0}),
        Result("jpeg", "JPEG <1992>", "classical", "face", 800, 9000, {"lpips_alex": 0.6}),
        Result("elic", "ELIC", "learned", "face", 800, reason="it has no weights"),
    ]
    lines = list(csv.reader(io.StringIO(compare_files.numbers(results))))
    assert lines[0] == ["codec", "name", "target_bytes", "bytes", "fits", "lpips_alex", "psnr", "reason"]
    assert lines[1] == ["hsc", "HSC", "800", "790", "1", "0.3", "22", ""]
    assert lines[2][4:7] == ["0", "0.6", ""] and lines[3][3] == "" and lines[3][-1] == "It has no weights."
    page = compare_files.report(tmp_path / "a.png", results, {"hsc": tmp_path / "a.png", "jpeg": tmp_path / "gone.png"})
    assert page.count("data:image/png") == 2 and "JPEG &lt;1992&gt;" in page and "http" not in page
