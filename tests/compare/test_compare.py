"""The comparison: streams, fails row by row, takes up where it was, and does its sums right."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hsc import baselines, compare
from hsc.baselines import BaselineError, ImageCodec
from hsc.cli import main as cli
from hsc.cli.compare import compare_command
from hsc.compare import Report, Result, Row, compare_face, compare_folder, report, summarise, yardstick_bytes
from hsc.compare.summary import FEWEST, confidence
from hsc.errors import ImageError


class PixelJudge:
    """PSNR alone, and mean colours as features: what the engine does needs no networks."""

    version = "pixels"

    def prepare(self, original):
        return np.asarray(original, np.float32)[::8, ::8]

    def measure(self, prepared, restored):
        error = np.mean((prepared - self.prepare(restored)) ** 2)
        return {"psnr": 10 * math.log10(255**2 / error), "lpips_alex": float(error) / 255**2}

    def features(self, picture):
        return self.prepare(picture).mean((0, 1))


class Plain(ImageCodec):
    """A thumbnail of as many pixels as fit, as raw bytes: real, quick, and different at every rate."""

    key, name, kind = "plain", "Plain", "image"
    calls: list[int] = []

    def description(self):
        return "raw thumbnails"

    def rate_search(self, image):
        codec = self

        class RateSearch:
            def fit(self, max_bytes):
                codec.calls.append(max_bytes)
                side = max(int((max_bytes / 3) ** 0.5), 1)
                return np.asarray(image.resize((side, side), Image.Resampling.BOX)).tobytes()

        return RateSearch()

    def decode(self, data):
        side = int((len(data) / 3) ** 0.5)
        return Image.frombytes("RGB", (side, side), data).resize((1024, 1024), Image.Resampling.BICUBIC)


class Yard(Plain):
    key, name, kind = "vvc", "VVC", "standard"


class Missing(Plain):
    key, name = "missing", "Missing"

    def available(self):
        return "its weights are not here"


class Failing(Plain):
    key, name = "failing", "Failing"

    def decode(self, data):
        raise BaselineError("Failing decoding failed: on purpose")


class Crashing(Plain):
    key, name = "crashing", "Crashing"

    def rate_search(self, image):
        raise ZeroDivisionError("division by zero")


class Shrinking(Plain):
    key, name = "shrinking", "Shrinking"

    def decode(self, data):
        return super().decode(data).resize((512, 512))


class Nameless(Plain):
    key = "nameless"

    @property
    def name(self):
        raise BaselineError("Its name is on a disk that is gone.")

    def available(self):
        return self.name


class Slow(Plain):
    key, name = "slow", "Slow"

    def decode(self, data):
        time.sleep(0.5)
        return super().decode(data)


def load_test_codecs(keys):
    """Picklable: worker processes call it."""
    known = [Plain(), Yard(), Missing(), Failing(), Crashing(), Nameless(), *baselines.codecs()]
    return [next(codec for codec in known if codec.key == key) for key in keys]


def face(seed: int = 0) -> Image.Image:
    """Smooth colours at 1024 x 1024; not a face, which the engine does not ask for."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((1024, 1024), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def faces_folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("faces")
    for seed in range(3):
        face(seed).save(path / f"{seed}.png", compress_level=1)
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture
def folder(faces_folder, tmp_path) -> Path:
    """Three pictures that a test may change."""
    return Path(shutil.copytree(faces_folder, tmp_path / "faces"))


@pytest.fixture(autouse=True)
def no_calls():
    Plain.calls = []


# ------------------------------------------------------------------------------------------------ one face


def test_every_codec_gives_its_picture_first_and_its_metrics_later():
    results = list(compare_face(face(), 900, [Plain(), baselines.get("jpeg")], PixelJudge()))
    assert sorted((result.codec, result.final) for result in results) == [
        ("jpeg", False), ("jpeg", True), ("plain", False), ("plain", True),
    ]  # fmt: skip
    for first in (result for result in results if not result.final):
        final = next(result for result in results if result.codec == first.codec and result.final)
        assert not first.metrics and final.metrics["psnr"] > 15
        assert first.restored.size == final.restored.size == (1024, 1024)
        assert first.bytes == final.bytes == len(final.data)


