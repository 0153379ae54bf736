"""The conformance kit itself: both of our decoders pass it, and one that errs does not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import hsc
from hsc.cli import main as cli
from hsc.conformance import run
from hsc.conformance.protocol import answer
from hsc.conformance.runner import decoder, kit_folder
from hsc.errors import HSCError
from hsc.inference.torch_engine import TorchEngine

KIT = json.loads((kit_folder() / "kit.json").read_text())["files"]


def test_the_kit_has_every_feature():
    sound = {name: told for name, told in KIT.items() if "error" not in told}
    assert len(KIT) >= 30 and {len(told["ends"]) for told in sound.values()} == set(range(16))
    assert {told["model"] for told in sound.values()} == {None, 9, 10}
    assert {0, 255} <= {told["quality"] for told in sound.values()}
    assert any(told["edits"] for told in sound.values()) and any(name.startswith("escapes") for name in sound)
    assert len({told["error"] for told in KIT.values() if "error" in told}) >= 12
    size = sum(path.stat().st_size for path in kit_folder().iterdir() if path.is_file())
    assert size < 500_000


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("engine", ["OpenVINO", "PyTorch"])
def test_our_decoders_conform(codec, threads, engine):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        own = hsc.Codec.load()
        if engine == "PyTorch":
            own.__dict__["engine"] = TorchEngine(codec.generator, codec.networks, codec.preview)
        report = run(lambda request: answer(own, request))
    finally:
        torch.set_num_threads(before)
    assert not report.failures and not report.skipped and report.files == len(KIT)


def small_kit(folder: Path) -> Path:
    """A kit of four files, one of them damaged."""
    names = ("golden-short.hsc", "empty.hsc", "edits.hsc", "damaged-magic.hsc")
    kit = json.loads((kit_folder() / "kit.json").read_text())
    kit["files"] = {name: kit["files"][name] for name in names}
    for name in names:
        shutil.copy(kit_folder() / name, folder)
        if picture := kit["files"][name].get("picture"):
            shutil.copy(kit_folder() / picture, folder)
    (folder / "kit.json").write_text(json.dumps(kit))
    return folder


def test_a_decoder_that_errs_is_found_out(tmp_path):
    codec = hsc.Codec.load()

    def wrong(request):
        told = answer(codec, request)
        if told.get("symbols"):
            told["symbols"][-1] = "0" * 64
        return told if request["do"] == "symbols" else {"unsupported": request["do"]}

    report = run(wrong, small_kit(tmp_path))
    assert report.skipped == {"features", "picture"}
    assert any("symbols differ" in line for line in report.failures)
    assert not any("is refused" in line for line in report.failures)


def test_another_program_is_a_decoder(tmp_path):
    """Ours, spoken to through the protocol."""
    command = f"{sys.executable} -m hsc.conformance.protocol"
    done = CliRunner().invoke(cli.main, ["conformance", "--kit", str(small_kit(tmp_path)), "--decoder", command])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("4 files") and "0 failed" in done.output


@pytest.mark.parametrize("code", ["", "print('no JSON')", "import time; time.sleep(60)"])
def test_a_decoder_that_does_not_answer_is_one_sentence(code):
    with pytest.raises(HSCError, match="answers .*, not a JSON object"):
        with decoder(f'{sys.executable} -c "{code}"', timeout=2) as ask:
            ask({"do": "symbols", "file": str(Path(__file__))})
    with pytest.raises(HSCError, match="cannot be started"), decoder("/nothing/there") as ask:
        pass
