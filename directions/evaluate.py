"""What the directions do to real photos that were coded and decoded, beside published directions."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw

import directions
from directions.attributes import ATTRIBUTES
from directions.scorers.panel import COLUMNS
from hsc.errors import DirectionError

if TYPE_CHECKING:
    from directions.scorers import ScorerPanel
    from hsc.codec import Codec, Semantics
    from hsc.identity import IdentityNetwork

STRENGTHS = (-1.0, -0.5, 0.5, 1.0)
SIZE = 256
"""Side in pixels at which pictures are scored; the scorers' networks see no more."""
# Published directions of StyleGAN2-FFHQ for the same attributes: file, layers, sign. Layers as their
# authors or, where these name none, as common practice has them.
REFERENCES = {
    "smile": (
        ("paper_Smiling.npy", range(16), 1),
        ("stylegan2_wplus_smile.npy", range(16), 1),
        ("e4e_smile.pt", range(16), 1),
    ),
    "eyeglasses": (("paper_Eyeglasses.npy", range(16), 1), ("stylegan2_wplus_glasses.npy", range(16), 1)),
    "makeup": (("paper_Heavy_Makeup.npy", range(16), 1), ("stylegan2_wplus_beauty.npy", range(16), 1)),
    "age": (("stylegan2_wplus_age.npy", range(16), 1), ("e4e_age.pt", range(16), 1)),
    "yaw": (("stylegan2_wplus_angle_horizontal.npy", range(16), 1), ("e4e_pose.pt", range(16), 1)),
}


@dataclass(frozen=True)
class Rows:
    """Scores of N edited photos: ``scores`` ``(N, len(COLUMNS))`` and ``identity`` ``(N,)``."""

    scores: np.ndarray
    identity: np.ndarray
    pictures: list[Image.Image]

    def column(self, name: str) -> np.ndarray:
        """One score of every photo."""
        return self.scores[:, COLUMNS.index(name)]


class Evaluation:
    """Decoded photos, their scores, and edits of them.

    Args:
        preview: score the approximate 256 px previews, which cost a fraction of whole pictures.
    """

    def __init__(
        self,
        codec: Codec,
        semantics: list[Semantics],
        panel: ScorerPanel,
        identity: IdentityNetwork,
        preview: bool = False,
    ) -> None:
        self._codec, self.semantics, self._panel, self._identity = codec, semantics, panel, identity
        self._render = codec.render_preview if preview else lambda one: codec.render(one, SIZE)
        self._embeddings: torch.Tensor | None = None
        self.before = self._score([self._render(one) for one in semantics])

    def shift(self, offset: np.ndarray) -> Rows:
        """All photos moved by ``(16, 512)``."""
        moved = torch.from_numpy(np.asarray(offset, np.float32))
        return self._score([self._render(self._codec.move(one, moved)) for one in self.semantics])

    def reference_scale(self, array: np.ndarray, column: str, change: float) -> tuple[float, Rows]:
        """The length at which a foreign direction changes a score as much as ours, and what it does.

        Tried up to an offset of length 20 on average over layers; where that is not enough, the best of
        what was tried.
        """
        unit = array / np.linalg.norm(array, axis=1).max()
        best: tuple[float, Rows] | None = None
        low, high = 0.0, 1.0
        reached = -np.inf
        for length in (2.0, 4.0, 7.0, 11.0, 16.0, 20.0):
            rows = self.shift(unit * length)
            got = float((rows.column(column) - self.before.column(column)).mean())
            if got > reached:
                best, reached = (length, rows), got
            if got >= change:
                high = length
                break
            low = length
        else:
            return best
        for _ in range(3):
            middle = (low + high) / 2
            rows = self.shift(unit * middle)
            if (rows.column(column) - self.before.column(column)).mean() >= change:
                high, best = middle, (middle, rows)
            else:
                low = middle
        return best

    def _score(self, pictures: list[Image.Image]) -> Rows:
        scores = np.concatenate([self._panel(pictures[i : i + 20]) for i in range(0, len(pictures), 20)])
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            embeddings = self._identity(pixels.float() / 127.5 - 1)
        if self._embeddings is None:
            self._embeddings = embeddings
        return Rows(scores, (self._embeddings * embeddings).sum(1).numpy(), pictures)


