"""The journal outlives a run that is killed while it writes, at any byte."""

from __future__ import annotations

from hsc.batch.journal import Journal
from hsc.batch.records import Record, failed, pack, unpack
from hsc.batch.sources import Item


def test_entries_come_back_in_order(tmp_path):
    journal = Journal(tmp_path / "j")
    for number in (12, 10, 11):
        journal.append(number, b"%d" % number * 100)
    assert list(journal.bodies(range(10, 13))) == [b"10" * 100, b"11" * 100, b"12" * 100]
    journal.close()
    again = Journal(tmp_path / "j")
    assert len(again) == 3 and 11 in again and 13 not in again
    assert list(again.bodies(range(11, 13))) == [b"11" * 100, b"12" * 100]
    again.remove()
    assert not (tmp_path / "j").exists()


def test_whatever_was_cut_off_or_damaged_is_none(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path)
    journal.append(0, b"first")
    whole = path.stat().st_size
    journal.append(1, b"second one")
    journal.close()
    data = path.read_bytes()
    for end in range(whole, len(data)):
        path.write_bytes(data[:end])
        cut = Journal(path)
        assert 0 in cut and 1 not in cut and path.stat().st_size == whole
        cut.append(1, b"anew")
        assert list(cut.bodies(range(2))) == [b"first", b"anew"]
        cut.close()
    for place in range(whole, len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        cut = Journal(path)
        assert 0 in cut and 1 not in cut
        cut.close()


def test_records_are_packed_and_unpacked():
    item = Item("k", "some/k.jpg", "k.jpg")
    records = [
        Record({"key": "k", "notes": ["é"]}, {"hsc": b"\0\1", "codes": b""}),
        failed(7, item, "No face.", 0.12345),
    ]
    first, second = unpack(pack(records))
    assert first == records[0] and first.error is None
    assert second == records[1] and second.error == "No face." and second.facts["seconds"] == 0.123
    assert unpack(b"") == []
