"""The codec: an aligned face in, a scalable bitstream out, and the face back. The package's one facade."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hsc import entropy, images
from hsc.bitstream import BitstreamReader, BitstreamWriter, file_bytes
from hsc.entropy import EntropyTables
from hsc.errors import BitstreamError, HSCError
from hsc.generator import LAYERS, SIZE, Generator
from hsc.lpips import LPIPS
from hsc.model import LEVEL, HSCNetworks
from hsc.networks.exact import to_grid
from hsc.preview import PREVIEW_SIZE, PreviewHead
from hsc.rangecoder import MAX_SYMBOL, code_length_bits

MODEL_ID = 1
"""Names the shipped networks and tables; a file can only be read by the model that wrote it."""
CLOSE = 0.98
"""Rate control is content with this share of the bytes that are allowed."""
REFINE = 4
"""Gradient steps of an ordinary encode: what one second leaves time for."""
SIZES = (1024, 512, 256)
"""Sides in pixels that pictures can be decoded to."""


@dataclass(frozen=True)
class Layer:
    """One layer of a file: its name (``"S"``, ``"F1"`` ...) and the bytes of the file at which it is complete."""

    name: str
    bytes: int
    end: int


@dataclass(frozen=True)
class Semantics:
    """What a bitstream says about a face.

    Attributes:
        codes: S^, style codes ``(1, 16, 512)`` float32.
        feature: F^, feature at generator level 2, ``(1, 512, 16, 16)`` float32.
        quality: quality byte of the file, 0 ... 255.
        layers: the layers that were received, in order.
        total_layers: layers of the complete file.
        symbols: decoded integers of each received layer.
        edits: edits stored in the file, ``(direction id, strength)``.
        bytes: bytes that were parsed.
        complete: whether the whole file was there.
    """

    codes: Tensor
    feature: Tensor
    quality: int = 0
    layers: tuple[Layer, ...] = ()
    total_layers: int = 0
    symbols: tuple[np.ndarray, ...] = field(default=(), repr=False)
    edits: tuple[tuple[int, float], ...] = ()
    bytes: int = 0
    complete: bool = True


@dataclass(frozen=True)
class Latents:
    """A photo as the encoder sees it, before quantisation.

    Attributes:
        semantics: coefficients of S, ``(1, 768)``.
        features: G_s(S^) ``(1, 512, 16, 16)`` to coefficients of F ``(1, 192, 8, 8)``; F is coded as a residual,
            so they depend on the S^ that the decoder will have.
    """

    semantics: Tensor
    features: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Coded:
    """Symbols of a photo at one quality, layer by layer, with the tables that code them."""

    symbols: list[np.ndarray]
    indexes: list[np.ndarray]
    bits: list[float]


class Codec:
    """Generator, networks and tables, ready to encode and decode.

    Use :meth:`load`. All methods run on the device that the generator is on; symbols are the same on any.
    """

    def __init__(
        self, generator: Generator, networks: HSCNetworks, tables: EntropyTables, preview: PreviewHead
    ) -> None:
        self.generator, self.networks, self.tables, self.preview = generator, networks, tables, preview

    @cached_property
    def lpips(self) -> LPIPS:
        """LPIPS-Alex, which refinement looks through."""
        return LPIPS.load("alex").to(self.device)

    @cached_property
    def _suffix(self) -> Callable[[Tensor, Tensor], Tensor]:
        """G_l, by OpenVINO where the networks are on a CPU: a third of eager PyTorch's time."""
        if self.device.type == "cpu":
            from hsc.openvino_renderer import OpenVINORenderer

            return OpenVINORenderer(self.generator, LEVEL)
        return lambda feature, codes: self.generator.suffix(feature, codes, LEVEL)

    @classmethod
    def load(cls, folder: Path | None = None) -> Codec:
        """The shipped codec, or the one whose two weights files are in ``folder``; fetches the generator on first use.

        Raises:
            WeightsError: weights are missing or are not this version's.
        """
        from hsc import weights

        networks, state = HSCNetworks(), {}
        for name in ("encoder", "codec"):
            state |= weights.read(folder / f"{name}.safetensors" if folder else weights.shipped(name))
        tables = {name[len("tables."):]: state.pop(name) for name in list(state) if name.startswith("tables.")}
        weights.load_state(networks, state)
        networks.eval().requires_grad_(False)
        return cls(Generator.load(), networks, EntropyTables.from_state(tables), PreviewHead.load())

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.generator.input.device

    # ---------------------------------------------------------------- encoding

    @torch.no_grad()
    def encode(
        self, image: Image.Image, max_bytes: int | None = None, quality: int | None = None, refine: int = REFINE,
        progress: Callable[[int, int], None] | None = None,
    ) -> bytes:
        """Compress an aligned face.

        Args:
            image: FFHQ-aligned face, square, any size; see :mod:`hsc.alignment`.
            max_bytes: largest size of the file. The best quality that fits is searched for.
            quality: 0 ... 255 instead, for about 200 to about 3,000 bytes.
            refine: gradient steps on the latents against the picture, see :mod:`hsc.refine`, at about 0.15 s each
                on two cores; the decoder is the same.
            progress: called with steps done and steps in all.

        Raises:
            ValueError: both or neither of the two are given, or one is out of its range.
            HSCError: the networks produced something that cannot be coded.
        """
        if (max_bytes is None) == (quality is None):
            raise ValueError("Give either max_bytes or quality.")
        if quality is not None and not 0 <= quality < entropy.QUALITIES:
            raise ValueError(f"Quality must be from 0 to {entropy.QUALITIES - 1}, not {quality}.")
        latents = self.latents(*self.invert(image))
        if refine:
            from hsc.refine import refine as improve

            start = quality
            if start is None:
                start = BitstreamReader(self._fit(latents, max_bytes)).quality
            latents = improve(self, image, latents, start, refine, progress)
        if quality is not None:
            return self._write(self._quantise(latents, quality), quality)
        return self._fit(latents, max_bytes)

    @torch.no_grad()
    def invert(self, image: Image.Image) -> tuple[Tensor, Tensor]:
        """GIE: an aligned face to S ``(1, 16, 512)`` and F ``(1, 512, 16, 16)``, before any compression."""
        if image.width != image.height:
            raise ValueError(f"An aligned face is square, not {image.width}x{image.height}.")
        picture = images.to_tensor(image, PREVIEW_SIZE).to(self.device)
        return self.networks.gie(picture)

    def latents(self, codes: Tensor, feature: Tensor) -> Latents:
        """S and F to coefficients, by SCN and FCN."""
        return Latents(self.networks.scn.encode(codes), lambda base: self.networks.fcn.encode(feature, base))

    def _fit(self, latents: Latents, max_bytes: int) -> bytes:
        """The most layers that fit at the lowest quality, at the highest quality at which they fit."""
        coded: dict[int, _Coded] = {}

        def size(quality: int, layers: int) -> int:
            if quality not in coded:
                coded[quality] = self._quantise(latents, quality)
            return file_bytes(coded[quality].bits[:layers])

        layers = self.networks.fcn.slices + 1
        while layers and size(0, layers) > max_bytes:
            layers -= 1
        if file_bytes([]) > max_bytes:
            raise HSCError(f"The smallest file has {file_bytes([])} bytes; {max_bytes} is too few.")
        if not layers:
            return BitstreamWriter(MODEL_ID, 0).finish()
        low, high = 0, entropy.QUALITIES
        while high - low > 1 and size(low, layers) < CLOSE * max_bytes:
            # Sizes grow about exponentially with quality, so guess by their logarithms, never too near an end.
            share = 0.5
            if high < entropy.QUALITIES:
                known = math.log(size(low, layers)), math.log(size(high, layers))
                share = (math.log((1 + CLOSE) / 2 * max_bytes) - known[0]) / (known[1] - known[0])
            middle = low + round((high - low) * min(max(share, 0.1), 0.9))
            middle = min(max(middle, low + 1), high - 1)
            low, high = (middle, high) if size(middle, layers) <= max_bytes else (low, middle)
        return self._write(coded[low], low, layers)

    def _quantise(self, latents: Latents, quality: int) -> _Coded:
        """Latents to the symbols of all layers at one quality."""
        networks, coder = self.networks, _Decoder(self, quality)
        symbols, indexes = [], []
        symbols.append(_symbols(latents.semantics.double() / coder.semantic_step))
        indexes.append(coder.semantic_indexes)
        base = coder.take_semantics(symbols[0])
        y = latents.features(base).double()
        for index, own in enumerate(y.chunk(networks.fcn.slices, 1)):
            step = coder.slice_step(index)
            indexes.append(coder.next_slice())
            symbols.append(_symbols((own - coder.mean) / step))
            coder.take_slice(symbols[-1])
        bits = [
            code_length_bits(part, index, self.tables.gaussian if layer else self.tables.semantic)
            for layer, (part, index) in enumerate(zip(symbols, indexes))
        ]
        return _Coded(symbols, indexes, bits)

    def _write(self, coded: _Coded, quality: int, layers: int | None = None) -> bytes:
        writer = BitstreamWriter(MODEL_ID, quality)
        for layer in range(len(coded.symbols) if layers is None else layers):
            tables = self.tables.gaussian if layer else self.tables.semantic
            writer.write_layer(coded.symbols[layer], coded.indexes[layer], tables)
        return writer.finish()

    # ---------------------------------------------------------------- decoding

    @torch.no_grad()
    def parse(self, data: bytes) -> Semantics:
        """Decode a file, or any prefix of one, to semantics; stored edits are listed, not applied.

        Raises:
            BitstreamError: the data is foreign, damaged, or of another version or model.
        """
        reader = BitstreamReader(data, model_id=MODEL_ID)
        slices = self.networks.fcn.slices
        if reader.layers > slices + 1:
            raise BitstreamError(f"The file has {reader.layers} layers; this model knows {slices + 1}.")
        coder = _Decoder(self, reader.quality or 0)
        received: list[np.ndarray] = []
        symbols = None
        if reader.layers:
            symbols = reader.read_layer(coder.semantic_indexes, self.tables.semantic)
        if symbols is None:
            codes = self.networks.scn.mean.expand(1, LAYERS, -1)
            feature = self.generator.prefix(codes, LEVEL)
        else:
            received.append(symbols)
            base = coder.take_semantics(symbols)
            while len(received) < reader.layers:
                symbols = reader.read_layer(coder.next_slice(), self.tables.gaussian)
                if symbols is None:
                    break
                coder.take_slice(symbols)
                received.append(symbols)
            codes = coder.codes
            # Slices that are missing are their predicted means; without any slice, F is what S alone gives.
            feature = base if len(received) == 1 else self.networks.fcn.decode(coder.coefficients(), base)
        ends = reader.layer_ends
        layers = tuple(
            Layer("S" if index == 0 else f"F{index}", ends[index] - (ends[index - 1] if index else 0), ends[index])
            for index in range(len(received))
        )
        return Semantics(
            codes, feature, reader.quality or 0, layers, reader.layers, tuple(received), tuple(reader.edits),
            len(data), reader.complete,
        )

    def decode(self, data: bytes, size: int = SIZE) -> Image.Image:
        """Restore the face from a file or any prefix of one, with the edits stored in it.

        Args:
            data: bytes of the file; ``b""`` gives the mean face.
            size: side of the picture, 1024, 512 or 256.

        Raises:
            BitstreamError: see :meth:`parse`.
        """
        semantics = self.parse(data)
        return self.render(self.edit(semantics, self.stored_edits(semantics)), size)

    @torch.no_grad()
    def render(self, semantics: Semantics, size: int = SIZE) -> Image.Image:
        """G_l: semantics to a picture of side 1024, 512 or 256 (averaged down from 1024)."""
        if size not in SIZES:
            raise ValueError(f"The size must be one of {SIZES}, not {size}.")
        picture = self._suffix(semantics.feature, semantics.codes)
        if size < SIZE:
            picture = torch.nn.functional.avg_pool2d(picture.clamp(-1, 1), SIZE // size)
        return images.to_pil(picture)

    @torch.no_grad()
    def render_preview(self, semantics: Semantics) -> Image.Image:
        """An approximate 256 px picture for a fraction of the time of :meth:`render`."""
        return images.to_pil(self.preview.render(self.generator, semantics.feature, semantics.codes, LEVEL))

    # ---------------------------------------------------------------- editing

    @staticmethod
    def stored_edits(semantics: Semantics) -> dict[str, float]:
        """The edits stored in a file, as direction name to strength.

        Raises:
            DirectionError: the file names a direction that is not here.
        """
        if not semantics.edits:
            return {}
        import directions

        return directions.from_ids(semantics.edits)

    @torch.no_grad()
    def edit(self, semantics: Semantics, strengths: Mapping[str, float]) -> Semantics:
        """Move decoded semantics along named directions: S' = S^ + sum a n, F' = F^ + G_s(S') - G_s(S^).

        The coded residual F^ - G_s(S^) gives way where the edit acts, see :mod:`directions.features`.

        Args:
            semantics: what :meth:`parse` gave.
            strengths: direction name to strength; 1.0 is a clear effect, 0 changes nothing at all.

        Raises:
            DirectionError: a direction is unknown or a strength is out of range.
        """
        if not any(strengths.values()):
            return semantics
        import directions

        return self.move(semantics, torch.from_numpy(directions.combine(strengths)))

    @torch.no_grad()
    def move(self, semantics: Semantics, offset: Tensor) -> Semantics:
        """Add ``(16, 512)`` to the style codes and carry F along; see :meth:`edit`."""
        if not offset.any():
            return semantics
        from directions.features import edit_feature

        codes = semantics.codes + offset.to(semantics.codes)
        base, moved = (self.generator.prefix(each, LEVEL) for each in (semantics.codes, codes))
        return replace(semantics, codes=codes, feature=edit_feature(semantics.feature, base, moved))


class _Decoder:
    """The state that encoder and decoder share while layers arrive: exact coefficients and their context."""

    def __init__(self, codec: Codec, quality: int) -> None:
        self._networks, self._generator = codec.networks, codec.generator
        self._device = codec.device
        self._quality = entropy.quality_value(quality).to(self._device)
        scn = self._networks.scn
        self.semantic_step = scn.step(entropy.quality_value(entropy.semantic_quality(quality)).to(self._device))
        self.semantic_indexes = codec.tables.semantic_indexes(quality, scn.CHANNELS, scn.SIZE**2)
        self._log2_step = self._networks.fcn.step.log2(self._quality)
        self._steps = self._networks.fcn.step(self._quality)
        self._decoded: list[Tensor] = []

    def take_semantics(self, symbols: np.ndarray) -> Tensor:
        """Symbols of S ``(768,)``: sets ``codes``, starts the context, returns G_s(S^)."""
        semantics = to_grid(self._tensor(symbols)[None] * self.semantic_step)
        self.codes = self._networks.scn.decode(semantics.float())
        self._context = self._networks.sce.start(semantics, self._quality)
        return self._generator.prefix(self.codes, LEVEL)

    def slice_step(self, index: int, log2: bool = False) -> Tensor:
        """Quantisation steps of a slice ``(1, C, 1, 1)``, or their log2."""
        size = self._networks.fcn.slice_channels
        steps = self._log2_step if log2 else self._steps
        return steps[:, index * size:(index + 1) * size, None, None]

    def next_slice(self) -> np.ndarray:
        """Predict the next slice: sets ``mean``, returns the table of each of its symbols."""
        index = len(self._decoded)
        self.mean, log2_scale = self._networks.sce(index, self._context)
        return entropy.scale_indexes(log2_scale - self.slice_step(index, log2=True)).cpu().numpy().ravel()

    def take_slice(self, symbols: np.ndarray) -> None:
        """Symbols of the slice that was predicted last."""
        values = self._tensor(symbols).reshape(self.mean.shape) * self.slice_step(len(self._decoded))
        self._append(to_grid(values + self.mean))

    def coefficients(self) -> Tensor:
        """All slices ``(1, latent, h, w)`` float32, missing ones as their predicted means."""
        while len(self._decoded) < self._networks.fcn.slices:
            self.next_slice()
            self._append(self.mean)
        return torch.cat(self._decoded, 1).float()

    def _append(self, values: Tensor) -> None:
        self._decoded.append(values)
        self._context = torch.cat((self._context, values), 1)

    def _tensor(self, symbols: np.ndarray) -> Tensor:
        return torch.from_numpy(symbols.astype(np.float64)).to(self._device)


def _symbols(scaled: Tensor) -> np.ndarray:
    """Round to int32, flat; refuses what no coder should ever see."""
    if not torch.isfinite(scaled).all():
        raise HSCError("The picture gave latents that are not finite; it cannot be coded.")
    return scaled.round().clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int32).flatten().cpu().numpy()
