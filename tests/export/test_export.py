"""Files for decoders elsewhere: the same bytes every time; another reader of ONNX runs graphs to the same values."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

import directions
import hsc
from hsc.cli import main as cli
from hsc.editing import array_local
from hsc.export import export
from hsc.inference.exact import EXP2
from hsc.inference.model import DecoderModel

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export(folder)
    return folder


@pytest.fixture(scope="module")
def manifest(folder) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def run_graph(path: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """OpenVINO's own reader of ONNX shares no code with what wrote the file."""
    from hsc.inference.openvino_runtime import core

    compiled = core().compile_model(core().read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(inputs)["output"]


def columns(codes: np.ndarray, start: int, side: int, *placed: tuple[np.ndarray, Any]) -> dict[str, np.ndarray]:
    """Inputs of a graph that makes features from ``start`` to ``side``: S^, and shifts each with its map of a side."""
    inputs = {"codes": np.stack([codes[0], *(shift for shift, _ in placed)], -1)}
    for each in (4, 8, 16, 32, 64):
        if start <= each <= side:
            maps = [np.ones(each**2, np.float32), *(place(each).reshape(-1) for _, place in placed)]
            inputs[f"amounts_{each}"] = np.stack(maps)
    return inputs


def test_the_manifest_says_what_there_is(folder, manifest):
    assert {path.name for path in folder.iterdir()} == {*manifest["files"], "manifest.json"}
    for name, told in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (told["bytes"], told["sha256"])
    assert manifest["models"] == [9, 10] and "non-commercial" in manifest["licence"]
    assert sum(told["bytes"] for told in manifest["files"].values()) < 32e6


def test_the_same_release_gives_the_same_bytes(folder, tmp_path):
    done = CliRunner().invoke(cli.main, ["export", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_whole_file_is_decoded_by_the_graphs(folder, manifest):
    """From coefficients to the preview, each graph by what the one before it gives, as docs/export.md says."""
    codec = hsc.Codec.load()
    data = (GOLDEN / "detailed.hsc").read_bytes()
    told, state = codec._decoder._read(data)
    semantics = codec.parse(data)
    state.features()
    assert len(told["layers"]) == 15
    coefficients = state._semantics.astype(np.float32)[None]
    codes = run_graph(folder / "semantics.onnx", {"coefficients": coefficients})
    features = run_graph(folder / "synthesis_16.onnx", columns(codes, 4, 16))
    for side, received in zip((16, 32, 64), state._received):
        if side > 16:
            name = f"synthesis_{side // 2}_{side}.onnx"
            features = run_graph(folder / name, {**columns(codes, side // 2, side), "features": features})
        features = features + run_graph(folder / f"change_{side}.onnx", {"coefficients": received, "base": features})
    preview = run_graph(folder / "preview.onnx", {"codes": codes, "features": features})
    expected = codec.engine.preview(codec.finest(semantics), semantics.codes)
    assert 10 * np.log10(4 / np.square(preview - expected).mean()) > 55
    for name, facts in manifest["files"].items():
        if name.endswith(".onnx"):
            assert facts["storage"] == "float16" and facts["inputs"]


def test_style_codes_may_move_from_place_to_place(folder):
    codec = hsc.Codec.load()
    codes = codec.parse((GOLDEN / "middle.hsc").read_bytes()).codes
    movements = directions.movements({"smile": 1.0, "beard": -0.7})
    placed = [(one.shift, one.map) for one in movements]
    features, start = None, ()
    for name, before, side, level in (("synthesis_16", 4, 16, 2), ("synthesis_16_32", 16, 32, 3)):
        given = {} if features is None else {"features": features}
        features = run_graph(folder / f"{name}.onnx", {**columns(codes, before, side, *placed), **given})
        expected = array_local.synthesize(codec.engine, codes, movements, level, *start)
        assert np.square(features - expected).mean() < 1e-6 * np.square(expected).mean()
        features, start = expected, (expected, level)


def test_the_picture_of_8_bits_is_near(folder, tmp_path):
    paths = export(tmp_path, int8=True)
    sizes = [sum(path.stat().st_size for path in each) for each in (folder.iterdir(), paths)]
    assert sizes[1] < sizes[0] - 2e6
    codec = hsc.Codec.load()
    semantics = codec.parse((GOLDEN / "long.hsc").read_bytes())
    inputs = {"codes": semantics.codes, "features": codec.finest(semantics)}
    pictures = [run_graph(path / "image.onnx", inputs) for path in (folder, tmp_path)]
    expected = codec.engine.image(inputs["features"], inputs["codes"])
    found = [10 * np.log10(4 / np.square(picture - expected).mean()) for picture in pictures]
    assert found[0] > 75 and found[1] > 45


@pytest.fixture(scope="module")
def compact_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compact")
    export(folder, compact=True)
    return folder


def test_compact_weights_are_near_and_compress(folder, manifest, compact_folder):
    """Each graph gives nearly what that of half precision gives, whose manifest says the same but for storage."""
    compact = json.loads((compact_folder / "manifest.json").read_text())["files"]
    integers = {name for name, told in compact.items() if told.get("storage") == "int16"}
    assert integers == {name for name in compact if name.startswith(("semantics", "synthesis", "change"))}
    codes = hsc.Codec.load().parse((GOLDEN / "middle.hsc").read_bytes()).codes
    rng = np.random.default_rng(0)
    for name in sorted(integers):
        assert compact[name]["inputs"] == manifest["files"][name]["inputs"]
        inputs = {}
        for given, shape in compact[name]["inputs"].items():
            sides = [1 if isinstance(side, str) else side for side in shape]
            if given == "codes":
                inputs[given] = codes[0][..., None]
            elif given.startswith("amounts"):
                inputs[given] = np.ones(sides, np.float32)
            else:
                inputs[given] = rng.standard_normal(sides).astype(np.float32)
        found, expected = (run_graph(path / name, inputs) for path in (compact_folder, folder))
        assert np.square(found - expected).mean() < 1e-5 * np.square(expected).mean(), name
    # By byte planes; half precision takes 14 bits a weight, however it is packed.
    data = [(path / "synthesis_16.onnx").read_bytes() for path in (compact_folder, folder)]
    packed = [len(zlib.compress(each[::2] + each[1::2])) for each in data]
    assert packed[0] < 0.8 * packed[1]


def test_compact_pictures_are_made_by_rows(folder, compact_folder):
    codec = hsc.Codec.load()
    semantics = codec.parse((GOLDEN / "long.hsc").read_bytes())
    inputs = {"codes": semantics.codes, "features": codec.finest(semantics)}
    whole = run_graph(folder / "image.onnx", inputs)
    parts = ((0, 64, slice(0, 64)), (14, 34, slice(2, 18)), (46, 64, slice(2, 18)))
    for first, end, inner in parts:
        rows = np.arange(first, end)
        found = run_graph(compact_folder / "image.onnx", {**inputs, "rows": rows.astype(np.float32)})
        expected = whole[:, :, 16 * rows[inner][0] : 16 * (rows[inner][-1] + 1)]
        cut = found[:, :, 16 * inner.start : 16 * inner.stop]
        assert cut.shape == expected.shape and np.abs(cut - expected).max() < 1e-3


def test_compact_exact_networks_are_the_same_numbers(folder, compact_folder):
    half, compact = (load_file(path / "exact.safetensors") for path in (folder, compact_folder))
    assert half.keys() == compact.keys() and sum(value.dtype == np.int16 for value in compact.values()) > 20
    for name, value in compact.items():
        unit = 2.0**-12 if value.dtype == np.int16 else 1
        assert np.array_equal(value.astype(np.float64) * unit, half[name].astype(np.float64)), name


def test_exact_networks_decode_to_the_same_symbols(folder):
    """By the exported file alone: with what lies on the grid already, nothing is rounded a second time."""
    from hsc.decoder import Decoder

    tensors = load_file(folder / "exact.safetensors")
    assert tuple(tensors.pop("exp2")) == EXP2
    floats = {f"fcn.{i}.synthesis.bias": np.zeros(1, np.float32) for i in (0, 1)}
    model = DecoderModel({**tensors, **floats})
    for name in ("short", "middle", "long", "detailed"):
        data = (GOLDEN / f"{name}.hsc").read_bytes()
        found = Decoder(model, hsc.Codec.load().engine).inspect(data).symbols
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as expected:
            assert all(np.array_equal(values, expected[key]) for key, values in zip(expected.files, found))


def test_directions_are_those_of_the_package(folder, manifest):
    arrays = load_file(folder / "directions.safetensors")
    assert [each["name"] for each in manifest["directions"]] == directions.names()
    for each in manifest["directions"]:
        direction = directions.load(each["name"])
        assert each["id"] == direction.id and np.array_equal(arrays[each["name"]], direction.array)
        assert each["response"] == direction.metadata["response"]
        if len(direction.tints):
            assert np.array_equal(arrays[f"{each['name']}.paint"], direction.tints)
            assert len(each["paints"]) == len(direction.tints)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(cli.main, ["export", str(tmp_path / "file" / "x")])
    assert done.exit_code == 2 and "Traceback" not in done.output
