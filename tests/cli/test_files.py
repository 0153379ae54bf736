"""Files, folders and streams of every command: read, written and named in one way, checked before any work."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import directions.cli
from hsc import bitstream
from hsc.cli import common
from hsc.cli import main as cli
from hsc.imaging import images, marks

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "assets" / "examples"
GOLDEN = REPOSITORY / "tests" / "golden" / "middle.hsc"
PHOTO = EXAMPLES / "girl.jpg"

# For every command that writes: its words, with the output as {}, and a suffix that the output may have.
WRITERS = {
    "encode": ("encode {photo} {} --bytes 400 --refine 0", ".hsc"),
    "align": ("align {photo} {}", ".png"),
    "decode": ("decode {file} {} --size 256", ".png"),
    "edit": ("edit {file} {} smile=0.5", ".hsc"),
    "morph": ("morph {file} {} smile=-1:1 --frames 2 --size 256", ".mp4"),
    "morph gif": ("morph {file} {} smile=-1:1 --frames 2 --size 256", ".gif"),
    "sheet": ("sheet {photo} {} --bytes 300 --refine 0", ".png"),
    "eval": ("eval {folder} --bytes 300 --refine 0 --json {}", ".json"),
    "compare json": ("compare {folder} --bytes 300 --codecs jpeg --no-paper --processes 1 --json {}", ".json"),
    "compare html": ("compare {folder} --bytes 300 --codecs jpeg --no-paper --processes 1 --html {}", ".html"),
}
QUICK = ("encode", "align", "decode", "edit", "morph", "morph gif", "sheet")
FOLDERS = {
    "freeze": "freeze {checkpoint} {}",
    "train": "train preview --minutes 1 --out {}",
    "compare": "compare {folder} --cache {}",
    "directions evaluate": "directions evaluate --out {}",
    "directions sample": "directions sample --cache {}",
}
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """A photo, a compressed file, a folder of one picture and a file that may pass for a checkpoint, all copies."""
    folder = tmp_path / "given"
    (folder / "faces").mkdir(parents=True)
    found = {"photo": folder / "own.jpg", "file": folder / "own.hsc", "folder": folder / "faces"}
    shutil.copy(PHOTO, found["photo"])
    shutil.copy(GOLDEN, found["file"])
    shutil.copy(PHOTO, folder / "faces" / "1.jpg")
    return found | {"checkpoint": found["file"]}


def words_of(template: str, inputs: dict[str, Path], out: object) -> list[str]:
    return [str(out) if word == "{}" else word.format(**inputs) for word in template.split()]


def invoke(words: list[str], input: bytes | None = None):
    if words[0] == "directions":
        return CliRunner().invoke(directions.cli.main, words[1:], input=input)
    return CliRunner().invoke(cli.main, words, input=input)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the codec is work: what is refused beforehand does not get there."""

    def load() -> None:
        raise AssertionError("the codec is loaded")

    monkeypatch.setattr(common, "load_codec", load)


@pytest.fixture
def with_codec(codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "load_codec", lambda: codec)


def run(words: list[object], **options: object) -> subprocess.CompletedProcess:
    """A command as a process of its own; bytes in and out."""
    command = [sys.executable, "-W", "ignore", "-m", *map(os.fspath, words)]
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run(
        command, cwd=options.pop("cwd", REPOSITORY), capture_output=True, timeout=300, env=environment, **options
    )


# ------------------------------------------------------------------------------------------------ before any work