def test_bytes_are_those_of_the_file_and_decode_to_the_picture():
    codec = baselines.get("webp")
    result = [result for result in compare_face(face(), 12000, [codec], PixelJudge()) if result.final][0]
    assert result.bytes == len(result.data) <= 12000
    assert result.bpp == pytest.approx(result.bytes * 8 / 1024**2)
    assert np.array_equal(np.asarray(codec.decode(result.data)), np.asarray(result.restored))


def test_one_row_that_fails_does_not_end_the_others():
    codecs = [Missing(), Failing(), Crashing(), Shrinking(), Plain()]
    results = {result.codec: result for result in compare_face(face(), 900, codecs, PixelJudge()) if result.final}
    assert results["missing"].note == "its weights are not here"
    assert results["failing"].note == "Failing decoding failed: on purpose"
    assert "division by zero" in results["crashing"].note
    assert "512x512" in results["shrinking"].note
    assert results["plain"].reason is None and results["plain"].metrics
    assert all("\n" not in result.note for result in results.values())


def test_a_codec_that_cannot_say_its_name_is_a_row(folder):
    results = {r.codec: r for r in compare_face(face(), 900, [Nameless(), Plain()], PixelJudge()) if r.final}
    assert results["nameless"].name == "nameless" and "disk" in results["nameless"].reason
    assert results["plain"].metrics
    found = run(folder, keys=("nameless", "plain"), limit=1)
    assert "disk" in found.codecs["nameless"]["reason"]
    assert [r.reason for r in found.results if r.codec == "plain"] == [None, None]


def test_default_codecs_stay_loaded_and_say_what_is_missing(monkeypatch):
    made = []

    def codecs():
        made.append([Plain(), Missing()])
        return made[-1]

    monkeypatch.setattr(baselines, "codecs", codecs)
    compare.face._default_codecs.cache_clear()
    try:
        for _ in range(2):
            results = {r.codec: r for r in compare_face(face(), 900, judge=PixelJudge()) if r.final}
            assert results["missing"].reason == "its weights are not here" and results["plain"].bytes
        assert len(made) == 1
    finally:
        compare.face._default_codecs.cache_clear()


