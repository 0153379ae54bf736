"""The paper's boxes, by name."""

from hsc.networks.context import SemanticContextEncoder
from hsc.networks.fcn import FeatureCompressionNetwork
from hsc.networks.gie import GeneralInversionEncoder
from hsc.networks.scn import SemanticCompressionNetwork

__all__ = [
    "FeatureCompressionNetwork",
    "GeneralInversionEncoder",
    "SemanticCompressionNetwork",
    "SemanticContextEncoder",
]
