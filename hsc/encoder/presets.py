"""Every tuned number of the encoder, by name, with its unit and the section of ``hsc/train/LOG.md`` that found it.

To encode faster, lower :attr:`Refinement.steps`, or :attr:`Detail.few_iterations` for files of more than
:attr:`Detail.min_bytes`. No number here changes how a file decodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class PreviewDistortion:
    """Weights of what refinement sees: L1 and LPIPS-Alex of the 256 px preview at weight 1, and these beside them."""

    colour: float = 1.0
    """Weight of the L1 of mean colours over patches. As in training; log: *Model 3*."""
    colour_patch: int = 16
    """Side of those patches, in pixels. Log: *Model 3*."""
    mse: float = 30.0
    """Weight of squared differences where the file will have detail: they say most of who somebody is, and detail mends
    the texture that they forgive. Shorter files go without. Log: *Squared differences*, *Model 7*."""
    texture: float = 1.5
    """Weight of LPIPS-Alex at 1024 px, seen through windows. As in training; log: *Model 2*, *Release 0.9.1*."""
    grid: float = 300.0
    """Weight of squared differences, in windows, of what repeats every 8 pixels: else the generator's own grid passes
    for texture. Log: *Artefacts at 800 bytes*."""
    window: int = 24
    """Side of a window, in features of 8 px. Log: *Models 9 and 10*."""
    windows: int = 2
    """Windows that a step looks through, one after the other. Log: *model 5, encoder only (release 0.5.1)*."""


@dataclass(frozen=True)
class FullDistortion:
    """Weights of what detail sees: L1 at 512 px at weight 1, and these beside it. Training uses the same."""

    lpips: float = 2.0
    """Weight of LPIPS-Alex. Log: *Model 6*."""
    full_share: float = 0.75
    """Share of LPIPS that is seen at 1024 px, where a picture has as many; the rest is at 512. Log: *Model 7*."""
    colour: float = 0.5
    """Weight of the L1 of mean colours over patches of 16 pixels. Log: *Model 6*."""
    mse: float = 15.0
    """Weight of squared differences at 256 px, about what networks of identity see. Log: *Model 7*."""


@dataclass(frozen=True)
class RatePrice:
    """What a byte weighs beside the distortion: ``at_lowest / 2^(doublings q)`` at quality q in [0, 1].

    Training uses the same; log: *Model 5*.
    """

    at_lowest: float = 1e-3
    """Weight of a byte at quality 0."""
    doublings: float = 8.0
    """How often it halves up to quality 1."""
    refinement_factor: float = 4.0
    """How many times as much it weighs in refinement: what a step adds to the file is paid for by all symbols, which
    become coarser until it fits. Log: *model 3, encoder only (release 0.3.1)*."""
    rdoq: float = 0.12
    """Squared quantisation steps that saving a bit is worth when files with detail are quantised; 2 ln 2 / 12 is right
    for a uniform quantiser of high rate. Log: *Bits weighed in quantisation*."""


@dataclass(frozen=True)
class Refinement:
    """How often, and how far, S and F are moved towards the picture."""

    steps: int = 8
    """Passes through the generator and back, at preview size. Log: *Release 0.9.1*."""
    max_learned: int = 4
    """Half of the steps are learned ones, but no more than these; the others descend. The shipped updater was trained
    for one to three; a fourth helps, a fifth costs likeness. Log: *Models 9 and 10*."""
    s_rate: float = 0.18
    """Adam's rate on S, in quantisation steps, over the root of the number of descending steps. Log: *Model 3*."""
    f_rates: tuple[float, float] = (0.2, 0.1)
    """Rates on F at 16x16 and 32x32, likewise, times the quality in [0, 1]: coarse symbols are too dear to be moved.
    Log: *model 3, encoder only (release 0.3.1)*."""
    momentum: float = 0.8
    """Of both, per step. Log: *Release 0.9.1*."""
    second_moment: float = 0.95
    """Adam's second beta, per step."""

    @property
    def learned(self) -> int:
        """How many of the steps are learned ones."""
        return min((self.steps + 1) // 2, self.max_learned)


@dataclass(frozen=True)
class Detail:
    """When a file has detail, and how it is found."""

    min_bytes: int = 1300
    """Smallest budget, in bytes, of a file with detail: below, S and F say more. Log: *Bits weighed in
    quantisation*."""
    min_quality: int = 100
    """The same for files that are asked for by quality (0 to 255)."""
    iterations: int = 5
    """Passes through the generator and back at 1024 px. Log: *Model 7*, *Model 8*."""
    few_iterations: int = 4
    """Those of files below :attr:`few_below` bytes, where a fifth hardly gains. Log: *Release 0.8.1*."""
    few_below: int = 2000
    """Budget in bytes."""
    other_bytes: int = 475
    """About as many bytes of a file with detail are for S and F ..."""
    other_share: float = 0.25
    """... and as large a share of its size. That gives the quality at which it is refined. Log: *Models 9 and 10*."""
    s_rate: float = 0.2
    """Adam's rate on S in the first iteration, in quantisation steps, over the square root of their number; it falls
    evenly to 1 / n of that in the last of n. Log: *Model 8*."""
    rows: int = 16
    """Rows of features at 64x64 that are rendered and differentiated together: memory for time."""


@dataclass(frozen=True)
class RateControl:
    """The search for the quality at which a file has the size that was asked for."""

    close: float = 0.98
    """Share of the allowed bytes with which the search is content."""
    enough: float = 0.9
    """Share that it tries hard to reach, by fewer layers if need be."""
    lowest_bytes: int = 370
    """Typical size of a file of quality 0, in bytes: where the search starts."""
    doubling: int = 70
    """Steps of quality that double the size of a file without detail. Log: *Fewer tries*."""
    doubling_with_detail: int = 28
    """Those of a file with it."""
    refinement_cost: int = 14
    """Steps of quality that refined latents cost in files of the same size: where the search for them starts lower."""
    kept_shares: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.0)
    """Shares of what refinement moved, of which the first that costs no layer is kept. Log: *Model 5*."""


