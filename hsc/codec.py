"""The codec: an aligned face in, a scalable bitstream out, and the face back. The package's one facade."""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hsc import entropy, images, soft
from hsc.bitstream import EMPTY_BYTES, BitstreamReader, BitstreamWriter, file_bytes
from hsc.detail import DetailEncoder
from hsc.entropy import EntropyTables
from hsc.errors import BitstreamError, HSCError, WeightsError
from hsc.feature_edit import edit_feature, edit_mask, enlarge_mask, truncation
from hsc.generator import SIZE, Generator
from hsc.layers import LayerState
from hsc.lpips import LPIPS
from hsc.model import DETAIL_LEVEL, HSCNetworks
from hsc.preview import PREVIEW_SIZE, PreviewHead
from hsc.rangecoder import MAX_SYMBOL

MODEL_ID = 9
"""Names the shipped networks and tables, and the files without detail."""
DETAILED_MODEL_ID = 10
"""The same with detail: names the files that have some, and the networks that code it."""
RELEASES = {1: "0.1", 2: "0.2", 3: "0.3", 4: "0.4", 5: "0.5", 6: "0.6", 7: "0.7", 8: "0.8", 9: "0.9",
            10: "0.9"}
"""The release of this project that has each model."""
CLOSE, ENOUGH = 0.98, 0.9
"""Rate control is content with the first share of the bytes that are allowed, and tries hard to reach the second."""
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""How much of what refinement moved is kept: the first of these that costs no layer."""
LEAST_BYTES, DOUBLING = 400, 64
"""About as many bytes has a file of quality 0, and twice as many one of so much more: where the search for a quality
that fits starts, and how it goes on until it knows more."""
REFINED = 14
"""About as much of the quality is what refined latents cost, in files of the same size."""
DETAIL_FROM, DETAIL_BYTES = 100, 1300
"""Quality, or bytes that are allowed, from which files have detail: below, S and F say more without."""
LOOKS, FEW_LOOKS, LOOK_BYTES = 5, 4, 2000
"""How often the encoder looks for detail, and how often where fewer bytes are allowed: a fifth look hardly gains
there. In training there were up to four."""
COARSER_BYTES, COARSER_SHARE = 475, 0.25
"""About as many bytes of a file with detail, and as much of its size, are for what is not detail. That gives the
quality at which it is refined and looked at; the search starts there, too."""
REFINE = 8
"""Refinement steps of an ordinary encode, in about two seconds on two cores."""
THOROUGH = 20
"""Refinement steps where somebody is ready to wait: some seconds on two cores."""
SIZES = (1024, 512, 256)
"""Sides in pixels that pictures can be decoded to."""


@dataclass(frozen=True)
class Layer:
    """One layer of a file.

    Attributes:
        name: ``"S"``, ``"F1"`` ..., and ``"D1"`` ... for detail.
        bytes: of the layer.
        end: bytes of the file at which it is complete.
    """

    name: str
    bytes: int
    end: int


@dataclass(frozen=True, eq=False)
class Semantics:
    """What a bitstream says about a face.

    Attributes:
        codes: S^, style codes ``(1, 16, 512)`` float32.
        features: F^ at each level, ``(1, 512, 16, 16)`` and finer, float32.
        detail: change of the generator's features ``(1, 512, 64, 64)`` that come after them, where a file has some.
        quality: quality byte of the file, 0 ... 255.
        layers: the layers that were received, in order.
        total_layers: layers of the complete file.
        symbols: decoded integers of each received layer.
        edits: edits stored in the file, ``(direction id, strength)``.
        bytes: bytes that were parsed.
        complete: whether the whole file was there.
    """

    codes: Tensor
    features: tuple[Tensor, ...]
    quality: int = 0
    layers: tuple[Layer, ...] = ()
    total_layers: int = 0
    symbols: tuple[np.ndarray, ...] = field(default=(), repr=False)
    edits: tuple[tuple[int, float], ...] = ()
    bytes: int = 0
    complete: bool = True
    detail: Tensor | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Latents:
    """A photo as the encoder sees it, before quantisation.

    Attributes:
        semantics: coefficients of S, ``(1, 768)``.
        encoders: for each level, what the generator makes of all before it ``(1, 512, h, w)`` to coefficients of F
            ``(1, C, h / 2, w / 2)``; F is coded as a residual, so they depend on what the decoder will have.
        offsets: for each level, what refinement adds to them ``(1, C, h / 2, w / 2)``.
        detail: coefficients of detail ``(1, C, 32, 32)``; None codes none.
        multiplier: of the rate in quantisation, see :func:`hsc.soft.rate_distortion_round`.
    """

    semantics: Tensor
    encoders: tuple[Callable[[Tensor], Tensor], ...]
    offsets: tuple[Tensor, ...]
    detail: Tensor | None = None
    multiplier: float = 0

    @property
    def features(self) -> tuple[Callable[[Tensor], Tensor], ...]:
        """As ``encoders``, with the offsets."""
        return soft.moved(self.encoders, self.offsets)

    def plus(self, semantics: Tensor | float, offsets: Sequence[Tensor]) -> Latents:
        """Moved by so much."""
        return replace(self, semantics=self.semantics + semantics,
                       offsets=tuple(own + more for own, more in zip(self.offsets, offsets)))

    def towards(self, others: Latents, share: float) -> Latents:
        """On the way from these, at 0, to others of the same photo, at 1."""
        offsets = (torch.lerp(own, other, share) for own, other in zip(self.offsets, others.offsets))
        return replace(self, semantics=torch.lerp(self.semantics, others.semantics, share), offsets=tuple(offsets))


@dataclass(frozen=True, eq=False)
class _Coded:
    """Symbols of a photo at one quality, layer by layer, with their tables; and what a decoder then has."""

    symbols: list[np.ndarray]
    indexes: list[np.ndarray]
    bits: list[float]
    state: LayerState


class Codec:
    """Generator, networks and tables, ready to encode and decode.

    Use :meth:`load`. All methods run on the device that the generator is on; a file decodes to the same symbols on any.
    """

    def __init__(
        self, generator: Generator, networks: HSCNetworks, tables: EntropyTables, preview: PreviewHead
    ) -> None:
        self.generator, self.networks, self.tables, self.preview = generator, networks, tables, preview
        self._last_bases: tuple[Callable[[], Semantics | None], list[Tensor]] = _nothing, []

    @cached_property
    def lpips(self) -> LPIPS:
        """LPIPS-Alex, which refinement looks through."""
        return LPIPS.load("alex").to(self.device)

    @cached_property
    def looking_glass(self) -> tuple[Generator, PreviewHead]:
        """What refinement looks through: copies in bfloat16 where the device computes in it, else the codec's own."""
        own = self.generator, self.preview
        return tuple(copy.deepcopy(part).bfloat16() for part in own) if _computes_in_bfloat16(self.device) else own

    @cached_property
    def _suffix(self) -> Callable[[Semantics], Tensor]:
        """G_l with detail, by OpenVINO where the networks are on a CPU: a third of eager PyTorch's time."""
        if self.device.type == "cpu":
            from hsc.openvino_renderer import OpenVINORenderer

            renderer = OpenVINORenderer(self.generator, self.networks.levels[-1], threads=torch.get_num_threads())
            return lambda semantics: renderer(semantics.features[-1], semantics.codes, semantics.detail)
        return lambda semantics: self.generator.suffix(self.finest(semantics), semantics.codes, DETAIL_LEVEL)

    @classmethod
    def load(cls, folder: Path | None = None, device: str | torch.device = "cpu") -> Codec:
        """The shipped codec, or the one whose weights files are in ``folder``; fetches the generator on first use.

        Args:
            folder: of ``encoder.safetensors``, ``codec.safetensors`` and, for detail, ``detail.safetensors``.
            device: where all networks run.

        Raises:
            WeightsError: weights are missing, damaged, another network's or another model's.
        """
        from hsc import weights

        state = {}
        parts = {"encoder": MODEL_ID, "codec": MODEL_ID, "detail": DETAILED_MODEL_ID}
        for name, model in parts.items():
            path = folder / f"{name}.safetensors" if folder else weights.shipped(name)
            if name == "detail" and folder and not path.exists():
                break  # networks that were trained without
            state |= weights.read(path)
            weights.check_model(path, model)
        tables = {name[len("tables."):]: state.pop(name) for name in list(state) if name.startswith("tables.")}
        try:
            networks, entropy_tables = HSCNetworks.for_state(state), EntropyTables.from_state(tables)
        except (KeyError, ValueError) as error:
            raise WeightsError("The weights are not those of a codec.") from error
        weights.load_state(networks, state)
        networks.eval().requires_grad_(False)
        generator, preview = Generator.load().to(device), PreviewHead.load().to(device)
        return cls(generator, networks.to(device), entropy_tables, preview)

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
            quality: 0 ... 255 instead, for about 400 to about 10,000 bytes.
            refine: steps that move S and F towards the picture, see :mod:`hsc.refine`, at about 0.3 s each on two
                cores; longer files then look for detail, and move S once more, see :mod:`hsc.detail`, at about 1 s a
                look. 0 does neither, and ends at about 5,500 bytes. The decoder is the same.
            progress: called with steps and looks done and all of them.

        Raises:
            ValueError: both or neither of the two are given, one is out of its range, or the picture is not square.
            HSCError: ``max_bytes`` is less than the smallest file has, or the networks produced something that cannot
                be coded.
        """
        if (max_bytes is None) == (quality is None):
            raise ValueError("Give either max_bytes or quality.")
        if quality is not None and not 0 <= quality < entropy.QUALITIES:
            raise ValueError(f"Quality must be from 0 to {entropy.QUALITIES - 1}, not {quality}.")
        from hsc.refine import refine as improve

        latents = self.latents(*self.invert(image))
        if not refine:
            whole = self._fit(latents, max_bytes) if quality is None else (self._quantise(latents, quality), quality)
            return self._write(*whole)
        enough = max_bytes >= DETAIL_BYTES if quality is None else quality >= DETAIL_FROM
        detailed = enough and self.networks.detail is not None
        looks = 0
        if detailed:
            latents = replace(latents, multiplier=soft.MULTIPLIER)
            looks = LOOKS if max_bytes is None or max_bytes >= LOOK_BYTES else FEW_LOOKS
        report = _counting(progress, refine + looks)
        start, layers = quality, self.networks.layers
        if quality is None:
            budget = round(COARSER_BYTES + COARSER_SHARE * max_bytes) if detailed else max_bytes
            _, start, layers = self._fit(latents, budget, close=ENOUGH)
            layers = self.networks.layers if detailed else layers
        better = improve(self, image, latents, start, layers, refine, report, detailed) if layers else latents
        if detailed:
            for done, better in enumerate(DetailEncoder(self, image).looks(better, start, looks), 1):
                report(refine, done)
        if quality is not None:
            return self._write(self._quantise(better, quality), quality)
        if detailed:
            return self._write(*self._fit(better, max_bytes, start))
        # A face that lacks its last layers looks worse than one that was moved less.
        for share in SHARES:
            fitted = self._fit(latents.towards(better, share), max_bytes, max(start - REFINED, 0))
            if fitted[2] >= layers:
                break
        return self._write(*fitted)

    @torch.no_grad()
    def invert(self, image: Image.Image) -> tuple[Tensor, list[Tensor]]:
        """GIE: an aligned face to S ``(1, 16, 512)`` and F at each level, before any compression.

        Raises:
            ValueError: the picture is not square.
        """
        if image.width != image.height:
            raise ValueError(f"An aligned face is square, not {image.width}x{image.height}.")
        picture = images.to_tensor(image, PREVIEW_SIZE).to(self.device)
        return self.networks.gie(picture)

    def latents(self, codes: Tensor, features: Sequence[Tensor]) -> Latents:
        """S and F to coefficients, by SCN and FCN."""
        encoders = tuple(partial(fcn.encode, feature) for fcn, feature in zip(self.networks.fcn, features))
        semantics = self.networks.scn.encode(codes)
        return Latents(semantics, encoders, tuple(soft.no_offsets(self.networks, semantics)[1:]))

    @torch.no_grad()
    def semantics(self, codes: Tensor) -> Semantics:
        """A face without any residual: style codes ``(1, 16, 512)`` and what the generator makes of them."""
        return Semantics(codes, tuple(self.generator.prefix(codes, level) for level in self.networks.levels))

    def _fit(
        self, latents: Latents, max_bytes: int, guess: int | None = None, close: float = CLOSE
    ) -> tuple[_Coded, int, int]:
        """The most layers that fit at the lowest quality, at the highest quality at which they fit.

        S changes its quantisation in leaps; where that leaves many bytes unused, fewer layers at a higher quality may
        come nearer.

        Args:
            guess: a quality to try first.
            close: share of the bytes that is close enough.

        Returns:
            Symbols, their quality, and how many of their layers fit.
        """
        coded: dict[int, _Coded] = {}

        def size(layers: int, quality: int) -> int:
            if quality not in coded:
                coded[quality] = self._quantise(latents, quality)
            return file_bytes(coded[quality].bits[:layers])

        def highest(layers: int, guess: int, least: int = 0) -> int:
            # Below that, detail costs no less: only S and F would suffer.
            least = max(least, entropy.LEAST_DETAILED if layers > self.networks.layers else 0)
            return _highest(partial(size, layers), max_bytes, close, guess, least)

        if max_bytes < EMPTY_BYTES:
            raise HSCError(f"The smallest file has {EMPTY_BYTES} bytes; {max_bytes} is too few.")
        layers = self.networks.layers + (0 if latents.detail is None else self.networks.detail_layers)
        guess = round(DOUBLING * math.log2(max_bytes / LEAST_BYTES)) if guess is None else guess
        best = layers, highest(layers, guess)
        while best[1] is None:
            layers -= 1
            best = layers, highest(layers, guess if layers >= self.networks.layers else 0) if layers else 0
        while size(*best) < ENOUGH * max_bytes and best[1] < entropy.QUALITIES - 1 and layers > 1:
            layers -= 1
            other = layers, highest(layers, best[1], best[1])
            best = max(best, other, key=lambda each: size(*each))
        layers, quality = best
        return coded[quality], quality, layers

    def _quantise(self, latents: Latents, quality: int) -> _Coded:
        """Latents to the symbols of all layers at one quality."""
        state = self._layer_state(quality)
        symbols = [_symbols(latents.semantics.double() / state.semantic_step)]
        indexes = [state.semantic_tables]
        state.take_semantics(symbols[0])
        features, networks = latents.features, list(self.networks.fcn)
        if latents.detail is not None:
            networks.append(self.networks.detail)
        for level, network in enumerate(networks):
            if level:
                state.next_level()
            y = (features[level](state.base) if level < len(features) else latents.detail).double()
            for own in y.chunk(network.slices, 1):
                indexes.append(state.predict())
                offset = (own - state.mean) / state.step
                log2_scale = entropy.log2_scales(torch.from_numpy(indexes[-1]).to(offset).view_as(offset))
                symbols.append(_symbols(soft.rate_distortion_round(offset, log2_scale, latents.multiplier)))
                state.take(symbols[-1])
        bits = [
            (self.tables.gaussian if layer else self.tables.semantic).code_length(part, index)
            for layer, (part, index) in enumerate(zip(symbols, indexes))
        ]
        return _Coded(symbols, indexes, bits, state)

    def _layer_state(self, quality: int) -> LayerState:
        return LayerState(self.generator, self.networks, self.tables, quality)

    def _write(self, coded: _Coded, quality: int, layers: int | None = None) -> bytes:
        layers = len(coded.symbols) if layers is None else layers
        detailed = layers > self.networks.layers
        writer = BitstreamWriter(DETAILED_MODEL_ID if detailed else MODEL_ID, quality)
        for layer in range(layers):
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
        reader = BitstreamReader(data)
        if reader.model_id not in (None, MODEL_ID, DETAILED_MODEL_ID):
            release = RELEASES.get(reader.model_id)
            where = f"which release {release} has" if release else "which is not known here"
            here = f"release {RELEASES[DETAILED_MODEL_ID]} with models {MODEL_ID} and {DETAILED_MODEL_ID}"
            raise BitstreamError(f"This HSC file needs model {reader.model_id}, {where}; this is {here}.")
        known = self.networks.layers + (self.networks.detail_layers if reader.model_id == DETAILED_MODEL_ID else 0)
        if reader.layers > known:
            raise BitstreamError(f"The file has {reader.layers} layers; this model knows {known}.")
        state = self._layer_state(reader.quality or 0)
        received: list[np.ndarray] = []
        while len(received) < reader.layers:
            if not received:
                tables, indexes = self.tables.semantic, state.semantic_tables
            else:
                if state.level_complete:
                    state.next_level()
                tables, indexes = self.tables.gaussian, state.predict()
            symbols = reader.read_layer(indexes, tables)
            if symbols is None:
                break
            (state.take if received else state.take_semantics)(symbols)
            received.append(symbols)
        ends = reader.layer_ends
        layers = tuple(
            Layer(self._name(index), ends[index] - (ends[index - 1] if index else 0), ends[index])
            for index in range(len(received))
        )
        return Semantics(
            state.codes, state.features(), reader.quality or 0, layers, reader.layers, tuple(received),
            tuple(reader.edits), len(data), reader.complete, state.detail,
        )

    def _name(self, layer: int) -> str:
        coarser = self.networks.layers
        return "S" if layer == 0 else f"F{layer}" if layer < coarser else f"D{layer - coarser + 1}"

    def decode(self, data: bytes, size: int = SIZE) -> Image.Image:
        """Restore the face from a file or any prefix of one, with the edits stored in it.

        Args:
            data: bytes of the file; ``b""`` gives the mean face.
            size: side of the picture, 1024, 512 or 256.

        Raises:
            BitstreamError: see :meth:`parse`.
            DirectionError: an edit that is stored in the file names a direction that is not here.
        """
        semantics = self.parse(data)
        return self.render(self.edit(semantics, self.stored_edits(semantics)), size)

    @torch.no_grad()
    def render(self, semantics: Semantics, size: int = SIZE) -> Image.Image:
        """G_l: semantics to a picture of side 1024, 512 or 256 (averaged down from 1024)."""
        if size not in SIZES:
            raise ValueError(f"The size must be one of {SIZES}, not {size}.")
        picture = self._suffix(semantics)
        if size < SIZE:
            picture = torch.nn.functional.avg_pool2d(picture.clamp(-1, 1), SIZE // size)
        return images.to_pil(picture)

    @torch.no_grad()
    def render_preview(self, semantics: Semantics) -> Image.Image:
        """An approximate 256 px picture for a fraction of the time of :meth:`render`."""
        return images.to_pil(self.preview.render(self.generator, self.finest(semantics), semantics.codes, DETAIL_LEVEL))

    @torch.no_grad()
    def finest(self, semantics: Semantics) -> Tensor:
        """What the generator makes of F^, with detail: the features ``(1, 512, 64, 64)`` that are rendered."""
        features = self.generator.prefix(
            semantics.codes, DETAIL_LEVEL, semantics.features[-1], self.networks.levels[-1]
        )
        return features if semantics.detail is None else features + semantics.detail

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
        """Move decoded semantics along named directions: S' = S^ + sum a n, and F along with it.

        HSC's F' = F^ + G_s(S') - G_s(S^) with three changes: the movement is taken nearer to the mean latent and scaled
        as F^ is, channel by channel, and the coded residual gives way where the edit acts; see
        :mod:`hsc.feature_edit`.

        Args:
            semantics: what :meth:`parse` gave.
            strengths: direction name to strength; 1.0 is a clear effect, 0 changes nothing at all.

        Raises:
            DirectionError: a direction is unknown or a strength is out of range.
        """
        if not strengths:
            return semantics
        import directions

        return self.move(semantics, torch.from_numpy(directions.combine(strengths)))

    @torch.no_grad()
    def move(
        self, semantics: Semantics, offset: Tensor, carry: Callable[..., Tensor] | None = None
    ) -> Semantics:
        """Add ``(16, 512)`` to the style codes and carry F along; see :meth:`edit`.

        Args:
            carry: F^, G_s(S^) and G_s(S') of a level, and where the edit acts at the coarsest, to F'; by default
                :func:`hsc.feature_edit.edit_feature`, of an S^ as far from the mean as
                :func:`hsc.feature_edit.truncation` says.
        """
        if not offset.any():
            return semantics
        offset, own = offset.to(semantics.codes), semantics.codes
        codes = own + offset
        *bases, truncated, truncated_base = self._bases(semantics)
        if carry is None:
            carry, own, bases[0] = edit_feature, truncated, truncated_base
        features: list[Tensor] = []
        start: tuple = ()
        mask = None
        for level, feature, base in zip(self.networks.levels, semantics.features, bases):
            moved = self.generator.prefix(codes if start else own + offset, level, *start)
            mask = edit_mask(base, moved) if mask is None else mask
            features.append(carry(feature, base, moved, mask))
            start = features[-1], level
        detail = semantics.detail
        if detail is not None and carry is edit_feature:
            detail = detail * (1 - enlarge_mask(mask, detail).sqrt())  # fine detail shows the old face most
        return replace(semantics, codes=codes, features=tuple(features), detail=detail)

    def _bases(self, semantics: Semantics) -> list[Tensor]:
        """At each level, what the generator makes of all before it; then S^ truncated, and what is made of that.

        Kept for the next edit of the same semantics, and no longer than these: a face is not to outlive its owner's
        interest in it.
        """
        known, bases = self._last_bases
        if known() is not semantics:
            bases, start = [], ()
            for level, feature in zip(self.networks.levels, semantics.features):
                bases.append(self.generator.prefix(semantics.codes, level, *start))
                start = feature, level
            share = truncation(semantics.features[0], bases[0])
            bases.append(torch.lerp(self.networks.scn.mean, semantics.codes, share))
            bases.append(self.generator.prefix(bases[-1], self.networks.levels[0]))
            self._last_bases = weakref.ref(semantics, self._forget_bases), bases
        return bases

    def _forget_bases(self, reference: Callable[[], Semantics | None]) -> None:
        if self._last_bases[0] is reference:
            self._last_bases = _nothing, []


def _counting(progress: Callable[[int, int], None] | None, total: int) -> Callable[..., None]:
    """Steps done, in one or more parts, to ``progress`` with the number of all."""

    def report(*done: int) -> None:
        if progress:
            progress(sum(done), total)

    return report


def _nothing() -> None:
    """Stands for a reference to semantics that are gone."""


def _highest(size: Callable[[int], int], max_bytes: int, close: float, guess: int, least: int = 0) -> int | None:
    """A quality near the highest whose size fits, or None where even ``least`` is too large.

    Each that is tried costs time: a search that doubles its steps until it is on both sides, and interpolates then,
    or halves where that was no faster.

    Args:
        close: share of ``max_bytes`` that is close enough.
        guess: is tried first.
    """
    low, high = least - 1, entropy.QUALITIES
    reach, width, wanted = 1, math.inf, (1 + close) / 2 * max_bytes

    def doublings(quality: int) -> float:
        return math.log2(wanted / size(quality))

    middle = guess
    while high - low > 1:
        middle = min(max(round(middle), low + 1), high - 1)
        if size(middle) > max_bytes:
            high = middle
        else:
            low = middle
            if size(low) >= close * max_bytes:
                break
        if least <= low and high < entropy.QUALITIES:
            # Sizes grow about exponentially with quality, but for leaps of S.
            share = doublings(low) / (doublings(low) - doublings(high)) if high - low <= width / 2 else 0.5
            width = high - low
            middle = low + width * min(max(share, 0.1), 0.9)
        else:
            middle, reach = middle + reach * DOUBLING * doublings(middle), 2 * reach
    return low if low >= least else None


def _symbols(scaled: Tensor) -> np.ndarray:
    """Round to int32, flat; refuses what no coder should ever see."""
    if not torch.isfinite(scaled).all():
        raise HSCError("The picture gave latents that are not finite; it cannot be coded.")
    return scaled.round().clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int32).flatten().cpu().numpy()


def _computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device is known to have instructions for it; without, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch lack it
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
