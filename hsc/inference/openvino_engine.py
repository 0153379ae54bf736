"""The networks behind the symbols in OpenVINO, on a CPU, several times faster than eager PyTorch."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsc.architecture import LATENT, LAYERS
from hsc.inference import graphs
from hsc.inference.blob_cache import BlobCache
from hsc.inference.model import DecoderModel, Level
from hsc.runtime import memory

if TYPE_CHECKING:
    from hsc.inference.openvino_ops import OpenVINOOps
    from hsc.inference.openvino_runtime import ov

Weights = Mapping[str, np.ndarray]


class OpenVINOEngine:
    """Runs graphs of :mod:`hsc.inference.graphs` in float32; see :class:`hsc.inference.engine.Engine`.

    Each graph is compiled when it is first needed, or read from the cache of compiled graphs.

    Args:
        model: networks behind the symbols.
        generator: gives the generator's weights; called only where something has to be compiled.
        preview_head: the same for those of the preview head.
        threads: of the CPU, 0 for all.
        cache: of compiled graphs.
        key: stands for all weights; other weights need another.
    """

    def __init__(
        self,
        model: DecoderModel,
        generator: Callable[[], Weights],
        preview_head: Callable[[], Weights],
        threads: int = 0,
        cache: BlobCache | None = None,
        key: str = "",
    ) -> None:
        self._model, self._generator, self._preview_head = model, generator, preview_head
        self.threads, self._cache, self._weights_key = threads, cache or BlobCache(None), key
        self._runners: dict[str, _Runner] = {}
        self._release = memory.WhenIdle(self._release_all)
        self._lock = threading.Lock()
        self._preparing = False

    def codes(self, coefficients: np.ndarray) -> np.ndarray:
        """Dequantised coefficients ``(1, 768)`` to S^ ``(1, 16, 512)``."""
        return self._runner("semantics", lambda ops: graphs.semantics(ops, self._model.weights))([coefficients])

    def mean_codes(self) -> np.ndarray:
        """The mean latent as style codes ``(1, 16, 512)``."""
        mean = self._model.weights["scn.mean"].astype(np.float32)
        return np.broadcast_to(mean, (1, LAYERS, LATENT)).copy()

    def features(self, codes: np.ndarray, level: int, features: np.ndarray | None = None, start: int = 0) -> np.ndarray:
        """Style codes, or those and features at level ``start``, to features at ``level``."""
        if features is None:
            return self._synthesis(None, level)([codes])
        return features if start == level else self._synthesis(start, level)([codes, features])

    def feature_change(self, index: int, coefficients: np.ndarray, base: np.ndarray) -> np.ndarray:
        """What dequantised coefficients of a level add to features."""
        return self._change(self._model.levels[index])([coefficients, base])

    @property
    def generator_weights(self) -> Weights:
        """Weights of the generator, by the names of its state dictionary."""
        return self._generator()

    def modulated_start(self, factors: np.ndarray) -> np.ndarray:
        """See :func:`hsc.inference.graphs.modulated_start`."""
        return self._runner("modulated_4", lambda ops: graphs.modulated_start(ops, self._generator()))([factors])

    def modulated_block(self, index: int, features: np.ndarray, *factors: np.ndarray) -> np.ndarray:
        """See :func:`hsc.inference.graphs.modulated_block`."""
        name = f"modulated_{8 * 2**index}"
        runner = self._runner(name, lambda ops: graphs.modulated_block(ops, self._generator(), index))
        return runner([features, *factors])

    def sampled(self, features: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Features ``(1, C, h, h)`` at places ``(1, h, h, 2)``, from -1 to 1: bicubic, edges repeated."""

        def build(ops: OpenVINOOps) -> ov.Node:
            return ops.sample(ops.input("features", features.shape), ops.input("where", where.shape))

        return self._runner(f"sampled_{features.shape[-1]}", build)([features, where])

    def preview(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Features ``(1, 512, 64, 64)`` to an approximate picture ``(1, 3, 256, 256)``."""
        runner = self._runner("preview", lambda ops: graphs.preview(ops, self._generator(), self._preview_head()))
        return runner([codes, features])

    def image(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Features ``(1, 512, 64, 64)`` to the picture ``(1, 3, 1024, 1024)``."""
        return self._image()([codes, features])

    def prepare(self) -> None:
        """Begin to compile, in the background and once, what a file needs to become a picture."""
        with self._lock:
            if self._preparing:
                return
            self._preparing = True
        threading.Thread(target=self._prepare, name="hsc-prepare").start()

    def _prepare(self) -> None:
        with contextlib.suppress(Exception):  # whoever needs the graph meets the error
            self._runner("semantics", lambda ops: graphs.semantics(ops, self._model.weights))
            start = None
            for level in self._model.levels:
                self._synthesis(start, level.generator_level)
                start = level.generator_level
                self._change(level)
            self._image()

    def _synthesis(self, start: int | None, level: int) -> _Runner:
        name = f"synthesis_{4 * 2**level}" if start is None else f"synthesis_{4 * 2**start}_{4 * 2**level}"
        return self._runner(name, lambda ops: graphs.synthesis(ops, self._generator(), start, level))

    def _change(self, level: Level) -> _Runner:
        return self._runner(
            f"change_{2 * level.size}", lambda ops: graphs.feature_change(ops, self._model.weights, level)
        )

    def _image(self) -> _Runner:
        return self._runner("image", lambda ops: graphs.image(ops, self._generator()))

    def _runner(self, name: str, build: Callable[[Any], Any]) -> _Runner:
        with self._lock:
            runner = self._runners.setdefault(name, _Runner(self._release))
        with runner.lock:  # others compile meanwhile
            if runner.compiled is None:
                runner.compiled, runner.noise = self._compile(name, build)
        return runner

    def _release_all(self) -> None:
        with self._lock:
            runners = list(self._runners.values())
        for runner in runners:
            runner.release()

    def _compile(self, name: str, build: Callable[[Any], Any]) -> tuple[ov.CompiledModel, list[np.ndarray]]:
        from hsc.inference.openvino_runtime import core

        data = self._cache.read(name, self._key)
        if data is not None:
            try:
                compiled = core().import_model(data, "CPU", self._settings)
                return compiled, self._noise_of(compiled)
            except RuntimeError:  # of another version of the runtime, for all that its name says
                pass
        from hsc.inference.openvino_ops import OpenVINOOps

        ops = OpenVINOOps()
        output = build(ops)
        compiled = core().compile_model(ops.model(output, name), "CPU", self._settings)
        self._cache.write(name, self._key, compiled.export_model().getvalue())
        return compiled, self._noise_of(compiled)

    def _noise_of(self, compiled: ov.CompiledModel) -> list[np.ndarray]:
        """The noise maps that a graph takes as inputs, see :class:`hsc.inference.openvino_ops.OpenVINOOps`."""
        names = [port.get_node().get_friendly_name() for port in compiled.inputs]
        names = [name for name in names if name.endswith(".noise")]
        weights = self._generator() if names else {}
        return [np.ascontiguousarray(weights[name]) for name in names]

    @cached_property
    def _settings(self) -> dict[str, Any]:
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        return {**settings, "INFERENCE_NUM_THREADS": self.threads} if self.threads else settings

    @cached_property
    def _key(self) -> str:
        """Everything that a compiled graph depends on."""
        from hsc.inference.openvino_runtime import core, ov

        processor = core().get_property("CPU", "FULL_DEVICE_NAME")
        sources = [Path(__file__).with_name(f"{name}.py") for name in ("graphs", "openvino_ops", "openvino_engine")]
        code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
        return f"{ov.__version__} {processor} {self.threads} {self._weights_key} {code}"


class _Runner:
    """A compiled graph, run by one thread at a time: memory cannot be released while another one uses it.

    Activations of a picture, 150 MB, must not wait for the next one for ever. Where the system has to be asked for each
    page of them anew, which takes nearly half as long as what is computed, they wait for a second.

    Args:
        later: calls :meth:`release` when nobody has put it off for a while.
    """

    compiled: ov.CompiledModel | None = None
    noise: Sequence[np.ndarray] = ()

    def __init__(self, later: memory.WhenIdle) -> None:
        self.lock, self._later = threading.Lock(), later
        self._request: ov.InferRequest | None = None

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        given = [np.ascontiguousarray(value, np.float32) for value in inputs]
        assert self.compiled is not None  # set by who made the runner
        with self.lock:
            if self._request is None:
                self._request = self.compiled.create_infer_request()
            self._request.infer([*given, *self.noise], share_inputs=True)
            output = self._request.get_output_tensor(0).data.copy()
            if memory.keeps_memory():
                self._release()
            else:
                self._later.put_off()
        return output

    def release(self) -> None:
        """Give back the memory of activations."""
        with self.lock:
            self._release()

    def _release(self) -> None:
        if self.compiled is not None:
            self._request = None
            self.compiled.release_memory()