def test_a_missing_ffmpeg_is_a_reason_in_its_rows(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    codecs = [baselines.get(key) for key in ("vvc", "hevc", "jpeg")]
    results = {result.codec: result for result in compare_face(face(), 900, codecs, PixelJudge()) if result.final}
    assert "ffmpeg" in results["vvc"].note and "ffmpeg" in results["hevc"].note
    assert results["jpeg"].bytes


def test_the_quick_do_not_wait_for_the_slow():
    order = [result.codec for result in compare_face(face(), 900, [Slow(), Plain()], PixelJudge()) if result.final]
    assert order == ["plain", "slow"]


def test_closing_drops_what_has_not_begun():
    stream = compare_face(face(), 900, [Plain(), Slow(), Slow(), Slow(), Slow(), Slow()], PixelJudge(), workers=1)
    next(stream)
    stream.close()
    time.sleep(0.2)
    assert len(Plain.calls) <= 2


def test_a_judge_that_fails_is_a_reason():
    class Broken(PixelJudge):
        def prepare(self, original):
            raise ImageError("The judge has no networks.")

    results = list(compare_face(face(), 900, [Plain()], Broken()))
    assert results[-1].reason == "Plain was not measured: The judge has no networks."


def test_sizes_of_the_input():
    results = list(compare_face(face().resize((300, 300)), 900, [Plain()], PixelJudge()))
    assert results[-1].restored.size == (1024, 1024)
    with pytest.raises(ImageError, match="square"):
        next(compare_face(face().resize((300, 301)), 900, [Plain()], PixelJudge()))
    with pytest.raises(ValueError, match="max_bytes"):
        next(compare_face(face(), 0, [Plain()], PixelJudge()))


@pytest.mark.parametrize("size, target, said", [
    (20900, 800, "cannot go this low: 20.9 kB, 26 times more"),
    (960, 800, "cannot go this low: 960 bytes, 20% more"),
])  # fmt: skip
def test_what_is_said_of_a_codec_that_cannot_go_so_low(size, target, said):
    assert Result("x", "X", "image", "", target, size).note == said
    assert Result("x", "X", "image", "", target, target).note == ""


# ------------------------------------------------------------------------------------------------ a folder


def run(folder, cache=None, keys=("plain", "vvc", "missing", "failing"), **options):
    options = {"rates": (300, 1200), "processes": 1, **options}
    return compare_folder(folder, keys=keys, cache=cache, load=load_test_codecs, load_judge=PixelJudge, **options)


def test_every_codec_picture_and_rate(small_report):
    found = small_report
    rows = {(result.codec, result.picture, result.target) for result in found.results if result.codec != "vvc"}
    assert rows == {
        (codec, f"{seed}.png", rate) for codec in ("plain", "failing") for seed in range(3) for rate in (300, 1200)
    }
    assert found.codecs["missing"]["reason"] == "its weights are not here"
    assert {result.target for result in found.results if result.codec == "vvc"} >= set(compare.YARDSTICK_RATES)
    assert found.about["pictures"] == 3 and found.about["rates"] == [300, 1200]


def test_the_cache_is_taken_up(folder, tmp_path):
    first = run(folder, tmp_path / "cache")
    done = len(Plain.calls)
    assert done > 0
    second = run(folder, tmp_path / "cache")
    assert len(Plain.calls) == done + 2 * 3  # failures are tried again
    assert second.results == first.results and second.frechet == first.frechet
    run(folder, tmp_path / "cache", rates=(300, 1200, 2000))
    assert len(Plain.calls) > done + 12


def test_a_codec_is_described_once_for_all_its_files(folder, tmp_path, monkeypatch):
    """A description may be the digest of hundreds of megabytes."""
    asked = []
    monkeypatch.setattr(Plain, "description", lambda self: asked.append(self.key) or "raw thumbnails")
    run(folder, tmp_path / "cache", keys=("plain",), rates=(300, 600, 1200))
    assert len(asked) == 2  # in the report, and where the work is done


def test_a_damaged_cache_is_done_again(folder, tmp_path):
    first = run(folder, tmp_path / "cache", keys=("plain",))
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text(path.read_text()[:40])
    second = run(folder, tmp_path / "cache", keys=("plain",))
    assert [(r.bytes, r.metrics) for r in second.results] == [(r.bytes, r.metrics) for r in first.results]


def test_the_cache_knows_the_picture_by_its_pixels(folder, tmp_path):
    before = run(folder, tmp_path / "cache", keys=("plain",))
    face(7).save(folder / "0.png")
    after = run(folder, tmp_path / "cache", keys=("plain",))
    assert len(Plain.calls) == (3 + 1) * 2
    assert after.results[0].metrics != before.results[0].metrics


def test_a_worker_keeps_memory_and_takes_one_core(monkeypatch):
    """Without it, freed blocks go back to the system, and every pass through a network pays for them anew."""
    said = []
    monkeypatch.setattr("hsc.runtime.memory.keep_memory", lambda: said.append("memory"))
    monkeypatch.setattr("torch.set_num_threads", said.append)
    monkeypatch.setattr(compare.folder, "_worker", None)
    compare.folder._start_worker(["plain"], load_test_codecs, PixelJudge)
    assert said == ["memory", 1] and compare.folder._worker is not None


def test_two_processes_give_the_same_as_one(folder):
    one, two = run(folder, keys=("plain", "jpeg")), run(folder, keys=("plain", "jpeg"), processes=2)
    assert [(r.codec, r.picture, r.target, r.bytes, r.metrics) for r in two.results] == [
        (r.codec, r.picture, r.target, r.bytes, r.metrics) for r in one.results
    ]


def test_a_broken_picture_is_a_reason(folder):
    (folder / "3.png").write_bytes(b"no picture at all")
    face().crop((0, 0, 100, 50)).save(folder / "4.png")
    found = run(folder, keys=("plain",))
    reasons = {result.picture: result.reason for result in found.results}
    assert reasons["0.png"] is None
    assert "3.png" in reasons["3.png"] and "square" in reasons["4.png"]
    assert [row.failed for row in summarise(found)] == [2, 2]


def test_a_crash_is_a_reason_and_what_failed_is_counted(folder):
    """One picture that nobody can code, and one codec that codes nothing: means say what they lack."""
    (folder / "3.png").write_bytes(b"no picture at all")
    found = run(folder, keys=("plain", "crashing"))
    assert all("ZeroDivisionError" in r.reason or r.picture == "3.png" for r in found.results if r.codec == "crashing")
    rows = {row.codec: row for row in summarise(found)}
    assert rows["plain"].failed == 1 and "1 of 4 pictures failed" in rows["plain"].note
    assert rows["crashing"].count == 0


def test_progress_and_limit(folder):
    said = []
    found = run(folder, keys=("plain",), limit=2, progress=lambda *what: said.append(what))
    assert [what[:2] for what in said] == [(1, 2), (2, 2)]
    assert found.about["pictures"] == 2


def test_folders_that_cannot_be(tmp_path):
    with pytest.raises(ImageError, match="no folder"):
        run(tmp_path / "none")
    with pytest.raises(ImageError, match="no pictures"):
        run(tmp_path)


def test_json_comes_back(small_report, tmp_path):
    found = small_report
    found.save(tmp_path / "report.json")
    again = compare.Report.load(tmp_path / "report.json")
    assert again.results == found.results
    assert summarise(again) == summarise(found)
    assert json.loads((tmp_path / "report.json").read_text())["summary"]
    (tmp_path / "foreign.json").write_text("[1, 2]")
    with pytest.raises(ImageError, match="foreign.json"):
        compare.Report.load(tmp_path / "foreign.json")


# ------------------------------------------------------------------------------------------------ sums


def test_yardstick_bytes_on_the_published_curves():
    """The paper's own figures: 7.5 at 786 bytes, 5.4 at 1,468 and 3.4 at 2,595 with VVC's reference curve."""
    vvc = [(11225, 0.2245), (7222, 0.2720), (4657, 0.3234), (2959, 0.3795), (1912, 0.4365), (1272, 0.4903)]
    for size, lpips, times in ((786, 0.295, 7.5), (1468, 0.263, 5.4), (2595, 0.252, 3.4)):
        needed, bound = yardstick_bytes(vvc, lpips)
        assert bound == "" and needed / size == pytest.approx(times, abs=0.12)


def test_yardstick_bytes_at_and_beyond_the_ends():
    curve = [(400, 0.6), (800, 0.5), (1600, 0.4)]
    assert yardstick_bytes(curve, 0.5) == (pytest.approx(800), "")
    assert yardstick_bytes(curve, 0.45)[0] == pytest.approx(800 * 2**0.5)
    assert yardstick_bytes(curve, 0.39) == (1600, ">")
    assert yardstick_bytes(curve, 0.61) == (400, "<")
    # A larger file that is worse does not count.
    assert yardstick_bytes([*curve, (1000, 0.55)], 0.5) == (pytest.approx(800), "")


def test_means_leave_out_what_is_not_there():
    results = [
        Result("a", "A", "image", "1", 500, 400, {"psnr": 20.0, "identity": 0.5}),
        Result("a", "A", "image", "2", 500, 600, {"psnr": 30.0, "identity": float("nan")}),
        Result("a", "A", "image", "3", 500, reason="broken"),
    ]
    (row,) = summarise(compare.Report({}, {}, results))
    assert (row.bytes, row.count, row.failed, row.fitting) == (500, 2, 1, 0.5)
    assert row.metrics == {"psnr": 25.0, "identity": 0.5}
    assert row.equivalent is None and "50%" in row.note


def test_confidence_intervals_are_students():
    # Of 1 to 5, the mean's standard error is the square root of a half; Student's quantile of four degrees is 2.776.
    assert confidence([1, 2, 3, 4, 5]) == pytest.approx(2.776 * 0.5**0.5, rel=0.003)
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 400).tolist()
    assert confidence(values) == pytest.approx(1.966 * np.std(values, ddof=1) / 20, rel=1e-3)


