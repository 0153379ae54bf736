"""The command line: shards from pictures, and back; what is interrupted goes on to the same bytes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hsc import bitstream
from hsc.batch.work import codes
from tests.batch.helpers import QUICK, REPOSITORY, batch, command, shards_of

pq = pytest.importorskip("pyarrow.parquet")


def test_shards_have_samples_tables_and_statistics(coded, codec):
    names = {path.name for path in coded.iterdir()} - {"_lock", "_plan.json", "_plan.arrow"}
    assert names == {f"0000{n}{end}" for n in range(3) for end in (".tar", ".parquet", "_stats.json")}
    with tarfile.open(coded / "00001.tar") as archive:
        assert archive.getnames() == ["face_1.hsc", "face_1.json", "face_2.hsc", "face_2.json"]
        data, told = (archive.extractfile(name).read() for name in archive.getnames()[:2])
        assert all((member.mtime, member.uid, member.uname) == (0, 0, "") for member in archive)
    facts = json.loads(told)
    assert facts["bytes"] == len(data) <= 800 and facts["source"] == "face.1.png" and facts["error"] is None
    assert facts["quality"] == bitstream.BitstreamReader(data).quality and facts["width"] == 256
    row = pq.read_table(coded / "00001.parquet").slice(0, 1).to_pylist()[0]
    assert row["hsc"] == data and row["bpp"] == facts["bpp"] and row["seconds"] > 0
    assert np.allclose(np.array(row["codes"]).reshape(16, 512), codes(codec, data), atol=1e-2)
    assert np.array_equal(codes(codec, data), np.asarray(codec.parse(data).codes[0]))


def test_a_bad_picture_is_a_row_and_no_sample(coded):
    rows = pq.read_table(coded / "00000.parquet").to_pylist()
    assert [row["key"] for row in rows] == ["broken", "face_0"]
    assert rows[0]["error"].startswith("The picture is not an image") and rows[1]["error"] is None
    with tarfile.open(coded / "00000.tar") as archive:
        assert archive.getnames() == ["face_0.hsc", "face_0.json"]
    stats = json.loads((coded / "00000_stats.json").read_text())
    assert (stats["count"], stats["successes"], stats["failures"]) == (2, 1, 1)
    assert stats["status_dict"] == {"success": 1, rows[0]["error"]: 1}


def test_a_complete_run_is_found_to_be_so_and_others_are_refused(pictures, coded):
    before = {path: path.stat().st_mtime_ns for path in coded.iterdir()}
    done = batch("encode", pictures, coded, *QUICK, "--columns", "hsc,codes")
    assert done.returncode == 0 and "6 of 6 pictures are done already" in done.stderr
    assert "3 shards, 6 pictures, 5 records of" in done.stdout and "1 failed" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in coded.iterdir() if path.name != "_lock"} == {
        path: when for path, when in before.items() if path.name != "_lock"
    }
    done = batch("encode", pictures, coded, *QUICK, "--bytes", 400)
    assert done.returncode == 2 and "begun with max_bytes 800, not 400" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(pictures, coded, tmp_path):
    out = tmp_path / "out"
    words = command("encode", pictures, out, *QUICK, "--columns", "hsc,codes")
    moments = (
        lambda: any(path.stat().st_size for path in out.glob("_*.journal")),
        lambda: (out / "00000.tar").exists(),
        lambda: len(list(out.glob("*_stats.json"))) == 2,
    )
    for reached in moments:
        with (tmp_path / "log").open("w") as log:
            running = subprocess.Popen(words, cwd=REPOSITORY, stdout=log, stderr=log)
            deadline = time.monotonic() + 200
            while not reached():
                assert running.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.002)
            os.kill(running.pid, signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL
    done = batch("encode", pictures, out, *QUICK, "--columns", "hsc,codes")
    assert done.returncode == 0 and "pictures are done already" in done.stderr
    assert shards_of(out) == shards_of(coded)
    assert not list(out.glob("_*.journal")) and not list(out.glob(".hsc-*"))


@pytest.mark.slow
def test_errors_are_tried_again_where_that_is_asked_for(pictures, coded, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(pictures, folder)
    shutil.copytree(coded, out)
    plan = (out / "_plan.json").read_text().replace(str(pictures), str(folder))
    (out / "_plan.json").write_text(plan)
    before = shards_of(out)
    shutil.copy(folder / "face.0.png", folder / "broken.jpg")  # it was on its way when the run began, say
    words = ("encode", folder, out, *QUICK, "--columns", "hsc,codes")
    assert batch(*words).returncode == 0
    assert shards_of(out) == before
    done = batch(*words, "--retry-errors")
    assert done.returncode == 0 and "5 of 6 pictures are done already" in done.stderr, done.stderr
    after = shards_of(out)
    assert {name for name in after if after[name] != before[name]} == {"00000.tar", "00000.parquet"}
    rows = pq.read_table(out / "00000.parquet").to_pylist()
    old = pq.read_table(coded / "00000.parquet").to_pylist()
    assert rows[0]["error"] is None and rows[0]["hsc"] == rows[1]["hsc"] and rows[1] == old[1]


@pytest.mark.slow
def test_faces_are_found_and_all_of_them_if_asked_for(wild, tmp_path):
    photo = sorted(wild.glob("*faces2.jpg"))[0]
    (tmp_path / "in").mkdir()
    with Image.open(photo) as picture:
        picture.convert("RGB").save(tmp_path / "in" / "two.jpg")
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "in" / "none.png")
    words = ("--refine", 0, "--workers", 1, "--faces", "all", "--metrics")
    done = batch("encode", tmp_path / "in", tmp_path / "out", *words)
    assert done.returncode == 0, done.stderr
    none, *faces = pq.read_table(tmp_path / "out" / "00000.parquet").to_pylist()
    assert none["error"].startswith("No face was found") and none["key"] == "none"
    assert [row["key"] for row in faces] == ["two~0", "two~1"] and [row["face"] for row in faces] == [0, 1]
    for row in faces:
        left, top, right, bottom = row["box"]
        assert right - left > 20 and bottom - top > 20 and row["faces"] == 2
        assert 0 < row["lpips_alex"] < 0.7 and row["psnr"] > 10 and row["face_distance"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "tensors"])
def test_shards_are_decoded_again(coded, codec, tmp_path, form):
    out = tmp_path / "out"
    done = batch("decode", coded, out, "--format", form, "--size", 256, "--edit", "smile=0.5", "--workers", 1)
    assert done.returncode == 0, done.stderr
    [row, *more] = pq.read_table(out / "00000.parquet").to_pylist()
    assert row["key"] == "face_0" and row["edits"] == "smile=0.5" and len(more) == 4
    with tarfile.open(out / "00000.tar") as archive, tarfile.open(coded / "00000.tar") as before:
        restored = archive.extractfile(archive.getnames()[0])
        semantics = codec.parse(before.extractfile("face_0.hsc").read())
        edited = codec.edit(semantics, {"smile": 0.5})
        if form == "png":
            assert archive.getnames()[:2] == ["face_0.png", "face_0.json"]
            with Image.open(restored) as picture:
                assert "smile=0.5" in picture.text["Comment"]
                difference = np.abs(np.asarray(picture, float) - np.asarray(codec.render(edited, 256), float))
            assert difference.max() <= 2  # another number of threads may round otherwise
        else:
            from safetensors.numpy import load

            tensors = load(restored.read())
            assert {name: tuple(value.shape) for name, value in tensors.items()} == {
                "codes": (16, 512),
                "features_16": (512, 16, 16),
                "features_32": (512, 32, 32),
            }
            assert np.abs(tensors["codes"] - np.asarray(edited.codes[0])).max() < 1e-4


@pytest.mark.slow
def test_inspect_tells_draws_and_shows(coded, tmp_path):
    page, sheet = tmp_path / "page.html", tmp_path / "sheet.png"
    done = batch("inspect", coded, "--html", page, "--sheet", sheet, "--faces", 3)
    assert done.returncode == 0, done.stderr
    assert "3 shards, 6 pictures, 5 records, 1 failed" in done.stdout and "bytes of a file" in done.stdout
    assert "       1  The picture is not an image" in done.stdout
    with Image.open(sheet) as picture:
        assert picture.size == (3 * 256, 256 + 22) and "HSC" in picture.text["Comment"]
    text = page.read_text()
    assert "Plotly.react" in text and "data:image/webp;base64," in text and 'src="http' not in text
    facts = json.loads(batch("inspect", coded, "--json").stdout)
    assert facts["successes"] == 5 and facts["columns"]["bytes"]["max"] <= 800


def test_a_full_disk_ends_in_a_sentence_that_says_what_is_done(pictures, tmp_path):
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, resource.RLIM_INFINITY))

    words = ("encode", pictures, tmp_path / "out", "--no-align", "--refine", 0, "--workers", 1)
    done = batch(*words, preexec_fn=full)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("Error: ") and "cannot be written: File too large" in said
    assert "of 6 pictures and 0 of 1 shards are done; the same command goes on from there." in said
    assert not list((tmp_path / "out").glob("0*"))
    done = batch(*words)
    assert done.returncode == 0 and "of 6 pictures are done already" in done.stderr


@pytest.mark.slow
def test_inputs_that_vanish_end_in_a_sentence_that_says_what_is_done(pictures, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(pictures, folder)
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command("encode", folder, out, *QUICK), cwd=REPOSITORY, stderr=log)
        while running.poll() is None and not (out / "00000_stats.json").exists():
            time.sleep(0.01)
        folder.rename(tmp_path / "gone")
        assert running.wait(200) == 2
    said = (tmp_path / "log").read_text().splitlines()[-1]
    assert "in is no longer there." in said and "shards are done; the same command goes on from there." in said
    (tmp_path / "gone").rename(folder)
    assert batch("encode", folder, out, *QUICK).returncode == 0
    assert sum(path.name.endswith(".tar") for path in out.iterdir()) == 3


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("encode", "none-there", "out"), "does not exist"),
        (("encode", "tests/batch", "out"), "There are no pictures"),
        (("decode", "tests/golden", "out", "--edit", "nonsense=1"), "nonsense"),
        (("encode", "tests", "tests"), "the same folder"),
        (("encode", "tests", "out", "--columns", "hsc,pixels"), "pixels"),
        (("encode", "tests", "out", "--faces", "all", "--no-align"), "leave out --no-align"),
        (("encode", "tests", "out", "--ray", "tests"), "no address"),
        (("encode", "tests", "out", "--num-gpus", "2"), "--ray"),
        (("inspect", "tests"), "no complete shard"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, words, sentence):
    words = tuple(str(tmp_path / word) if word == "out" else word for word in words)
    done = batch(*words)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr


def test_two_runs_do_not_share_a_folder(pictures, tmp_path):
    from hsc.batch.plan import held

    with held(tmp_path / "out"):
        done = batch("encode", pictures, tmp_path / "out", *QUICK)
    assert done.returncode == 2 and "Another run is at work" in done.stderr


def test_shards_of_others_are_left_alone(pictures, tmp_path):
    Path(tmp_path / "00000.tar").write_bytes(b"somebody's")
    done = batch("encode", pictures, tmp_path, *QUICK)
    assert done.returncode == 2 and "take another folder" in done.stderr
    assert (tmp_path / "00000.tar").read_bytes() == b"somebody's"
