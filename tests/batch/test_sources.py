"""Inputs: what a word stands for, in which order, under which keys, and what its bytes are."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from hsc.batch import sources
from hsc.batch.sources import CODED, InputGone, Reader, find
from hsc.errors import HSCError
from hsc.imaging.images import SUFFIXES


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def test_a_folder_is_listed_at_any_depth_by_name(tmp_path):
    for name in ("b.jpg", "a/z.PNG", "a/.hidden.png", "a/words.txt", "B.webp", "a.b/c.v2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source, items = find(str(tmp_path), SUFFIXES)
    assert [item.name for item in items] == ["B.webp", "a.b/c.v2.jpg", "a/z.PNG", "b.jpg"]
    assert [item.key for item in items] == ["B", "a_b/c_v2", "a/z", "b"]
    reader = Reader(source)
    assert [reader.read(item) for item in items] == [item.name.encode() for item in items]


def test_keys_are_unique_and_lead_out_of_no_folder(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("a.jpg", "../a.png", "/b/../a.jpg", "c~1.jpg"):
            add(archive, name, b"x")
    _, items = find(str(tmp_path / "x.tar"), SUFFIXES)
    assert [item.key for item in items] == ["a", "a__2", "b/a", "c_1"]


def test_names_that_are_no_text_are_read(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(name, "wb") as file:
        file.write(b"x")
    source, [item] = find(str(tmp_path), SUFFIXES)
    assert item.key == item.name.removesuffix(".jpg") == "caf\N{REPLACEMENT CHARACTER}"
    assert Reader(source).read(item) == b"x"


def test_a_list_names_files_beside_itself(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("in/a.jpg", "in/b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "list.txt").write_text(f"# two\nin/b.jpg\n\n{tmp_path}/in/a.jpg\nin/none.jpg\n")
    source, items = find(str(tmp_path / "list.txt"), SUFFIXES)
    assert [item.key for item in items] == ["b", "a", "none"]
    reader = Reader(source)
    assert reader.read(items[0]) == b"in/b.jpg" and reader.read(items[1]) == b"in/a.jpg"
    with pytest.raises(HSCError, match="No such file") as caught:
        reader.read(items[2])
    assert not isinstance(caught.value, InputGone)


def test_shards_are_read_by_position(tmp_path):
    for number in (0, 1):
        with tarfile.open(tmp_path / f"s-{number:03d}.tar", "w") as archive:
            for name in ("x.seg.png", "x.jpg", "x.json", "d/y.v2.jpg"):
                add(archive, name, f"{number} {name}".encode() * 1000)
    for word in (str(tmp_path), f"{tmp_path}/s-*.tar", f"{tmp_path}/s-{{000..001}}.tar"):
        source, items = find(word, SUFFIXES)
        assert [item.key for item in items] == ["x", "d/y", "x__2", "d/y__2"]
        reader = Reader(source)
        assert [reader.read(item)[:8] for item in items] == [b"0 x.jpg0", b"0 d/y.v2", b"1 x.jpg1", b"1 d/y.v2"]
    stamps = sources.containers(source, items)
    sources.check_containers(stamps)
    (tmp_path / "s-001.tar").write_bytes(b"")
    with pytest.raises(InputGone, match="s-001.tar is not the file"):
        sources.check_containers(stamps)


def test_parquet_rows_are_read_in_any_order(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [{"bytes": bytes([number]) * 50, "path": None} for number in range(100)]
    pq.write_table(pa.table({"image": rows, "label": list(range(100))}), tmp_path / "a.parquet", row_group_size=30)
    pq.write_table(pa.table({"id": ["p", "q"], "image": [b"P", None]}), tmp_path / "b.parquet")
    source, items = find(str(tmp_path), SUFFIXES)
    assert len(items) == 102 and [item.key for item in items[99:]] == ["00000099", "p", "q"]
    reader = Reader(source)
    for number in (0, 1, 17, 16, 95, 40, 99, 0):
        assert reader.read(items[number]) == rows[number]["bytes"]
    assert reader.read(items[100]) == b"P"
    with pytest.raises(HSCError, match="no bytes"):
        reader.read(items[101])
    with pytest.raises(HSCError, match="its columns are image, label"):
        find(str(tmp_path / "a.parquet"), CODED)
    with pytest.raises(HSCError, match="no column photo"):
        find(str(tmp_path / "a.parquet"), SUFFIXES, "photo")


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("missing", None, "does not exist"),
        ("a.tar", b"no tar file", "damaged, or no uncompressed tar"),
        ("a.tar", b"\x1f\x8b\x08 gzip", "damaged, or no uncompressed tar"),
        ("a.parquet", b"no table", "damaged, or no parquet file"),
        ("a.txt", b"\n", "names no file"),
        ("a.txt", b"https://a.b/c.jpg", "img2dataset"),
        ("a.jpg", b"x", "neither a folder"),
    ],
)
def test_what_cannot_be_listed_is_refused_in_a_sentence(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(HSCError, match=words):
        find(str(tmp_path / name), SUFFIXES)


def test_a_tar_file_that_ends_early_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "a.jpg", b"x" * 5000)
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:3000])
    with pytest.raises(HSCError, match="damaged"):
        find(str(tmp_path / "a.tar"), SUFFIXES)


def test_a_source_that_vanished_is_told_from_one_file_that_did(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    source, items = find(str(tmp_path), SUFFIXES)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(HSCError) as caught:
        Reader(source).read(items[0])
    assert not isinstance(caught.value, InputGone)
    (tmp_path / "b.jpg").unlink()  # as where a disk was unmounted: an empty folder is left
    with pytest.raises(InputGone, match="no longer there"):
        Reader(source).read(items[1])