def test_means_of_few_have_no_interval():
    def report_of(count):
        results = [
            Result("a", "A", "image", f"{index}", 100, 100, {"psnr": 20.0 + index, "identity": math.nan})
            for index in range(count)
        ]
        return Report({"rates": [100]}, {"a": {"name": "A", "kind": "image", "reason": None}}, results)

    assert summarise(report_of(FEWEST - 1))[0].intervals == {}
    report_of_five = report_of(FEWEST)
    assert set(summarise(report_of_five)[0].intervals) == {"psnr"}
    assert "22.00 ±1.96" in report.text_table(report_of_five)
    figure = report.rate_distortion_figure(summarise(report_of_five), "psnr")
    assert figure.data[0].error_y.array[0] == pytest.approx(1.963, abs=0.01)


def test_the_yardstick_is_applied_to_means(small_report):
    rows = {(row.codec, row.target): row for row in summarise(small_report)}
    # The same codec under two names: each is worth as many of the other's bytes as it has.
    assert rows["plain", 1200].equivalent == pytest.approx(1.0, abs=0.02)
    assert rows["vvc", 1200].equivalent is None
    assert rows["plain", 1200].frechet is not None


def test_the_yardstick_is_measured_on_the_same_pictures():
    """What VVC could not code, or was not judged on, counts on neither side."""

    def result(codec, picture, target, size, lpips):
        found = {} if lpips is None else {"lpips_alex": lpips}
        return Result(codec, codec.upper(), "image", picture, target, size, found)

    easy = [result("vvc", "easy", size, size, lpips) for size, lpips in ((400, 0.4), (800, 0.3), (1600, 0.2))]
    hard = [result("vvc", "hard", size, size, lpips) for size, lpips in ((400, 0.8), (800, 0.7), (1600, None))]
    own = [result("a", "easy", 400, 400, 0.3), result("a", "hard", 400, 400, 0.7)]
    (row,) = (row for row in summarise(compare.Report({}, {}, [*easy, *hard, *own])) if row.codec == "a")
    assert row.equivalent == pytest.approx(2.0) and "1 pictures that both have" in row.note
    assert row.metrics["lpips_alex"] == pytest.approx(0.5)
    (row,) = (row for row in summarise(compare.Report({}, {}, [*easy, own[1]])) if row.codec == "a")
    assert row.equivalent is None and "no picture that both have" in row.note
    whole = [result("vvc", "hard", 1600, 1600, 0.6)]
    (row,) = (row for row in summarise(compare.Report({}, {}, [*easy, *hard[:2], *whole, *own])) if row.codec == "a")
    assert row.equivalent == pytest.approx(2.0) and row.note == ""


