"""The codec: an aligned face in, a scalable bitstream out, and the face back. The package's one facade."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from hsc import weights
from hsc.architecture import SIZE
from hsc.coding.entropy_tables import EntropyTables
from hsc.decoder import Decoder
from hsc.editing.registry import direction_set
from hsc.encoder import presets
from hsc.encoder.presets import Preset
from hsc.errors import HSCError, WeightsError
from hsc.inference.engine import Engine
from hsc.inference.model import DecoderModel, WeightsFiles
from hsc.model_ids import DETAILED_MODEL_ID, MODELS
from hsc.rendering.renderer import Renderer
from hsc.semantics import Array, Contents, Semantics, to_array

if TYPE_CHECKING:
    import torch

    from hsc.editing.array_editor import ArrayEditor
    from hsc.editing.editor import Editor
    from hsc.encoder.context import EncoderContext
    from hsc.encoder.encoder import Encoder
    from hsc.generator import Generator
    from hsc.generator.preview_head import PreviewHead
    from hsc.metrics.lpips import LPIPS
    from hsc.networks.hsc_networks import HSCNetworks


class Codec:
    """Generator, networks and tables, ready to encode, decode, edit and render.

    Use :meth:`load`. Decoding and rendering need no PyTorch, and do not import it; what encodes is loaded when it is
    first asked for. A file decodes to the same symbols everywhere.
    """

    def __init__(self, folder: Path | None = None, device: str | torch.device | None = None) -> None:
        self._folder, self._device = folder, device
        names = list(MODELS[DETAILED_MODEL_ID].weights)
        if folder is None:
            paths = [weights.shipped(name) for name in names]
        else:
            paths = [folder / f"{name}.safetensors" for name in names]
            paths = [path for path in paths if path.exists() or path == paths[0]]
        self._paths = paths

    @classmethod
    def load(cls, folder: Path | None = None, device: str | torch.device | None = None) -> Codec:
        """The shipped codec, or the one whose weights files are in ``folder``; fetches the generator on first use.

        Args:
            folder: see :func:`hsc.weights.codec_state`.
            device: of PyTorch's: networks run there, and arrays of semantics are tensors on it. By default they are
                numpy arrays, and PyTorch is not needed but for encoding, which then runs on the CPU.

        Raises:
            WeightsError: weights are missing, damaged, another network's or another model's.
            HSCError: a device is asked for, and PyTorch is not installed.
        """
        codec = cls(folder, device)
        if device is None:
            codec.check()
        else:
            _ = codec.networks, codec.generator, codec.preview
        return codec

    def check(self) -> None:
        """See that what decodes is there, and fetch the generator if it is missing.

        Raises:
            WeightsError: weights are missing, damaged, another network's or another model's.
        """
        _ = self.model
        weights.generator_path()

    @cached_property
    def model(self) -> DecoderModel:
        """The exact networks and tables that decode files."""
        for path in self._paths:
            model_id = int(path.stem.rpartition("-")[2])
            if not path.exists():
                for other in sorted(path.parent.glob("decoder-*.safetensors")):
                    weights.check_model(other, model_id)
                raise WeightsError(f"{path} is missing.")
            weights.check_model(path, model_id)
        return DecoderModel(WeightsFiles(self._paths))

    @cached_property
    def engine(self) -> Engine:
        """What computes everything behind the symbols: OpenVINO on a CPU, PyTorch on other devices."""
        if self._device is not None and self.device.type != "cpu":
            from hsc.inference.torch_engine import TorchEngine

            return TorchEngine(self.generator, self.networks, self.preview)
        from hsc.inference.setup import openvino_engine

        return openvino_engine(self.model, self._paths)

    @cached_property
    def tables(self) -> EntropyTables:
        """Frequency tables."""
        return self.model.tables

    @cached_property
    def generator(self) -> Generator:
        """The generator, as PyTorch's module."""
        return self._torch_part("hsc.generator", "Generator")

    @cached_property
    def preview(self) -> PreviewHead:
        """The preview head, as PyTorch's module."""
        return self._torch_part("hsc.generator.preview_head", "PreviewHead")

    @cached_property
    def networks(self) -> HSCNetworks:
        """All networks of encoder and decoder, as PyTorch's module."""
        _need_torch()
        from hsc.networks.hsc_networks import HSCNetworks

        state = weights.codec_state(self._folder)
        state = {name: value for name, value in state.items() if not name.startswith("tables.")}
        try:
            networks = HSCNetworks.for_state(state)
        except ValueError as error:
            raise WeightsError("The weights are not those of a codec.") from error
        weights.load_state(networks, state)
        return networks.eval().requires_grad_(False).to(self._device or "cpu")

    @property
    def device(self) -> torch.device:
        """Where PyTorch's networks are."""
        return self.generator.input.device

    @cached_property
    def encoder_context(self) -> EncoderContext:
        """The networks as the encoder's parts take them, with those that only it needs, loaded when they are used."""
        _need_torch()
        from hsc.encoder.context import EncoderContext

        return EncoderContext(self.generator, self.networks, self.tables, self.preview)

    @property
    def _encoder(self) -> Encoder:
        context = self.encoder_context
        from hsc.encoder.encoder import Encoder

        return Encoder(context)

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self.model, self.engine)

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.engine, self.model.feature_levels[-1].generator_level)

    @cached_property
    def _array_editor(self) -> ArrayEditor:
        from hsc.editing.array_editor import ArrayEditor

        levels = [level.generator_level for level in self.model.feature_levels]
        return ArrayEditor(self.engine, levels)  # type: ignore[arg-type]  # asked where OpenVINO decodes

    @cached_property
    def _editor(self) -> Editor:
        _need_torch("This edit")
        from hsc.editing.editor import Editor

        return Editor(self.generator, self.networks)

    def _torch_part(self, module: str, name: str) -> Any:
        import importlib

        _need_torch()
        return getattr(importlib.import_module(module), name).load().to(self._device or "cpu")

    def _of_device(self, semantics: Semantics) -> Semantics:
        """Semantics as this codec hands them out: arrays, or tensors on its device, of the same memory on a CPU."""
        if self._device is None:
            return semantics
        import torch

        return semantics.map(lambda array: torch.from_numpy(array).to(self.device))

    @property
    def lpips(self) -> LPIPS:
        """LPIPS-Alex, which the encoder minimises."""
        return self.encoder_context.lpips

    def encode(
        self,
        image: Image.Image,
        max_bytes: int | None = None,
        quality: int | None = None,
        refine: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        preset: Preset = presets.DEFAULT,
    ) -> bytes:
        """Compress an aligned face.

        Args:
            image: FFHQ-aligned face, square, any size; see :mod:`hsc.imaging.alignment`.
            max_bytes: largest size of the file. The best quality that fits is searched for.
            quality: 0 to 255 instead, for about 400 to about 10,000 bytes.
            refine: refinement steps, instead of the preset's number. 0 is the feed-forward encoder alone, without
                detail, which ends at about 5,500 bytes. Decoding is the same for all.
            progress: called with the number of steps done, and of all.
            preset: how hard to try, see :mod:`hsc.encoder.presets`.

        Raises:
            ValueError: both or neither of the two sizes are given, one is out of its range, or the picture is not
                square.
            HSCError: ``max_bytes`` is less than the smallest file has, or the networks produced something that cannot
                be coded.
        """
        preset = preset if refine is None else preset.with_steps(refine)
        return self._encoder.encode(image, max_bytes, quality, preset, progress)

    def improve(
        self,
        image: Image.Image,
        max_bytes: int,
        refine: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        preset: Preset = presets.DEFAULT,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[bytes]:
        """Compress an aligned face, and give better files as they are found.

        The first is that of the feed-forward encoder and comes at once; the last is what :meth:`encode` gives. Each is
        complete, has at most ``max_bytes``, and by the encoder's own measure is no worse than the one before. Nothing
        is computed until the next one is asked for: to stop, ask for no more, or let ``stop`` say so, from any thread.

        Args:
            image, max_bytes, refine, preset: see :meth:`encode`.
            progress: called with the number of steps done, and of all, after each; what it raises stops the search.
            stop: asked after each step; once it says True, there are no more files.

        Raises:
            ValueError: the picture is not square.
            HSCError: see :meth:`encode`.
        """
        preset = preset if refine is None else preset.with_steps(refine)
        return self._encoder.improve(image, max_bytes, preset, progress, stop)

    def invert(self, image: Image.Image) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """GIE: an aligned face to S ``(1, 16, 512)`` and F at each level, before any compression.

        Raises:
            ValueError: the picture is not square.
        """
        context = self.encoder_context
        from hsc.encoder import latents

        return latents.invert(context, image)

    def semantics(self, codes: Array) -> Semantics:
        """A face without any residual: style codes ``(1, 16, 512)`` and what the generator makes of them."""
        codes = to_array(codes)
        features = [self.engine.features(codes, level.generator_level) for level in self.model.feature_levels]
        return self._of_device(Semantics(codes=codes, features=tuple(features)))

    def inspect(self, data: bytes) -> Contents:
        """What a file, or any prefix of one, says of itself: layers, symbols, stored edits. Faster than :meth:`parse`.

        Raises:
            BitstreamError: see :meth:`parse`.
        """
        return self._decoder.inspect(data)

    def parse(self, data: bytes) -> Semantics:
        """Decode a file, or any prefix of one, to semantics; stored edits are listed, not applied.

        Raises:
            BitstreamError: the data is foreign, damaged, or of another version or model.
        """
        return self._of_device(self._decoder.parse(data))

    def decode(self, data: bytes, size: int = SIZE) -> Image.Image:
        """Restore the face from a file or any prefix of one, with the edits stored in it.

        Args:
            data: bytes of the file; ``b""`` gives the mean face.
            size: side of the picture, 1024, 512 or 256 pixels.

        Raises:
            BitstreamError: see :meth:`parse`.
            DirectionError: an edit that is stored in the file names a direction that is not here.
        """
        semantics = self.parse(data)
        return self.render(self.edit(semantics, self.stored_edits(semantics)), size)

    def render(self, semantics: Semantics, size: int = SIZE) -> Image.Image:
        """G_l: semantics to a picture of side 1024, 512 or 256 pixels; smaller ones are averaged down from 1024."""
        return self._renderer.render(semantics, size)

    def render_preview(self, semantics: Semantics) -> Image.Image:
        """An approximate 256 px picture for a fraction of the time of :meth:`render`."""
        return self._renderer.render_preview(semantics)

    def finest(self, semantics: Semantics) -> Array:
        """The generator's features ``(1, 512, 64, 64)`` above F^, detail included: what is rendered."""
        features = self._renderer.features(semantics)
        return features if self._device is None else sys.modules["torch"].from_numpy(features).to(self.device)

    @staticmethod
    def stored_edits(semantics: Semantics) -> dict[str, float]:
        """The edits stored in a file, as strength by direction name.

        Raises:
            DirectionError: the file names a direction that is not here.
        """
        return direction_set().from_ids(semantics.edits) if semantics.edits else {}

    def edit(self, semantics: Semantics, strengths: Mapping[str, float]) -> Semantics:
        """Move decoded semantics along named directions, each at its place; see :mod:`hsc.editing.local_edit`.

        Args:
            semantics: what :meth:`parse` gave.
            strengths: strength by direction name; 1.0 is a clear effect, 0 changes nothing at all.

        Raises:
            DirectionError: a direction is unknown or a strength is out of range.
        """
        if not strengths:
            return semantics
        movements = list(direction_set().movements(strengths))
        if not movements:
            return semantics
        if self._device is None:
            return self._array_editor.apply(semantics, movements)
        return self._editor.apply(semantics, movements)

    def blend(
        self,
        one: Semantics,
        other: Semantics,
        amount: float,
        features: float | None = None,
        landmarks: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Semantics:
        """A face between two decoded ones; see :mod:`hsc.editing.blend`.

        Args:
            one, other: what :meth:`parse` gave.
            amount: how much of S is the other's, 0 to 1; of F as well, unless ``features`` says so.
            features: how much of F is the other's, 0 to 1.
            landmarks: of both faces, ``(N, 2)`` each, as shares of the side, see
                :func:`hsc.imaging.alignment.landmarks_of`; without them, features are blended as they lie.

        Returns:
            To be rendered or edited; at 0 the first face itself, at 1 the other.

        Raises:
            ValueError: a share is not from 0 to 1.
        """
        from hsc.editing.blend import blend

        share = amount if features is None else features
        if amount == share and amount in (0, 1):
            return other if amount else one
        return self._of_device(blend(self.engine, one.map(to_array), other.map(to_array), amount, share, landmarks))

    def move(self, semantics: Semantics, shift: Array, carry: Callable[..., Any] | None = None) -> Semantics:
        """Add a shift ``(16, 512)`` to the style codes, and carry F along, see :class:`hsc.editing.editor.Editor`."""
        if not shift.any():
            return semantics
        if self._device is None and carry is None:
            return self._array_editor.move(semantics, to_array(shift))
        import torch

        tensor = torch.from_numpy(shift) if isinstance(shift, np.ndarray) else shift
        return self._edited(semantics, lambda editor, given: editor.move(given, tensor, carry))

    def _edited(self, semantics: Semantics, edit: Callable[[Editor, Semantics], Semantics]) -> Semantics:
        """Semantics after an edit of the editor's, which computes in PyTorch."""
        editor = self._editor
        if self._device is not None:
            return edit(editor, semantics)
        import torch

        return edit(editor, semantics.map(torch.from_numpy)).map(to_array)


def _need_torch(what: str = "Encoding") -> None:
    """See that PyTorch is installed.

    Raises:
        HSCError: it is not; the message says what to do.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        raise HSCError(f"{what} needs PyTorch, which is not installed: pip install 'hsc-studio[encode]'.") from None
