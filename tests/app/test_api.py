"""The endpoints, as programs use them: through a client, against the running app."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import directions
from app import api


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory) -> Client:
    return Client(url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture(scope="module")
def compressed(client: Client, photo: Path) -> tuple[Path, dict]:
    path, about = client.predict(handle_file(str(photo)), 600, 0, api_name="/compress")
    return Path(path), about


def test_endpoints_are_named_and_documented(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/compress", "/decode", "/edit", "/compare"}
    assert [parameter["parameter_name"] for parameter in named["/compress"]["parameters"]] == [
        "photo",
        "max_bytes",
        "face",
    ]


def test_a_photo_is_compressed_to_the_bytes_asked_for(compressed) -> None:
    path, about = compressed
    data = path.read_bytes()
    assert path.suffix == ".hsc" and data.startswith(b"HSC")
    assert len(data) == about["bytes"] <= 600
    assert about["faces"] == 1 and about["layers"][0]["name"] == "S" and about["complete"]


def test_any_prefix_is_decoded_to_a_png(client: Client, compressed) -> None:
    path, about = compressed
    end = about["layers"][0]["end"]
    picture, described = client.predict(handle_file(str(path)), 256, end, api_name="/decode")
    assert [layer["name"] for layer in described["layers"]] == ["S"] and not described["complete"]
    with Image.open(picture["path"] if isinstance(picture, dict) else picture) as image:
        assert image.format == "PNG" and image.size == (256, 256)
        assert "restored by HSC" in image.text["Comment"]


def test_edits_are_stored_in_the_file(client: Client, compressed) -> None:
    if not directions.names():
        pytest.skip("no directions are shipped yet")
    name = directions.names()[0]
    path, about = compressed
    picture, edited = client.predict(handle_file(str(path)), {name: 0.5}, 256, api_name="/edit")
    assert Path(edited).stat().st_size == about["bytes"] + 5
    with Image.open(picture) as image:
        assert "synthetic" in image.text["Comment"]
    _, described = client.predict(handle_file(edited), 256, -1, api_name="/decode")
    assert described["edits"] == {name: 0.5}


def test_a_strength_of_an_unknown_direction_is_refused(client: Client, compressed) -> None:
    with pytest.raises(AppError, match="no direction 'nose'"):
        client.predict(handle_file(str(compressed[0])), {"nose": 1.0}, 256, api_name="/edit")


@pytest.mark.parametrize("strengths", [[1], "smile", 1, None])
def test_strengths_that_are_no_object_are_refused_in_one_sentence(client: Client, compressed, strengths) -> None:
    with pytest.raises(AppError, match="^strengths must be|^Strengths must be"):
        client.predict(handle_file(str(compressed[0])), strengths, 256, api_name="/edit")


_NUMBERS = [
    ("/decode", [None, -1], 0, "size must be a number, not null."),
    ("/decode", [300, -1], 0, "size must be one of 1024, 512, 256, not 300."),
    ("/decode", [256, {}], 0, "received_bytes must be a number, not an object."),
    ("/edit", [{"smile": None}, 256], 0, "The strength of 'smile' must be a number, not null."),
    ("/edit", [{"smile": "much"}, 256], 0, "The strength of 'smile' must be a number, not much."),
    ("/edit", [{"smile": 0.5}, "large"], 0, "size must be a number, not large."),
    ("/compress", ["few", 0], 1, "max_bytes must be a number, not few."),
    ("/compress", [600, None], 1, "face must be a number, not null."),
    ("/compress", [600, -1], 1, "face must be 0 or more, not -1."),
    ("/compare", [True, 0], 1, "max_bytes must be a number, not true."),
    ("/compare", [800, 0.5], 1, "face must be a whole number, not 0.5."),
]


@pytest.mark.parametrize("endpoint, arguments, photo_first, sentence", _NUMBERS)
def test_what_is_no_number_is_refused_in_our_words(
    client: Client, compressed, photo, endpoint, arguments, photo_first, sentence
) -> None:
    file = handle_file(str(photo if photo_first else compressed[0]))
    with pytest.raises(AppError) as refused:
        client.predict(file, *arguments, api_name=endpoint)
    assert str(refused.value).lower() == sentence.lower()


def test_numerals_are_numbers(client: Client, compressed) -> None:
    picture, about = client.predict(handle_file(str(compressed[0])), "256", "-1", api_name="/decode")
    assert about["complete"]
    first, _ = client.predict(handle_file(str(compressed[0])), {"smile": "0.5"}, "256", api_name="/edit")
    second, _ = client.predict(handle_file(str(compressed[0])), {"smile": 0.5}, 256, api_name="/edit")
    with Image.open(first) as one, Image.open(second) as other:
        assert one.size == (256, 256) and one.tobytes() == other.tobytes()


def test_white_space_after_a_file_does_not_matter(client: Client, compressed, tmp_path: Path) -> None:
    (tmp_path / "mailed.hsc").write_bytes(compressed[0].read_bytes() + b"\r\n")
    _, about = client.predict(handle_file(str(tmp_path / "mailed.hsc")), 256, -1, api_name="/decode")
    assert about["complete"] and about["bytes"] == compressed[0].stat().st_size


def test_what_breaks_on_our_side_is_one_sentence(caplog) -> None:
    def decode() -> None:
        raise AttributeError("'list' object has no attribute 'items'")

    with pytest.raises(gr.Error, match="^'Something went wrong on our side; please try again.'$"):
        api._told(decode)()
    assert "decode failed" in caplog.text


def test_a_file_that_is_no_picture_is_refused_in_one_sentence(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(b"not a picture")
    with pytest.raises(AppError, match=r"^The picture is not an image that can be read .*\.$"):
        client.predict(handle_file(str(path)), 600, 0, api_name="/compress")


def test_a_picture_without_a_face_is_refused(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "gray").save(tmp_path / "wall.png")
    with pytest.raises(AppError, match="No face was found"):
        client.predict(handle_file(str(tmp_path / "wall.png")), 600, 0, api_name="/compress")


def test_damage_is_noticed(client: Client, compressed, tmp_path: Path) -> None:
    data = bytearray(compressed[0].read_bytes())
    data[20] ^= 0x10
    (tmp_path / "bad.hsc").write_bytes(data)
    with pytest.raises(AppError, match="damaged"):
        client.predict(handle_file(str(tmp_path / "bad.hsc")), 256, -1, api_name="/decode")


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "../../etc/passwd", str(Path(__file__))])
def test_no_path_of_the_server_can_be_given(url: str, path: str) -> None:
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, 600, 0]}
    event = json.load(_post(f"{url}gradio_api/call/compress", body))["event_id"]
    with urllib.request.urlopen(f"{url}gradio_api/call/compress/{event}") as answer:
        text = answer.read().decode()
    assert "event: error" in text and "root:" not in text


@pytest.mark.parametrize("path", ["/etc/passwd", "README.md", "requirements.txt", str(Path(__file__)), "hsc/codec.py"])
def test_no_file_of_the_server_is_served(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}gradio_api/file={path}")
    assert refused.value.code in (403, 404)


@pytest.mark.slow
def test_every_codec_gets_a_row(client: Client, face_file: Path) -> None:
    rows = client.predict(handle_file(str(face_file)), 1500, 0, api_name="/compare")
    assert rows[0]["codec"] == "hsc" and rows[0]["fits"] and rows[0]["metrics"]["lpips_alex"] > 0
    by_key = {row["codec"]: row for row in rows}
    assert by_key["jpeg"]["fits"] is False and "cannot go this low" in by_key["jpeg"]["note"]
    assert all(row["reason"] or row["metrics"] for row in rows)


def _post(url: str, body: dict):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return urllib.request.urlopen(request)