def run(
    photos: Path | None,
    references: Path | None,
    size: int,
    limit: int,
    only: list[str],
    out: Path,
    preview: bool = False,
    compare: bool = True,
) -> None:
    """Evaluate and write ``effects.csv``, ``summary.json``, ``README.md`` and one contact sheet a direction.

    Raises:
        DirectionError: there are no photos, or a direction is unknown.
        WeightsError: scorers or the codec are missing.
    """
    from tqdm import tqdm

    from directions.scorers import ScorerPanel
    from hsc.codec import Codec
    from hsc.identity import IdentityNetwork

    shared = Path(__file__).resolve().parents[2] / "shared"
    photos = photos or shared / "data" / "eval1024"
    references = references or shared / "reference" / "directions"
    paths = image_files(photos)[: limit or None]
    names = only or directions.names()
    chosen = [directions.load(name) for name in names]
    out.mkdir(parents=True, exist_ok=True)
    codec = Codec.load()
    semantics, sizes = [], []
    for path in tqdm(paths, unit="photo", desc="code and decode"):
        data = codec.encode(Image.open(path).convert("RGB"), max_bytes=size)
        semantics.append(codec.parse(data))
        sizes.append(len(data))
    evaluation = Evaluation(codec, semantics, ScorerPanel(), IdentityNetwork.load(), preview)
    report: dict[str, object] = {"photos": len(paths), "mean_bytes": float(np.mean(sizes)), "directions": {}}
    with (out / "effects.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["direction", "strength", "identity", *COLUMNS])
        for direction in tqdm(chosen, unit="direction"):
            attribute = ATTRIBUTES.get(direction.name)
            rows = {strength: evaluation.shift(direction.array * strength) for strength in STRENGTHS}
            for strength, row in rows.items():
                table.writerow([direction.name, strength, *_changes(evaluation.before, row)])
            sheet = contact_sheet(
                [evaluation.before.pictures, *[rows[s].pictures for s in STRENGTHS]],
                ["decoded", *[f"{direction.name} {s:+g}" for s in STRENGTHS]],
            )
            sheet.save(out / f"{direction.name}.jpg", quality=90)
            entry: dict[str, object] = {
                "strength 1": _summary(evaluation.before, rows[1.0], direction.name),
                "strength -1": _summary(evaluation.before, rows[-1.0], direction.name),
            }
            if attribute and compare and references.is_dir():
                change = float(
                    (rows[1.0].column(attribute.column) - evaluation.before.column(attribute.column)).mean()
                )
                entry["references"] = {}
                for file_name, layers, sign in REFERENCES.get(direction.name, ()):
                    if (references / file_name).is_file():
                        foreign = directions.load_foreign(
                            references / file_name, "reference", layers, scale=sign
                        )
                        length, row = evaluation.reference_scale(foreign.array, attribute.column, change)
                        table.writerow([file_name, f"{length:.2f}", *_changes(evaluation.before, row)])
                        entry["references"][file_name] = {
                            "length": length,
                            **_summary(evaluation.before, row, direction.name),
                        }
                        sheet = contact_sheet(
                            [evaluation.before.pictures, row.pictures], ["decoded", file_name]
                        )
                        sheet.save(out / f"{direction.name}-{Path(file_name).stem}.jpg", quality=90)
            report["directions"][direction.name] = entry
            file.flush()
            (out / "summary.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "README.md").write_text(_page(report))


def image_files(folder: Path) -> list[Path]:
    """Picture files of a folder by name.

    Raises:
        DirectionError: there are none.
    """
    paths = sorted(
        path for path in folder.glob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")
    )
    if not paths:
        raise DirectionError(f"There are no pictures in {folder}.")
    return paths


def _changes(before: Rows, after: Rows) -> list[str]:
    mean = (after.scores - before.scores).mean(0)
    return [f"{after.identity.mean():.3f}", *[f"{value:+.3f}" for value in mean]]


def _summary(before: Rows, after: Rows, name: str) -> dict[str, float]:
    """Mean changes, and the shares of photos that targets speak of."""
    result = {"identity": round(float(after.identity.mean()), 3)}
    for column in COLUMNS:
        result[column] = round(float((after.column(column) - before.column(column)).mean()), 3)
    if name == "smile":
        serious, smiling = before.column("smile") < 0.3, before.column("smile") >= 0.6
        result["serious_now_smiling"] = _share(after.column("smile")[serious] >= 0.6)
        result["smiling_now_serious"] = _share(after.column("smile")[smiling] < 0.3)
    if name == "eyeglasses":
        without = before.column("eyeglasses") <= 2.2
        result["without_now_with"] = _share(after.column("eyeglasses")[without] > 2.2)
    if name == "makeup":
        result["risen"] = _share(after.column("makeup") > before.column("makeup"))
    return result


def _share(values: np.ndarray) -> float:
    return round(float(values.mean()), 3) if len(values) else float("nan")


def contact_sheet(columns: list[list[Image.Image]], titles: list[str], side: int = 192) -> Image.Image:
    """Pictures of one photo in a row, one column for each treatment."""
    height = max(len(column) for column in columns)
    sheet = Image.new("RGB", (side * len(columns), side * height + 16), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (column, title) in enumerate(zip(columns, titles)):
        draw.text((x * side + 4, 2), title, fill="black")
        for y, picture in enumerate(column):
            sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (x * side, 16 + y * side))
    return sheet


def _page(report: dict) -> str:
    """The evaluation as a page."""
    lines = [
        "# Editing directions on real photos",
        "",
        f"{report['photos']} photos, coded with {report['mean_bytes']:.0f} bytes on average and edited.",
        "Each number is a mean over photos; identity is the cosine to the unedited restoration.",
        "",
        "References stand at the length that gives the same mean change of the score, if they reach it.",
        "",
    ]
    shown = (
        "smile",
        "mouth_open",
        "yaw",
        "pitch",
        "eyeglasses",
        "age",
        "male",
        "makeup",
        "lipstick",
        "beard",
        "hair",
    )
    lines += ["| direction | identity | " + " | ".join(shown) + " |", "|---" * (len(shown) + 2) + "|"]
    for name, entry in report["directions"].items():
        for label, row in (
            ("+1", entry["strength 1"]),
            ("-1", entry["strength -1"]),
            *entry.get("references", {}).items(),
        ):
            cells = " | ".join(f"{row[column]:+.2f}" for column in shown)
            lines.append(f"| {name} {label} | {row['identity']:.2f} | {cells} |")
    return "\n".join(lines) + "\n"