def bad_outputs(folder: Path, suffix: str) -> dict[str, tuple[Path, str]]:
    """Places where nothing can be written, and a word of why."""
    (folder / f"folder{suffix}").mkdir()
    (folder / "file").write_bytes(b"a file")
    (folder / f"loop{suffix}").symlink_to(f"loop{suffix}")
    (folder / f"astray{suffix}").symlink_to(folder / "missing" / f"x{suffix}")
    return {
        "missing folder": (folder / "missing" / f"x{suffix}", "there is no folder"),
        "folder": (folder / f"folder{suffix}", "is a folder"),
        "below a file": (folder / "file" / f"x{suffix}", "cannot be written"),
        "name too long": (folder / ("x" * 300 + suffix), "File name too long"),
        "null": (folder / f"x\0y{suffix}", "cannot be written"),
        "link to a missing folder": (folder / f"astray{suffix}", "there is no folder"),
        "link to itself": (folder / f"loop{suffix}", "cannot be written"),
    }


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_is_refused_before_any_work(name, inputs, tmp_path, no_work) -> None:
    template, suffix = WRITERS[name]
    for case, (out, why) in bad_outputs(tmp_path, suffix).items():
        done = invoke(words_of(template, inputs, out))
        assert done.exit_code == 2, (case, done.output, done.exception)
        assert why in done.stderr and done.stderr.count("Error: ") == 1, case
        assert not done.stdout


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_cannot_be_made_are_refused_before_any_work(name, inputs, tmp_path, no_work) -> None:
    (tmp_path / "file").write_bytes(b"")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300), "-"):
        done = invoke(words_of(FOLDERS[name], inputs, out))
        assert done.exit_code == 2 and "Error: " in done.stderr, (out, done.output, done.exception)


@pytest.mark.skipif(not ROOT, reason="needs to become another user")
@pytest.mark.parametrize("name", [*WRITERS, *FOLDERS])
def test_another_users_folder_is_refused_before_any_work(name, inputs, tmp_path, no_work) -> None:
    template, suffix = WRITERS.get(name) or (FOLDERS[name], "")
    top = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(top) and folder != top:
            folder.chmod(0o755)  # which pytest keeps to its own user, and makes so again in every run
    os.seteuid(65534)
    try:
        done = invoke(words_of(template, inputs, tmp_path / f"x{suffix}"))
    finally:
        os.seteuid(0)
    assert done.exit_code == 2 and "may not be written to" in done.stderr, (done.output, done.exception)
    assert str(tmp_path) in done.stderr.replace("\n", "")


