"""The command line: the whole way, and one sentence with exit code 2 for what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import directions
from hsc.cli import bench, common
from hsc.cli import main as cli
from hsc.compare import rate_sweep
from hsc.errors import ImageError

REPOSITORY = Path(__file__).resolve().parents[2]


def hsc(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "hsc", *map(str, words)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "100"},
    )


@pytest.fixture(scope="module")
def golden() -> Path:
    return REPOSITORY / "tests" / "golden" / "middle.hsc"


def test_photo_to_file_and_back_into_the_photo(tmp_path, portrait_path):
    photo = portrait_path
    coded, out = tmp_path / "me.hsc", tmp_path / "me.png"
    made = hsc("encode", photo, coded, "--bytes", 900)
    assert made.returncode == 0, made.stderr
    assert 800 <= coded.stat().st_size <= 900
    assert f"{coded.stat().st_size} bytes" in made.stdout
    done = hsc("decode", coded, out, "--into", photo)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as result, Image.open(photo) as original:
        assert result.size == original.size
        assert "HSC" in result.text["Comment"]


def test_progressive_files_replace_each_other(tmp_path, portrait_path, invoke, monkeypatch):
    """Each is complete, and an interrupt leaves the best so far."""
    plain, out, written = tmp_path / "plain.hsc", tmp_path / "me.hsc", []
    assert invoke("encode", portrait_path, plain, "--refine", 4).exit_code == 0

    def write(path: Path, data: bytes) -> None:
        if len(written) == stopped:
            raise KeyboardInterrupt
        written.append(data)
        path.write_bytes(data)

    monkeypatch.setattr("hsc.runtime.atomic.write_bytes", write)
    stopped = None
    assert invoke("encode", portrait_path, out, "--refine", 4, "--progressive").exit_code == 0
    assert len(written) > 1 and out.read_bytes() == written[-1] == plain.read_bytes()
    stopped = len(written) + 1
    invoke("encode", portrait_path, out, "--refine", 4, "--progressive")
    assert out.read_bytes() == written[-1] == written[0]
    for wrong in (("--quality", 100), ("--bytes", 0)):
        assert invoke("encode", portrait_path, out, "--progressive", *wrong).exit_code == 2
    assert invoke("encode", portrait_path, "-", "--progressive").exit_code == 2


def test_info_as_json(golden):
    facts = json.loads(hsc("info", golden, "--json").stdout)
    assert facts["bytes"] == golden.stat().st_size
    assert facts["bpp"] == pytest.approx(facts["bytes"] * 8 / 1024**2)
    assert [layer["name"] for layer in facts["layers"]] == ["S", *(f"F{i}" for i in range(1, 13))]
    assert sum(layer["bytes"] for layer in facts["layers"]) <= facts["bytes"]


def test_decode_a_prefix(golden, tmp_path):
    out = tmp_path / "part.png"
    assert hsc("decode", golden, out, "--prefix", 300, "--size", 256).returncode == 0
    with Image.open(out) as picture:
        assert picture.size == (256, 256)


def bad_files(folder: Path, golden: Path) -> dict[str, Path]:
    data = golden.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    contents = {
        "empty": b"",
        "foreign": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "flipped": bytes(flipped),
        "longer": data + b"more",
    }
    for name, content in contents.items():
        (folder / f"{name}.hsc").write_bytes(content)
    return {name: folder / f"{name}.hsc" for name in contents}


@pytest.mark.parametrize("kind", ["empty", "foreign", "flipped", "longer"])
def test_bad_files_get_one_sentence(kind, golden, tmp_path):
    out = tmp_path / "out.png"
    done = hsc("decode", bad_files(tmp_path, golden)[kind], out)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert not out.exists()


def test_bad_pictures_get_one_sentence(tmp_path):
    text = tmp_path / "words.jpg"
    text.write_text("these are only words")
    grey = tmp_path / "grey.png"
    Image.new("RGB", (300, 300), "grey").save(grey)
    for photo, words in ((text, "not"), (grey, "No face")):
        done = hsc("encode", photo, tmp_path / "x.hsc")
        assert done.returncode == 2
        assert words in done.stderr and "Traceback" not in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("encode", "nothing-there.jpg", "x.hsc"),
        ("encode", "README.md", "x.hsc", "--bytes", "0"),
        ("encode", "README.md", "x.hsc", "--bytes", "800", "--quality", "3"),
        ("decode", "README.md", "x.png", "--size", "300"),
        ("eval", "tests", "--bytes", "many"),
        ("eval", "tests"),
        ("freeze", "README.md", "x"),
        ("train", "preview", "--minutes", "1", "--out", "README.md/run"),
        ("train", "preview", "--minutes", "1", "--out", "x", "--device", "nonsense"),
    ],
)
def test_wrong_use_is_exit_code_2(words):
    done = hsc(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and done.stderr


@pytest.fixture(scope="module")
def loaded(codec):
    return codec


@pytest.fixture
def invoke(loaded, monkeypatch):
    """Run a command in this process, with a codec that is loaded already."""
    monkeypatch.setattr(common, "load_codec", lambda: loaded)
    return lambda *words: CliRunner().invoke(cli.main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def faces_folder(loaded, golden, tmp_path_factory) -> Path:
    """One synthetic face, and what is none."""
    folder = tmp_path_factory.mktemp("faces")
    loaded.decode(golden.read_bytes()).save(folder / "0.png", compress_level=1)
    (folder / "1.jpg").write_bytes(b"no picture at all")
    Image.new("RGB", (300, 200)).save(folder / "2.png")
    return folder


@pytest.mark.slow
def test_eval_prints_means_and_leaves_out_what_is_no_face(invoke, faces_folder, tmp_path):
    done = invoke(
        "eval", faces_folder, "--bytes", "300,900", "--refine", 0, "--prefixes", "--json", tmp_path / "e.json"
    )
    assert done.exit_code == 0
    assert "1.jpg is left out: 1.jpg is not an image" in done.output and "2.png is left out" in done.output
    heads = next(line for line in done.output.splitlines() if line.startswith("target"))
    assert heads.split() == [
        "target",
        "bytes",
        "bpp",
        "lpips_alex",
        "lpips_vgg_256",
        "psnr",
        "ms_ssim",
        "identity",
        "face_distance",
        "landmarks",
    ]
    found = json.loads((tmp_path / "e.json").read_text())
    small, large = found["means"]
    assert (small["target"], large["target"]) == (300, 900) and small["pictures"] == 1
    assert small["bytes"] <= 300 < large["bytes"] <= 900 and large["lpips_alex"] < small["lpips_alex"]
    assert large["bpp"] == pytest.approx(large["bytes"] * 8 / 1024**2)
    assert [row["layer"] for row in found["prefixes"]][:3] == ["none", "S", "F1"]
    assert [bool(file["reason"]) for file in found["files"]] == [False, False, True, True, True, True]


def test_eval_of_nothing_that_can_be_coded_is_refused(loaded, faces_folder, tmp_path):
    (tmp_path / "1.jpg").write_bytes((faces_folder / "1.jpg").read_bytes())
    with pytest.raises(ImageError, match="1.jpg"):
        rate_sweep.evaluate(loaded, tmp_path, (400,))


@pytest.mark.slow
def test_sheet_shows_originals_and_restorations(invoke, faces_folder, tmp_path):
    done = invoke("sheet", faces_folder / "0.png", tmp_path / "s.png", "--no-align", "--bytes", "300", "--refine", 0)
    assert done.exit_code == 0
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (512, 256 + 22) and "HSC" in sheet.text["Comment"]


@pytest.mark.slow
def test_bench_times_every_task(invoke, monkeypatch):
    monkeypatch.setattr("hsc.cli.bench.REPEATS", 1)
    done = invoke("bench")
    assert done.exit_code == 0 and done.output.count("\n") == 14
    assert all(float(line.split()[-1]) > 0 for line in done.output.splitlines()[1:])
    assert "a decode over its graphs" in done.output.splitlines()[-1]


@pytest.mark.slow
def test_bench_times_encodes_under_load(loaded, monkeypatch, capsys):
    monkeypatch.setattr("hsc.cli.bench.REPEATS", 1)
    monkeypatch.setattr("hsc.cli.bench.BUSY", (1,))
    monkeypatch.setattr("hsc.cli.bench.TOGETHER", (2,))
    bench.run_under_load(loaded)
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in lines] == ["under", "encode", "beside", "2"]
    assert all(float(line.split()[-1]) > 0 for line in lines[1:])


def test_edits_are_stored_applied_and_left_out(golden, tmp_path):
    stored, *pictures = (tmp_path / name for name in ("stored.hsc", "a.png", "b.png", "c.png", "d.png"))
    assert hsc("edit", golden, stored, "smile=0.75", "makeup=0").returncode == 0
    assert stored.stat().st_size == golden.stat().st_size + 5
    for out, words in zip(pictures, ([stored], [golden, "--edit", "smile=0.75"], [stored, "--no-edits"], [golden])):
        done = hsc("decode", words[0], out, *words[1:], "--size", 256)
        assert done.returncode == 0, done.stderr
    edited, same, without, plain = (path.read_bytes() for path in map(_pixels, pictures))
    assert edited == same and without == plain and edited != plain


def _pixels(path: Path) -> Path:
    raw = path.with_suffix(".raw")
    with Image.open(path) as picture:
        raw.write_bytes(picture.tobytes())
    return raw


def test_a_direction_of_somebody_else_is_applied(golden, tmp_path, loaded):
    """As a shift of the codes: it has no place in the face, as those of this project have."""
    direction, shift = tmp_path / "Their smile.npy", directions.load("smile").array
    np.save(direction, shift)
    semantics, theirs = loaded.parse(golden.read_bytes()), tmp_path / "theirs.png"
    done = hsc("decode", golden, theirs, "--direction", direction, "--layers", "1-5", "--scale", 0.5, "--size", 256)
    assert done.returncode == 0, done.stderr
    with Image.open(theirs) as picture:
        found = np.asarray(picture.convert("RGB"), np.int16)
        plain = np.asarray(loaded.render(semantics, 256), np.int16)
        moved = loaded.move(semantics, 0.5 * torch.from_numpy(shift))
        assert np.abs(found - np.asarray(loaded.render(moved, 256), np.int16)).max() <= 3
        assert np.abs(found - plain).mean() > 1
        assert "their_smile of layers 1-5 times 0.5" in picture.text["Comment"]
    done = hsc("decode", golden, theirs, "--direction", direction, "--scale", 0.01, "--size", 256)
    assert done.returncode == 0 and "Their smile.npy: At scale 0.01 it hardly shows; try a scale of" in done.stderr
    for words in (["--layers", "5-1"], ["--layers", "some"], ["--layers", "0-16"], ["--scale", "0"]):
        done = hsc("decode", golden, tmp_path / "out.png", "--direction", direction, *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr and not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("words", [["grin=1"], ["grin=0"], ["smile=9"], ["smile=much"], ["smile"]])
def test_edits_that_cannot_be_are_refused(golden, tmp_path, words):
    done = hsc("edit", golden, tmp_path / "out.hsc", *words)
    assert done.returncode == 2 and not (tmp_path / "out.hsc").exists()
    assert "Traceback" not in done.stderr


def test_morph_writes_a_film_or_says_why_not(golden, tmp_path):
    done = hsc("morph", golden, tmp_path / "me.gif", "smile=-1:1", "--frames", 2, "--size", 256)
    assert done.returncode == 0 and (tmp_path / "me.gif").stat().st_size > 10_000, done.stderr
    for move, out in (("smile=0:9", "me.mp4"), ("smile=0", "me.mp4"), ("smile=0:1", "missing/me.mp4")):
        done = hsc("morph", golden, tmp_path / out, move, "--frames", 2)
        assert done.returncode == 2 and "Traceback" not in done.stderr
