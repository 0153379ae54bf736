"""The decoder's engine against PyTorch's modules, graph by graph and as a whole; its cache of compiled graphs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import hsc
from hsc.inference.blob_cache import BlobCache
from hsc.inference.openvino_engine import _Runner
from hsc.inference.setup import openvino_engine
from hsc.inference.torch_engine import TorchEngine
from hsc.runtime.memory import WhenIdle

GOLDEN = Path(__file__).parents[1] / "golden"
LEAST = 60
"""Signal to noise in dB that the two are to agree by, for values and for pictures."""


@pytest.fixture(scope="module")
def reference(codec) -> TorchEngine:
    return TorchEngine(codec.generator, codec.networks, codec.preview)


@pytest.fixture(scope="module")
def codes(codec) -> np.ndarray:
    return hsc.Codec.load().parse((GOLDEN / "long.hsc").read_bytes()).codes


def decibels(found: np.ndarray, expected: np.ndarray, peak: float | None = None) -> float:
    """Peak, or by default root mean square, of what is expected over the root mean square error."""
    error = float(np.square(found.astype(np.float64) - expected).mean())
    signal = float(np.square(expected.astype(np.float64)).mean()) if peak is None else peak**2
    return 10 * np.log10(signal / max(error, 1e-30))


def test_style_codes_agree(codec, reference):
    assert np.array_equal(codec.engine.mean_codes(), reference.mean_codes())
    coefficients = np.random.default_rng(0).normal(size=(1, 768)).astype(np.float32)
    assert decibels(codec.engine.codes(coefficients), reference.codes(coefficients)) > LEAST


@pytest.mark.parametrize(("start", "level"), [(None, 2), (None, 3), (2, 3), (3, 4), (2, 4)])
def test_features_agree(codec, reference, codes, start, level):
    before = () if start is None else (reference.features(codes, start), start)
    found, expected = (engine.features(codes, level, *before) for engine in (codec.engine, reference))
    assert found.shape == expected.shape and decibels(found, expected) > LEAST


@pytest.mark.parametrize("index", [0, 1, 2])
def test_changes_of_features_agree(codec, reference, codes, index):
    level = codec.model.levels[index]
    random = np.random.default_rng(index)
    coefficients = random.normal(size=(1, level.latent, level.size, level.size)).astype(np.float32)
    base = reference.features(codes, level.generator_level)
    found, expected = (engine.feature_change(index, coefficients, base) for engine in (codec.engine, reference))
    assert found.shape == base.shape and decibels(found, expected) > LEAST


@pytest.mark.parametrize("kind", ["preview", "image"])
def test_pictures_of_features_agree(codec, reference, codes, kind):
    features = reference.features(codes, 4)
    found, expected = (getattr(engine, kind)(features, codes) for engine in (codec.engine, reference))
    assert found.shape == expected.shape and decibels(found, expected, 2) > LEAST


@pytest.mark.parametrize("name", ["short", "middle", "long", "detailed"])
def test_whole_files_agree(codec, reference, name):
    """Symbols are the same numbers, and pictures differ by less than can be seen."""
    from hsc.decoder import Decoder
    from hsc.rendering.renderer import Renderer

    data = (GOLDEN / f"{name}.hsc").read_bytes()
    own, other = codec.parse(data), Decoder(codec.model, reference).parse(data)
    assert all(np.array_equal(first, second) for first, second in zip(own.symbols, other.symbols))
    pictures = [np.asarray(codec.render(own, 512), float), np.asarray(Renderer(reference, 3).render(other, 512), float)]
    assert decibels(*pictures, 255) > LEAST


def test_threads_may_render_at_the_same_time(codec, codes):
    features = [codec.engine.features(codes, 4) * scale for scale in (1, 0.9)]
    alone = [codec.engine.preview(feature, codes) for feature in features]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda i: codec.engine.preview(features[i % 2], codes), range(6)))
    assert all(np.array_equal(picture, alone[index % 2]) for index, picture in enumerate(together))


def test_compiled_graphs_are_kept_and_damaged_ones_made_anew(codec, codes, tmp_path, monkeypatch):
    monkeypatch.setattr("hsc.inference.setup.BlobCache", lambda folder: BlobCache(tmp_path / "graphs"))
    first = openvino_engine(codec.model, codec._paths).features(codes, 2)
    (kept,) = (tmp_path / "graphs").iterdir()
    whole = kept.read_bytes()
    for damaged in (whole, whole[:1000], b"", whole[:5000] + b"\1" + whole[5001:]):
        kept.write_bytes(damaged)
        assert np.array_equal(openvino_engine(codec.model, codec._paths).features(codes, 2), first)
        # Its names of nodes are numbered throughout a process, so that not all of its bytes come again.
        assert len(kept.read_bytes()) > 0.99 * len(whole) and (kept.read_bytes() == damaged) == (damaged is whole)
    # A digest that is right of bytes that are none of the runtime's.
    cache = BlobCache(tmp_path / "graphs")
    engine = openvino_engine(codec.model, codec._paths)
    cache.write("synthesis_16", engine._key, b"something else")
    assert np.array_equal(engine.features(codes, 2), first)


def test_a_cache_that_cannot_be_written_is_done_without(codec, codes, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setattr("hsc.inference.setup.BlobCache", lambda folder: BlobCache(blocked))
    assert openvino_engine(codec.model, codec._paths).features(codes, 2).shape == (1, 512, 16, 16)


class CountedGraph:
    """Stands for a compiled graph that doubles its input."""

    requests = released = 0

    def create_infer_request(self):
        self.requests += 1
        return self

    def infer(self, inputs, share_inputs):
        self.data = 2 * inputs[0]

    def get_output_tensor(self, index):
        return self

    def release_memory(self):
        self.released += 1


@pytest.mark.parametrize("keeps", [False, True])
def test_activations_wait_for_the_next_picture_for_a_while(keeps, monkeypatch):
    """Unless the process keeps memory that is freed, and can have them again for nothing."""
    monkeypatch.setattr("hsc.runtime.memory.keeps_memory", lambda: keeps)
    given_back = threading.Event()

    def give_back():
        runner.release()
        given_back.set()

    runner = _Runner(WhenIdle(give_back, 0.3))
    runner.compiled = graph = CountedGraph()
    outputs = [runner([np.full((2, 2), value, np.float32)]) for value in (1, 2)]
    assert [output[0, 0] for output in outputs] == [2, 4]
    if keeps:
        assert (graph.requests, graph.released) == (2, 2)
        return
    assert (graph.requests, graph.released) == (1, 0)
    assert given_back.wait(10) and graph.released == 1
    assert runner([np.ones((2, 2), np.float32)])[1, 1] == 2 and graph.requests == 2


def test_an_engine_that_gave_back_its_memory_goes_on(codec, codes):
    first = codec.engine.features(codes, 2)
    codec.engine._release_all()
    assert np.array_equal(codec.engine.features(codes, 2), first)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
def test_a_codec_may_go_in_another_thread_than_it_was_used_in():
    """OpenVINO unmaps the stack on which the first thread answers signals, once nothing of it is left."""
    code = """
