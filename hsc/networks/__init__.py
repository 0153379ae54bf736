"""The paper's boxes, by name, what improves their first answer, and what goes beyond them."""

from hsc.networks.context import SemanticContextEncoder
from hsc.networks.detail import DetailCompressionNetwork
from hsc.networks.fcn import FeatureCompressionNetwork
from hsc.networks.gie import GeneralInversionEncoder
from hsc.networks.scn import SemanticCompressionNetwork
from hsc.networks.updater import LatentUpdater

__all__ = [
    "DetailCompressionNetwork",
    "FeatureCompressionNetwork",
    "GeneralInversionEncoder",
    "LatentUpdater",
    "SemanticCompressionNetwork",
    "SemanticContextEncoder",
]
