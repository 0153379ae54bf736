"""GPUs that are lent by the call, with a ``spaces`` package of our own in place of the hosts'."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import gpu


@pytest.fixture
def spaces(tmp_path: Path, monkeypatch) -> None:
    """A package that says of every function that it asks for a GPU."""
    lines = "def GPU(duration):\n    return lambda function: lambda *given: (duration, function(*given))\n"
    (tmp_path / "spaces.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)


def test_a_space_without_gpus_runs_everything_on_its_cpu(spaces) -> None:
    assert not gpu.lent()
    assert gpu.on_gpu(5)(abs)(-1) == 1


@pytest.mark.parametrize("said", ["", "0", "false"])
def test_a_space_that_says_no_lends_none(spaces, monkeypatch, said: str) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", said)
    assert not gpu.lent()


@pytest.mark.parametrize("said", ["1", "true"])
def test_a_call_asks_for_a_gpu_where_they_are_lent(spaces, monkeypatch, said: str) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", said)
    assert gpu.lent()
    assert gpu.on_gpu(5)(abs)(-1) == (5, 1)


def test_nothing_is_lent_without_the_package(monkeypatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not gpu.lent()


def test_a_studio_on_a_space_without_gpus_loads_nothing_at_once(spaces) -> None:
    from app.studio import Studio

    def fail():
        raise AssertionError("loaded")

    Studio(load=fail)
