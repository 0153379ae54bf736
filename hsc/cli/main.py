"""``python -m hsc``: compress, restore, inspect and train from the command line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import click

from hsc import __version__
from hsc.cli.batch import batch
from hsc.cli.bench import bench
from hsc.cli.blend import blend
from hsc.cli.compare import compare_command
from hsc.cli.conformance import conformance
from hsc.cli.decode import decode, info
from hsc.cli.edit import edit, morph
from hsc.cli.encode import align, encode
from hsc.cli.evaluate import evaluate, sheet
from hsc.cli.export import export
from hsc.cli.group import group
from hsc.cli.parameters import CommandGroup
from hsc.cli.train import freeze, train
from hsc.errors import HSCError
from hsc.runtime.names import reason, shown


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=__version__, prog_name="hsc")
def main() -> None:
    """Hierarchical Semantic Compression of face photos."""


for _command in (
    encode,
    decode,
    edit,
    morph,
    blend,
    info,
    align,
    evaluate,
    sheet,
    compare_command,
    conformance,
    export,
    train,
    freeze,
    batch,
    group,
    bench,
):
    main.add_command(_command)


_TO_ENCODE = ("torch", "tqdm", "dlib", "_dlib_pybind11", "face_recognition_models")
"""Modules of the extra ``encode``, which decoding does without."""


def run() -> None:
    """Entry point: one sentence and exit code 2 for everything that a user can put right."""
    from hsc.runtime.memory import keep_memory

    keep_memory()
    run_group(main)


def run_group(group: click.Group) -> None:
    """Run a command line, and exit.

    Exit codes are 2 after one sentence on standard error, 130 after an interrupt from the keyboard, 143 where the
    process was told to end (outputs that were not complete are gone then), and 141 where nobody reads what is written.
    """
    from hsc.runtime import threads

    _print_everything()
    for name in ("SIGTERM", "SIGHUP"):  # a hang-up that is ignored, as by nohup, stays so
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), _told_to_end)
    try:
        threads.configure()
        group(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except HSCError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The interpreter flushes once more as it ends, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:  # a file or folder that cannot be made, read or written
        where = f"{shown(error.filename)} cannot be used: " if error.filename else ""
        _fail(f"{where}{reason(error)}.")
    except MemoryError:
        _fail("There is not enough memory for this.")
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _TO_ENCODE:
            raise
        _fail(f"This needs {name}, which is not installed: pip install 'hsc-studio[encode]'.")


def _fail(sentence: str) -> None:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(2)


def _told_to_end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _print_everything() -> None:
    """Let no name fail to be printed: characters that standard output's encoding lacks are replaced."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