# ------------------------------------------------------------------------------------------------ the page


@pytest.fixture(scope="module")
def small_report(faces_folder):
    return run(faces_folder)


def test_page_is_self_contained_and_holds_the_numbers(faces_folder, small_report):
    shown = compare.examples(small_report, faces_folder, 1, 1200, load_test_codecs(small_report.codecs))
    text = report.page(small_report, shown, [("HSC", 0.0077, 0.279), ("VVC", 0.0141, 0.439)])
    for row in summarise(small_report):
        if row.codec == "plain":
            assert f"<td>{row.bytes:,.0f}</td>" in text
    assert "its weights are not here" in text
    assert "HSC, as published (other pictures)" in text
    assert text.count("data:image/webp;base64,") == 3  # the original, plain and the yardstick
    outside = text.replace(__import__("plotly.offline").offline.get_plotlyjs(), "")
    assert 'src="http' not in outside and 'href="http' not in outside
    assert outside.count("<script>") == outside.count("</script>")


def test_pictures_in_the_page_are_without_loss():
    import base64
    import io

    picture = face(3).resize((64, 64))
    data = base64.b64decode(report.data_uri(picture).split(",")[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), np.asarray(picture))


def test_names_are_escaped():
    row = Row("x", "<b>X&Y</b>", "image", 500, 1, 0, 1.0, 400.0, 0.003, {"psnr": 20.0}, {}, None, None, "", "<i>")
    assert "&lt;b&gt;X&amp;Y" in report.html_table([row]) and "<i>" not in report.html_table([row]).replace(
        "<i style", ""
    )