READERS = {
    "encode": "encode {} {out}.hsc", "align": "align {} {out}.png", "decode": "decode {} {out}.png",
    "decode into": "decode {file} {out}.png --into {}", "direction": "decode {file} {out}.png --direction {}",
    "edit": "edit {} {out}.hsc smile=1", "morph": "morph {} {out}.mp4 smile=0:1", "info": "info {}",
    "sheet": "sheet {photo} {} {out}.png", "eval": "eval {}", "compare": "compare {}",
    "paper": "compare {folder} --paper {}", "freeze": "freeze {} {out}", "train": "train codec --minutes 1 --data {} "
    "--out {out}", "train from": "train codec --minutes 1 --from {} --out {out}",
    "directions": "directions learn smile --photos {}",
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_what_cannot_be_read_is_refused_before_any_work(name, inputs, tmp_path, no_work) -> None:
    inputs["out"] = tmp_path / "out"
    (tmp_path / "loop").symlink_to("loop")
    missing = [tmp_path / "missing", tmp_path / "given" / "own.jpg" / "x", tmp_path / ("x" * 300), tmp_path / "loop"]
    for given in (*missing, "nul\0l"):
        done = invoke(words_of(READERS[name], inputs, given))
        assert done.exit_code == 2 and "cannot be read" in done.stderr, (given, done.output, done.exception)
    assert not list(tmp_path.glob("out*"))


def test_a_refusal_takes_less_than_importing_torch(inputs, tmp_path) -> None:
    program = (
        "import sys; from hsc.cli import main\n"
        "try: main.main(sys.argv[1:], standalone_mode=False)\n"
        "except main.click.ClickException as error: print(error.format_message())\n"
        "assert 'torch' not in sys.modules"
    )
    for words in (["encode", inputs["photo"], "missing/x.hsc"], ["eval", inputs["folder"], "--json", "missing/r.json"]):
        done = run(["hsc"], input=b"") if not words else subprocess.run(
            [sys.executable, "-c", program, *map(str, words)], cwd=REPOSITORY, capture_output=True, text=True
        )  # fmt: skip
        assert done.returncode == 0 and "there is no folder" in done.stdout, done.stderr


# ------------------------------------------------------------------------------------------------ originals are kept


def ways_to(path: Path, folder: Path) -> dict[str, Path]:
    """Other names of one file."""
    (folder / f"soft{path.suffix}").symlink_to(path)
    (folder / f"hard{path.suffix}").hardlink_to(path)
    (folder / "linked").symlink_to(path.parent)
    return {
        "itself": path,
        "roundabout": path.parent / ".." / path.parent.name / path.name,
        "soft link": folder / f"soft{path.suffix}",
        "hard link": folder / f"hard{path.suffix}",
        "linked folder": folder / "linked" / path.name,
    }


@pytest.mark.parametrize("words", [
    "encode {photo} {}", "align {photo} {}", "sheet {photo} {photo} {}", "decode {file} {} --into {photo}",
    "encode {photo} {} --no-align", "eval {faces} --json {}", "compare {faces} --html {}",
])  # fmt: skip
def test_no_output_takes_the_place_of_a_photo(words, inputs, tmp_path, no_work) -> None:
    photo = inputs["photo"]
    inputs["faces"] = photo.parent
    before = photo.read_bytes()
    for way, out in ways_to(photo, tmp_path).items():
        done = invoke(words_of(words, inputs, out))
        assert done.exit_code == 2 and (
            "it would be lost" in done.stderr or "no sheet" in done.stderr or "is a picture" in done.stderr
        ), way
        assert photo.read_bytes() == before and out.exists()


def test_a_direction_and_a_file_are_no_outputs_either(inputs, tmp_path, no_work) -> None:
    direction = tmp_path / "d.png"  # whatever it is called
    direction.write_bytes(b"mine")
    done = invoke(["decode", str(inputs["file"]), str(direction), "--direction", str(direction)])
    assert done.exit_code == 2 and direction.read_bytes() == b"mine"
    film = inputs["file"].rename(tmp_path / "own.gif")
    done = invoke(["morph", str(film), str(film), "smile=0:1"])
    assert done.exit_code == 2 and film.read_bytes() == GOLDEN.read_bytes()


def test_a_forgotten_output_costs_no_photo(inputs, tmp_path, no_work) -> None:
    for index in range(3):
        shutil.copy(PHOTO, tmp_path / f"{index}.jpg")
    photos = sorted(map(str, tmp_path.glob("?.jpg")))
    for words in (["sheet", *photos], ["encode", *photos[:2]]):
        done = invoke(words)
        assert done.exit_code == 2 and photos[-1 if words[0] == "sheet" else 1] in done.stderr
        assert all(Path(photo).read_bytes() == PHOTO.read_bytes() for photo in photos)


@pytest.mark.slow
def test_an_older_sheet_may_be_replaced(inputs, tmp_path, with_codec) -> None:
    out = tmp_path / "sheet.jpg"
    for _ in range(2):
        done = invoke(words_of("sheet {photo} {} --bytes 300 --refine 0", inputs, out))
        assert done.exit_code == 0, done.output
    assert marks.mark_of(out) == "Restored by HSC from compressed files."


def test_a_file_may_be_edited_in_its_place(inputs, with_codec) -> None:
    before = inputs["file"].read_bytes()
    inputs["file"].chmod(0o640)
    assert invoke(words_of("edit {file} {} smile=0.5", inputs, inputs["file"])).exit_code == 0
    assert inputs["file"].read_bytes()[: len(before)] == before
    assert len(inputs["file"].read_bytes()) == len(before) + 5 and inputs["file"].stat().st_mode & 0o777 == 0o640


def test_two_outputs_are_two_files(inputs, tmp_path, no_work) -> None:
    done = invoke(["compare", str(inputs["folder"]), "--json", str(tmp_path / "x"), "--html", f"{tmp_path}/./x"])
    assert done.exit_code == 2 and "two outputs" in done.stderr


# ------------------------------------------------------------------------------------------------ streams


def kind_of(data: bytes) -> str:
    if data.startswith(bitstream.MAGIC):
        return ".hsc"
    return ".mp4" if data[4:8] == b"ftyp" else ".png" if data.startswith(b"\x89PNG") else ".json"


@pytest.mark.parametrize("name", ["encode", "align", "decode", "edit", "morph", "sheet"])
@pytest.mark.parametrize("stream", ["-", "/dev/stdout"])
def test_standard_output_is_data_and_nothing_else(name, stream, inputs, with_codec) -> None:
    template, suffix = WRITERS[name]
    done = invoke(words_of(template, inputs, stream))
    assert done.exit_code == 0, done.output
    data = done.stdout_bytes
    assert kind_of(data) == suffix
    if suffix == ".hsc":
        assert bitstream.BitstreamReader(data, allow_truncated=False).complete
        assert "Standard output: " in done.stderr
    elif suffix == ".png":
        images.open_image(data)
    assert not (REPOSITORY / "-").exists() and not Path("-").exists()


@pytest.mark.slow
def test_figures_to_standard_output_are_json_alone(inputs, with_codec) -> None:
    for name in ("eval", "compare json"):
        done = invoke(words_of(WRITERS[name][0], inputs, "-"))
        assert done.exit_code == 0, done.output
        json.loads(done.stdout)
        assert "lpips" in done.stderr.lower()


@pytest.mark.parametrize("words, given", [
    ("encode - - --bytes 400 --refine 0", "photo"), ("align - -", "photo"), ("decode - - --size 256", "file"),
    ("edit - - smile=0.5", "file"), ("info -", "file"), ("sheet - - --bytes 300 --refine 0", "photo"),
    ("encode /dev/stdin - --bytes 400 --refine 0", "photo"),
    ("morph - - smile=0:1 --frames 2 --size 256", "file"), ("decode {file} - --into - --size 256", "photo"),
])  # fmt: skip
def test_standard_input_is_read(words, given, inputs, with_codec) -> None:
    done = invoke(words_of(words, inputs, None), inputs[given].read_bytes())
    assert done.exit_code == 0 and done.stdout_bytes, done.output


def test_a_direction_comes_from_standard_input(inputs, tmp_path, with_codec) -> None:
    direction = (REPOSITORY / "directions" / "data" / "smile.npy").read_bytes()
    done = invoke(words_of("decode {file} - --size 256 --direction -", inputs, None), direction)
    assert done.exit_code == 0 and "direction of layers" in Image.open(io.BytesIO(done.stdout_bytes)).text["Comment"]


@pytest.mark.parametrize("words", [
    "sheet - - out.png", "decode - out.png --into -", "compare {folder} --json - --html -",
    "decode - x.png --into /dev/stdin",
])  # fmt: skip
def test_a_stream_is_one_file_only(words, inputs, no_work) -> None:
    done = invoke(words_of(words, inputs, None), b"")
    assert done.exit_code == 2 and "can be one file only" in done.stderr


def test_empty_standard_input_is_refused_in_one_sentence(no_work) -> None:
    for words, what in ((["decode", "-", "x.png"], "is empty"), (["encode", "-", "x.hsc"], "is empty")):
        done = CliRunner().invoke(cli.main, words, input=b"")
        assert what in str(done.exception) and "Standard input" in str(done.exception)


@pytest.mark.slow
def test_through_a_pipe_of_processes(inputs, tmp_path) -> None:
    with inputs["photo"].open("rb") as photo, (tmp_path / "out.png").open("wb") as out:
        python = [sys.executable, "-W", "ignore", "-m", "hsc"]
        first = subprocess.Popen([*python, "encode", "-", "-", "--refine", "0"], stdin=photo, stdout=subprocess.PIPE)
        second = subprocess.run(
            [*python, "decode", "-", "/dev/stdout", "--size", "256"], stdin=first.stdout, stdout=out
        )
    assert first.wait() == 0 and second.returncode == 0
    assert images.open_image(tmp_path / "out.png").size == (256, 256)
    done = subprocess.run([*python, "info", str(GOLDEN)], stdout=os.open(os.devnull, os.O_RDONLY), capture_output=False)
    assert done.returncode != 0
    head = subprocess.run(
        f"{sys.executable} -W ignore -m hsc decode {GOLDEN} - | head -c 10 | wc -c; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True,
    )  # fmt: skip
    assert head.stdout.strip() == b"10" and head.returncode in (0, 141) and head.stderr == b""


def test_a_device_is_written_to_and_stays_one(inputs, with_codec) -> None:
    done = invoke(words_of("edit {file} {} smile=0.5", inputs, "/dev/null"))
    assert done.exit_code == 0 and not Path("/dev/null").is_file()
    if Path("/dev/full").exists():
        done = invoke(words_of("edit {file} {} smile=0.5", inputs, "/dev/full"))
        assert "/dev/full cannot be written: No space left on device." in str(done.exception)


# ------------------------------------------------------------------------------------------------ whole or not at all


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encode", "decode", "edit", "morph", "morph gif", "align"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(name, inputs, tmp_path) -> None:
    template, suffix = WRITERS[name]
    folder = tmp_path / "out"
    folder.mkdir()
    old = folder / f"old{suffix}"
    old.write_bytes(b"the old one")
    limit = 100 if suffix == ".hsc" else 5000

    def small_disk() -> None:  # a limit on files' sizes fails as a full disk does, in the middle of a write
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = run(["hsc", *words_of(template, inputs, old)], preexec_fn=small_disk)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 2 and said[-1].startswith("Error: ") and "cannot be written" in said[-1], said
    assert old.read_bytes() == b"the old one" and [path.name for path in folder.iterdir()] == [old.name]


@pytest.mark.slow
@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(sent, code, suffix, inputs, tmp_path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    old = folder / f"old{suffix}"
    old.write_bytes(b"the old one")
    command = [sys.executable, "-W", "ignore", "-m", "hsc", "morph", inputs["file"], old, "smile=-1:1"]
    process = subprocess.Popen(
        [*map(str, command), "--frames", "600", "--size", "256"], cwd=REPOSITORY,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    said = b""
    while b" 3/600" not in said:
        said += os.read(process.stderr.fileno(), 4096)
        assert process.poll() is None, said
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert old.read_bytes() == b"the old one" and [path.name for path in folder.iterdir()] == [old.name]


# ------------------------------------------------------------------------------------------------ names

NAMES = [
    "日本語.hsc",
    os.fsdecode(b"caf\xe9.hsc"),
    "two\nlines.hsc",
    "\x1b[31mred.hsc",
    "-x.hsc",
    "14:02.hsc",
    "100%d.hsc",
    " .hsc",
    "x" * 251 + ".hsc",
    "é" * 125 + ".hsc",
]
LOCALES = [
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX"},
    {"PYTHONIOENCODING": "ascii:strict"},
]


@pytest.mark.slow
@pytest.mark.parametrize("environment", LOCALES, ids=str)
def test_no_name_and_no_locale_fails_after_the_work(environment, inputs, tmp_path) -> None:
    """One process for each locale, which runs a command for each name: loading the codec takes seconds."""
    program = (
        "import os, sys, hsc; from hsc.cli import common, main; codec = hsc.Codec.load()\n"
        "common.load_codec = lambda: codec\n"
        "for name in os.listdir('.'):\n"
        "    for words in (['edit', './' + name, '../out/' + name, 'smile=1'], ['info', './' + name]):\n"
        "        sys.argv = ['hsc', *words]\n"
        "        main.run_group(main.main)\n"
    )
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for name in NAMES:
        shutil.copy(GOLDEN, folder / name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=folder, capture_output=True, timeout=300,
        env={**os.environ, **environment, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    assert done.stdout.count(b": 988 bytes") == len(NAMES) and b"\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == len(NAMES) * 16  # a line of edit, and 15 of info


@pytest.mark.parametrize("name", [*NAMES, "a\udce9.jpg"])
def test_names_in_refusals_are_one_line(name, tmp_path, no_work) -> None:
    path = tmp_path / name
    path.write_bytes(b"nothing of the kind")
    for words in (["info", path], ["encode", path, tmp_path / "x.hsc"]):
        done = CliRunner().invoke(cli.main, list(map(str, words)))
        said = str(done.exception)
        assert said.count("\n") == 0 and said.isprintable(), said
        said.encode()


# ------------------------------------------------------------------------------------------------ folders of pictures


def test_every_command_takes_the_same_files_for_pictures(tmp_path) -> None:
    pytest.importorskip("pillow_heif")
    Image.init()
    images._register_heif()
    extensions = {each for each, format in Image.registered_extensions().items() if format in images._FORMATS}
    # Sequences of pictures, which nobody's phone writes as a photo, are left out.
    assert set(images.SUFFIXES) == extensions - {".heics", ".heifs"}
    extensions = set(images.SUFFIXES)
    for index, suffix in enumerate(sorted(extensions)):
        (tmp_path / f"{index}{suffix.upper() if index % 2 else suffix}").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    (tmp_path / "._0.jpg").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = images.pictures_in(tmp_path)
    assert len(found) == len(extensions) and found == sorted(found)
    from directions.photos import image_files
    from hsc.compare import pictures_in
    from hsc.train import data

    assert image_files(tmp_path) == pictures_in(tmp_path) == found and data.SUFFIXES == images.SUFFIXES


@pytest.mark.slow
def test_a_folder_of_avif_is_evaluated(tmp_path, with_codec) -> None:
    with Image.open(PHOTO) as picture:
        picture.resize((256, 256)).save(tmp_path / "1.AVIF")
    done = invoke(["eval", str(tmp_path), "--bytes", "300", "--refine", "0"])
    assert done.exit_code == 0 and "300" in done.stdout, done.output


def test_five_thousand_files_are_listed_at_once(tmp_path) -> None:
    for index in range(5000):
        (tmp_path / f"{index:04}.jpg").touch()
    start = time.process_time()
    assert len(images.pictures_in(tmp_path)) == 5000
    assert time.process_time() - start < 5


# ------------------------------------------------------------------------------------------------ what files say


@pytest.mark.parametrize("white", [b"\n", b"\r\n", b" \t\r\n\x0b\x0c" * 100])
def test_white_space_after_a_file_is_left_out_with_a_note(white, inputs, tmp_path, with_codec) -> None:
    data = bitstream.append_edits(inputs["file"].read_bytes(), [(1, 0.5)])
    inputs["file"].write_bytes(data + white)
    done = invoke(words_of("decode {file} {} --size 256", inputs, tmp_path / "x.png"))
    assert done.exit_code == 0 and "White space" in done.stderr
    assert "smile=0.5" in Image.open(tmp_path / "x.png").text["Comment"]
    inputs["file"].write_bytes(data + white + b"x" + white)
    assert "longer than it says" in str(invoke(["info", str(inputs["file"])]).exception)


@pytest.mark.slow
def test_our_own_restoration_is_noted_and_taken_as_it_is(codec, inputs, tmp_path, with_codec) -> None:
    for suffix in (".png", ".jpg", ".webp", ".tif", ".avif"):
        own = tmp_path / f"own{suffix}"
        assert invoke(["decode", str(inputs["file"]), str(own), "--size", "512"]).exit_code == 0
        done = invoke(["align", str(own), str(tmp_path / "again.png")])
        assert done.exit_code == 0 and "own" in done.stderr and "restored by HSC before" in done.stderr, suffix
        assert images.open_image(tmp_path / "again.png").tobytes() == images.open_image(own).tobytes()
    done = invoke(["align", str(inputs["photo"]), str(tmp_path / "aligned.png")])
    assert done.exit_code == 0 and "before" not in done.stderr
    assert "before" not in invoke(["align", str(tmp_path / "aligned.png"), "-"]).stderr
    with Image.open(tmp_path / "own.png") as cut:
        part = cut.crop((20, 10, 500, 490))
    images.save(part, tmp_path / "cut.png", "Restored by HSC from a compressed file.")
    done = invoke(["align", str(tmp_path / "cut.png"), str(tmp_path / "again.png")])
    assert "before" in done.stderr and images.open_image(tmp_path / "again.png").size == (1024, 1024)


@pytest.mark.parametrize("size", ["1024", "256"])
def test_coding_our_own_restoration_over_and_over_changes_nothing(size, inputs, tmp_path, with_codec) -> None:
    picture, again = tmp_path / "0.png", tmp_path / "again.hsc"
    assert invoke(["decode", str(inputs["file"]), str(picture), "--size", size]).exit_code == 0
    for _ in range(2):
        done = invoke(["encode", str(picture), str(again), "--bytes", "1000", "--refine", "0"])
        assert done.exit_code == 0 and "restored by HSC before" in done.stderr and "written again" in done.stderr
        assert again.read_bytes() == GOLDEN.read_bytes()
        assert invoke(["decode", str(again), str(picture), "--size", size]).exit_code == 0


@pytest.mark.slow
def test_what_was_painted_on_or_edited_is_coded_anew(inputs, tmp_path, with_codec) -> None:
    picture, again = tmp_path / "0.png", tmp_path / "again.hsc"
    encode = ["encode", str(picture), str(again), "--bytes", "1000", "--refine", "0"]
    assert invoke(["decode", str(inputs["file"]), str(picture), "--size", "256"]).exit_code == 0
    assert invoke([*encode[:4], "500", *encode[5:]]).exit_code == 0 and again.stat().st_size <= 500
    with Image.open(picture) as painted:
        painted.load()
        info = marks.options(".png", painted.info["Comment"], marks.coded_of(picture.read_bytes()))
        painted.paste("red", (10, 10, 12, 12))
        painted.save(picture, **info)
    done = invoke(encode)
    assert "written again" not in done.stderr and again.read_bytes() != GOLDEN.read_bytes()
    assert invoke(["decode", str(inputs["file"]), str(picture), "--edit", "smile=1", "--size", "256"]).exit_code == 0
    assert marks.coded_of(picture.read_bytes()) is None  # nobody finds the face that was edited


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    """Two people side by side, the left one larger."""
    both = Image.new("RGB", (1500, 900), "grey")
    for name, size, left in (("girl.jpg", 860, 10), ("white-hair.jpg", 600, 885)):
        with Image.open(EXAMPLES / name) as face:
            both.paste(face.resize((size, size)), (left, 20))
    path = tmp_path_factory.mktemp("pair") / "pair.jpg"
    both.save(path, quality=92)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("face", [0, 1])
def test_a_face_goes_back_to_its_own_place(face, pair, tmp_path, with_codec) -> None:
    coded, out = tmp_path / "g.hsc", tmp_path / "o.png"
    assert invoke(["encode", str(pair), str(coded), "--face", str(face), "--refine", "0"]).exit_code == 0
    done = invoke(["decode", str(coded), str(out), "--into", str(pair), "--edit", "smile=1"])
    assert done.exit_code == 0 and f"face {face} is the one in g.hsc" in done.stderr, done.output
    before, after = images.open_image(pair), images.open_image(out)
    boxes = ((10, 20, 870, 880), (885, 20, 1485, 620))
    changed = [before.crop(box).tobytes() != after.crop(box).tobytes() for box in boxes]
    assert changed == [face == 0, face == 1]


@pytest.mark.slow
def test_where_it_is_in_doubt_a_face_is_asked_for(pair, tmp_path, with_codec) -> None:
    coded = tmp_path / "nobody.hsc"
    coded.write_bytes(GOLDEN.read_bytes()[:80])  # a face of the mean, nearly
    done = invoke(["decode", str(coded), str(tmp_path / "o.png"), "--into", str(pair)])
    assert "--face" in str(done.exception) and not (tmp_path / "o.png").exists()
    done = invoke(["decode", str(coded), str(tmp_path / "o.png"), "--into", str(pair), "--face", "1"])
    assert done.exit_code == 0, done.output