@dataclass(frozen=True)
class Candidates:
    """After how many steps a file is made of what was found; it takes about as long as a step."""

    steps: int = 8
    """Of refinement."""
    iterations: int = 5
    """Of detail; the last is one in any case. Log: *Fewer tries*."""


@dataclass(frozen=True)
class Preset:
    """All choices of an encode."""

    name: str
    refinement: Refinement = field(default_factory=Refinement)
    detail: Detail = field(default_factory=Detail)
    rate_control: RateControl = field(default_factory=RateControl)
    candidates: Candidates = field(default_factory=Candidates)
    rate_price: RatePrice = field(default_factory=RatePrice)
    preview_distortion: PreviewDistortion = field(default_factory=PreviewDistortion)
    full_distortion: FullDistortion = field(default_factory=FullDistortion)

    @property
    def steps(self) -> int:
        """Number of refinement steps."""
        return self.refinement.steps

    def with_steps(self, steps: int) -> Preset:
        """The same with another number of refinement steps."""
        return replace(self, refinement=replace(self.refinement, steps=steps))


DEFAULT = Preset("default")
"""An ordinary encode: about two seconds to 800 bytes on two cores."""
FAST = Preset("fast", Refinement(steps=4))
"""Half the time to 800 bytes, for 4% of LPIPS. Log: *Release 0.9.1*."""
THOROUGH = Preset("thorough", Refinement(steps=20))
"""For somebody who is ready to wait: two to three times as long, LPIPS lower by 1 to 3%. Log: *Release 0.9.1*."""
PRESETS = {preset.name: preset for preset in (FAST, DEFAULT, THOROUGH)}
"""All of them by name."""