def test_figure(small_report):
    rows = summarise(small_report)
    figure = report.rate_distortion_figure(rows, "psnr", [("HSC", 0.01, 0.3)])
    assert [trace.name for trace in figure.data] == ["VVC", "Plain"]
    assert list(figure.data[0].x) == sorted(figure.data[0].x)
    assert [trace.name for trace in report.rate_distortion_figure(rows, "lpips_alex", [("HSC", 0.01, 0.3)]).data][
        -1
    ] == "HSC, as published (other pictures)"


def test_tables(small_report):
    text = report.text_table(small_report)
    assert "Plain" in text and "its weights are not here" in text and "1.0 times" in text


def test_published_points(tmp_path):
    path = tmp_path / "paper.csv"
    path.write_text("# a comment\ncodec,bpp,lpips,dists\nHSC,0.0060,0.295,0.153\n")
    assert report.read_paper(path) == [("HSC", 0.006, 0.295)]
    path.write_text("codec;bpp\n1;2\n")
    with pytest.raises(ImageError, match="paper.csv"):
        report.read_paper(path)


# ------------------------------------------------------------------------------------------------ command
# line


def test_command_line_refuses_in_one_sentence(tmp_path, monkeypatch, capsys):
    def refused(*words):
        monkeypatch.setattr(sys, "argv", ["hsc", "compare", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.run()
        assert ended.value.code == 2
        return capsys.readouterr().err

    for words, said in (
        ([tmp_path / "none"], "no folder"),
        ([tmp_path], "no pictures"),
        ([tmp_path, "--bytes", "800,many"], "whole numbers"),
        ([tmp_path, "--bytes", "0"], "at least 1 byte"),
    ):
        assert said in refused(*words)
    face().save(tmp_path / "face.png")
    assert "jpge" in refused(tmp_path, "--codecs", "jpeg,jpge")
    monkeypatch.setattr(compare, "default_judge", PixelJudge)
    monkeypatch.setattr(compare.folder, "default_judge", PixelJudge)
    nowhere = tmp_path / "missing" / "r.json"
    cannot = refused(tmp_path, "--codecs", "jpeg", "--bytes", 9000, "--json", nowhere, "--cache", tmp_path / "cache")
    assert f"{nowhere} cannot be written: there is no folder {nowhere.parent}." in cannot


def test_command_line_lists_codecs():
    result = CliRunner().invoke(compare_command, ["--list"])
    assert result.exit_code == 0
    assert all(codec.key in result.output for codec in baselines.codecs())


@pytest.mark.slow
def test_the_whole_command_on_faces(face_paths, tmp_path):
    """Real codecs and networks; VVC beats JPEG at every measure, and is its own yardstick."""
    (tmp_path / "faces").mkdir()
    for path in face_paths[:2]:
        (tmp_path / "faces" / path.name).write_bytes(path.read_bytes())
    arguments = [str(tmp_path / "faces"), "--bytes", "800,1500", "--codecs", "vvc,jpeg", "--pictures", "1",
                 "--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html"),
                 "--cache", str(tmp_path / "cache"), "--processes", "1"]  # fmt: skip
    result = CliRunner().invoke(compare_command, arguments)
    assert result.exit_code == 0, result.output
    rows = {(row.codec, row.target): row for row in summarise(compare.Report.load(tmp_path / "r.json"))}
    assert 700 < rows["vvc", 800].bytes <= 800 < 5000 < rows["jpeg", 800].bytes
    assert rows["vvc", 1500].metrics["lpips_alex"] < rows["vvc", 800].metrics["lpips_alex"] < 0.6
    assert rows["jpeg", 800].fitting == 0 and "cannot go this low" in rows["jpeg", 800].note
    assert rows["vvc", 800].frechet > rows["vvc", 1500].frechet
    assert (tmp_path / "r.html").stat().st_size > 1e6
