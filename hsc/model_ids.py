"""The models that files name, each frozen once it is released: its networks and tables decode its files for ever.

A model is a set of weights files under ``assets/weights`` together with the generator. The file
``decoder-N.safetensors`` is what model N adds to the models before it. Releases add models; none replaces another or
changes its files, whose digests stand here and are tested. FORMAT.md says what a model consists of, and how a new one
is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hsc.errors import BitstreamError

MODEL_ID = 9
"""Networks and tables of S and F that the encoder writes by, and the files that hold nothing else."""
DETAILED_MODEL_ID = 10
"""The networks of :data:`MODEL_ID` together with those of detail, and the files that have some."""
RELEASES = {1: "0.1", 2: "0.2", 3: "0.3", 4: "0.4", 5: "0.5", 6: "0.6", 7: "0.7", 8: "0.8", 9: "0.9", 10: "0.9"}
"""The first release of this project that has each model."""


@dataclass(frozen=True)
class FrozenModel:
    """What decodes the files of one model.

    Attributes:
        model_id: the number that files name it by.
        weights: sha256 of each of its files ``<name>.safetensors``, by name.
    """

    model_id: int
    weights: Mapping[str, str]

    @property
    def release(self) -> str:
        """The first release that has it."""
        return RELEASES[self.model_id]


_SEMANTICS_AND_FEATURES = {"decoder-9": "f326451914d1673a335bfdd247e66c64935f0216a584e1662e1611f8821b02aa"}
_DETAIL = {"decoder-10": "730da7a7516ef8d07298ae0dfb6627d2f69a98b6a2edb28bb5ee6565a5cc3582"}
MODELS = {
    9: FrozenModel(9, _SEMANTICS_AND_FEATURES),
    10: FrozenModel(10, {**_SEMANTICS_AND_FEATURES, **_DETAIL}),
}
"""The models whose files this release decodes, by number."""
FIRST_FROZEN = min(MODELS)
"""The first model that is kept; files of earlier ones need the release that wrote them."""


def check_model_id(model_id: int | None) -> None:
    """See that a file's model is here; None stands for a file that is too short to name one.

    Raises:
        BitstreamError: it is not; the message says which release has it.
    """
    if model_id is None or model_id in MODELS:
        return
    release = RELEASES.get(model_id)
    where = f"which release {release} has" if release else "which is not known here"
    known = " and ".join(map(str, MODELS))
    raise BitstreamError(f"This HSC file needs model {model_id}, {where}; this release has models {known}.")
