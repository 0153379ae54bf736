"""From a training checkpoint to the shipped weights: networks of 8 or 16 bits, and integer frequency tables."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from hsc import codec, entropy, weights
from hsc.errors import HSCError, WeightsError
from hsc.model import HSCNetworks
from hsc.train.rate import RateModel

PRECISION = 16
"""Bits of a frequency; CompressAI's own."""
TAIL = 1e-5
"""Probability left to the escape of a semantic table."""
HALF_WIDTH = 1500
"""Farthest bin from the mode that a semantic table may have."""


def export(checkpoint: Path, folder: Path, model_id: int | None = None) -> list[Path]:
    """Write ``encoder.safetensors`` (GIE, updater) and ``codec.safetensors`` (all else) from a training checkpoint.

    Where it has networks of detail, those alone are written, as ``detail.safetensors``: they were trained for weights
    that did not change.

    Args:
        checkpoint: of the training program, with its rate model.
        folder: made if missing.
        model_id: kept in the metadata: it says which files these weights read; by default the present model's.

    Raises:
        WeightsError: the checkpoint is missing, damaged or something else.
        HSCError: the weights cannot be written.
    """
    state = weights.read(checkpoint)
    prefix = "networks."
    try:
        networks = HSCNetworks.for_state({name[len(prefix):]: value for name, value in state.items()
                                          if name.startswith(prefix)})
        model = nn.ModuleDict({"networks": networks, "rate": RateModel()})
        model.load_state_dict({name: state[name] for name in model.state_dict()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{checkpoint.name} is not a checkpoint of the training program.") from error
    # Tables must be made from the very numbers that will be shipped.
    half = {name: value.half() if value.is_floating_point() else value
            for name, value in networks.state_dict().items()}
    networks.load_state_dict({name: value.float() if value.is_floating_point() else value
                              for name, value in half.items()})
    if networks.detail is None:
        files, own = _coarser(networks, half, model["rate"]), codec.MODEL_ID
    else:
        files, own = {"detail": _detail(half)}, codec.DETAILED_MODEL_ID
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, tensors in files.items():
        paths.append(folder / f"{name}.safetensors")
        tensors = {key: value.contiguous() for key, value in tensors.items()}
        try:
            save_file(tensors, paths[-1], {"model_id": str(own if model_id is None else model_id)})
        except SafetensorError as error:
            raise HSCError(f"{paths[-1]} cannot be written: {error}.") from error
    return paths


def _coarser(networks: HSCNetworks, half: dict[str, Tensor], rate: RateModel) -> dict[str, dict[str, Tensor]]:
    encoder = {name: value for name, value in half.items() if name.startswith(("gie.", "updater."))}
    shipped = {name: value for name, value in half.items() if name not in encoder}
    for name, tables in (("semantic", semantic_tables(networks, rate)), ("gaussian", gaussian_tables())):
        cdf, lengths, offsets = (part.to(torch.int32) for part in tables)
        # Rows end to end instead of padded to the longest.
        rows = torch.arange(cdf.shape[1])[None] < lengths[:, None]
        shipped |= {f"tables.{name}.cdf": cdf[rows], f"tables.{name}.lengths": lengths,
                    f"tables.{name}.offsets": offsets}
    return {"encoder": weights.pack(encoder), "codec": shipped}


def _detail(half: dict[str, Tensor]) -> dict[str, Tensor]:
    encoder = ("detail.see_", "detail.analysis")
    own = {name: value for name, value in half.items() if name.startswith(("detail.", "detail_context."))}
    return own | weights.pack({name: value for name, value in own.items() if name.startswith(encoder)})


def gaussian_tables() -> tuple[Tensor, Tensor, Tensor]:
    """CompressAI's tables of the conditional Gaussian: cdf ``(64, L)``, lengths, offsets."""
    from compressai.entropy_models import GaussianConditional

    model = GaussianConditional(entropy.scale_table(), scale_bound=min(entropy.scale_table()))
    model.update()
    return model._quantized_cdf, model._cdf_length, model._offset


@torch.no_grad()
def semantic_tables(networks: HSCNetworks, rate: RateModel) -> tuple[Tensor, Tensor, Tensor]:
    """Tables of the factorised prior for every quality group and channel, group by group."""
    from compressai._CXX import pmf_to_quantized_cdf

    rows, lengths, offsets = [], [], []
    bins = torch.arange(-HALF_WIDTH, HALF_WIDTH + 1).float()
    for quality in range(0, entropy.QUALITIES, entropy.QUALITIES // entropy.SEMANTIC_GROUPS):
        steps = networks.scn.steps(entropy.quality_value(quality))[0].float()
        values = (bins[None] * steps[:, None])[:, None]
        mass = rate.probability(values, steps[:, None, None])[:, 0]
        # The model keeps every probability above 1e-9, which over thousands of bins would be a tail of its own.
        mass = torch.where(mass > 1e-8, mass, torch.zeros_like(mass))
        for masses in mass:
            total = masses.sum()
            cumulative = masses.cumsum(0)
            first = int((cumulative < TAIL / 2 * total).sum())
            last = max(int((cumulative < (1 - TAIL / 2) * total).sum()), first)
            last = min(last, len(bins) - 1)
            part = masses[first:last + 1] / max(1.0, float(total))
            tail = max(1.0 - float(part.sum()), 1e-9)
            rows.append(pmf_to_quantized_cdf([*part.tolist(), tail], PRECISION))
            lengths.append(len(rows[-1]))
            offsets.append(first - HALF_WIDTH)
    cdf = torch.zeros(len(rows), max(lengths), dtype=torch.int32)
    for index, row in enumerate(rows):
        cdf[index, :len(row)] = torch.tensor(row, dtype=torch.int32)
    return cdf, torch.tensor(lengths), torch.tensor(offsets)
