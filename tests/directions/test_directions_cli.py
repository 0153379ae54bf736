"""The command line: what it lists, and how it refuses."""

import pytest
from click.testing import CliRunner

import directions
from directions.cli import main


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_list_names_every_direction_with_its_range(run):
    result = run("list")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.output.splitlines()] == directions.names()


def test_verbose_list_shows_side_effects(run):
    output = run("list", "-v").output
    assert "identity" in output and "yaw" in output


def test_learn_asks_for_a_name(run):
    result = run("learn")
    assert result.exit_code == 2 and "Name at least one attribute" in result.output


def test_calibrate_refuses_what_is_not_shipped(run):
    for arguments in ((), ("ethnicity",)):
        result = run("calibrate", *arguments)
        assert result.exit_code == 2 and "Traceback" not in result.output


def test_unknown_attributes_are_refused(run):
    result = run("learn", "ethnicity")
    assert result.exit_code == 2 and "is not one of" in result.output


def test_a_folder_without_pictures_is_refused(run, tmp_path):
    result = run("evaluate", "--photos", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert result.output.startswith("error: There are no pictures in ")