import gc, signal, threading, time, weakref
import numpy as np
import hsc
signal.signal(signal.SIGUSR1, lambda *_: print("told"))
codec = hsc.Codec.load()
codec.engine.codes(np.zeros((1, 768), np.float32))
engine = weakref.ref(codec.engine)
del codec
while threading.active_count() > 1:
    time.sleep(0.05)
collecting = threading.Thread(target=gc.collect)
collecting.start()
collecting.join()
assert engine() is None
signal.raise_signal(signal.SIGUSR1)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=120)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


def test_decoding_imports_no_torch(tmp_path):
    """Nor does it need any, where there is none: an import of it fails here."""
    code = f"""
import sys
sys.modules["torch"] = None  # importing it raises ModuleNotFoundError
import hsc
from hsc.errors import HSCError
codec = hsc.Codec.load()
data = open({str(GOLDEN / "detailed.hsc")!r}, "rb").read()
assert codec.inspect(data).model_id == 10
codec.decode(data, 256).save({str(tmp_path / "out.png")!r})
assert codec.render_preview(codec.parse(data)).size == (256, 256)
try:
    codec.encode(None, max_bytes=800)
except HSCError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Encoding needs PyTorch, which is not installed: pip install 'hsc-studio[encode]'.\n"
    assert (tmp_path / "out.png").exists()
