"""From a training checkpoint to the shipped weights: networks of 8 or 16 bits, and integer frequency tables."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from hsc import weights
from hsc.errors import WeightsError
from hsc.model_ids import DETAILED_MODEL_ID, MODEL_ID
from hsc.networks import entropy_tables
from hsc.networks.hsc_networks import HSCNetworks
from hsc.runtime import packages
from hsc.train.rate import RateModel

PRECISION = 16
"""Bits of a frequency; CompressAI's own."""
TAIL = 1e-5
"""Probability left to the escape of a semantic table."""
HALF_WIDTH = 1500
"""Farthest bin from the mode that a semantic table may have."""


def export(checkpoint: Path, folder: Path, model_id: int | None = None) -> list[Path]:
    """Write ``encoder.safetensors`` and ``decoder-N.safetensors``, of model N, from a training checkpoint.

    Where it has networks of detail, those alone are written, the encoder's as ``encoder-detail.safetensors``: they were
    trained for weights that did not change.

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
        networks = HSCNetworks.for_state(
            {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
        )
        model = nn.ModuleDict({"networks": networks, "rate": RateModel()})
        model.load_state_dict({name: state[name] for name in model.state_dict()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{checkpoint.name} is not a checkpoint of the training program.") from error
    # Tables must be made from the very numbers that will be shipped.
    half = {name: value.half() if value.is_floating_point() else value for name, value in networks.state_dict().items()}
    networks.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in half.items()}
    )
    if networks.detail is None:
        own = MODEL_ID if model_id is None else model_id
        files = _coarser(networks, half, model["rate"], f"decoder-{own}")
    else:
        own = DETAILED_MODEL_ID if model_id is None else model_id
        files = _detail(half, f"decoder-{own}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, tensors in files.items():
        paths.append(folder / f"{name}.safetensors")
        weights.save_tensors(tensors, paths[-1], {"model_id": str(own)})
    return paths


_PACKED = ("gie.", "updater.")
_ENCODER = (*_PACKED, "scn.project.", "scn.analysis.")
_ENCODER_PARTS = (".analysis.", ".analysis_correction.", ".see_")
"""What names of the encoder's tensors begin with, and what they have in them."""


def _of_encoder(name: str) -> bool:
    return name.startswith(_ENCODER) or any(part in name for part in _ENCODER_PARTS)


def _coarser(
    networks: HSCNetworks, half: dict[str, Tensor], rate: RateModel, decoder_name: str
) -> dict[str, dict[str, Tensor]]:
    encoder = {name: value for name, value in half.items() if _of_encoder(name)}
    encoder |= weights.pack({name: value for name, value in encoder.items() if name.startswith(_PACKED)})
    decoder = {name: value for name, value in half.items() if name not in encoder}
    for name, tables in (("semantic", semantic_tables(networks, rate)), ("gaussian", gaussian_tables())):
        cdf, lengths, offsets = (part.to(torch.int32) for part in tables)
        # Rows end to end instead of padded to the longest.
        rows = torch.arange(cdf.shape[1])[None] < lengths[:, None]
        decoder |= {
            f"tables.{name}.cdf": cdf[rows],
            f"tables.{name}.lengths": lengths,
            f"tables.{name}.offsets": offsets,
        }
    return {"encoder": encoder, decoder_name: decoder}


def _detail(half: dict[str, Tensor], decoder_name: str) -> dict[str, dict[str, Tensor]]:
    own = {name: value for name, value in half.items() if name.startswith(("detail.", "detail_context."))}
    encoder = {name: value for name, value in own.items() if _of_encoder(name)}
    decoder = {name: value for name, value in own.items() if name not in encoder}
    return {"encoder-detail": weights.pack(encoder), decoder_name: decoder}


def gaussian_tables() -> tuple[Tensor, Tensor, Tensor]:
    """CompressAI's tables of the conditional Gaussian: cdf ``(64, L)``, lengths, offsets.

    Raises:
        HSCError: CompressAI is not installed.
    """
    packages.require("compressai", "Making tables", "train")
    from compressai.entropy_models import GaussianConditional

    model = GaussianConditional(entropy_tables.scale_table(), scale_bound=min(entropy_tables.scale_table()))
    model.update()
    return model._quantized_cdf, model._cdf_length, model._offset


@torch.no_grad()
def semantic_tables(networks: HSCNetworks, rate: RateModel) -> tuple[Tensor, Tensor, Tensor]:
    """Tables of the factorised prior for every quality group and channel, group by group."""
    packages.require("compressai", "Making tables", "train")
    from compressai._CXX import pmf_to_quantized_cdf

    rows, lengths, offsets = [], [], []
    bins = torch.arange(-HALF_WIDTH, HALF_WIDTH + 1).float()
    for quality in range(0, entropy_tables.QUALITIES, entropy_tables.QUALITIES // entropy_tables.SEMANTIC_GROUPS):
        steps = networks.scn.steps(entropy_tables.quality_value(quality))[0].float()
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
            part = masses[first : last + 1] / max(1.0, float(total))
            tail = max(1.0 - float(part.sum()), 1e-9)
            rows.append(pmf_to_quantized_cdf([*part.tolist(), tail], PRECISION))
            lengths.append(len(rows[-1]))
            offsets.append(first - HALF_WIDTH)
    cdf = torch.zeros(len(rows), max(lengths), dtype=torch.int32)
    for index, row in enumerate(rows):
        cdf[index, : len(row)] = torch.tensor(row, dtype=torch.int32)
    return cdf, torch.tensor(lengths), torch.tensor(offsets)
