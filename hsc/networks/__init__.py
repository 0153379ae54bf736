"""The paper's boxes, by name, and what improves their first answer."""

from hsc.networks.context import SemanticContextEncoder
from hsc.networks.fcn import FeatureCompressionNetwork
from hsc.networks.gie import GeneralInversionEncoder
from hsc.networks.scn import SemanticCompressionNetwork
from hsc.networks.updater import LatentUpdater

__all__ = [
    "FeatureCompressionNetwork",
    "GeneralInversionEncoder",
    "LatentUpdater",
    "SemanticCompressionNetwork",
    "SemanticContextEncoder",
]
