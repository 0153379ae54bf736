"""``python -m app``: start the app. Hosted Spaces run this very file."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

if not __package__:  # run as a file, by its path: its folder must not stand in for the packages beside it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import click

from hsc.errors import HSCError
from hsc.runtime import threads
from hsc.runtime.memory import keep_memory


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default=None, help="Address to listen on; 0.0.0.0 for the whole network. [127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; the first free one from 7860 on by default.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A name of this server, such as *.example.org."
)
@click.option("--mcp", is_flag=True, help="Serve the endpoints to language models over MCP as well.")
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
def main(host: str | None, port: int | None, hosts: tuple[str, ...], mcp: bool, in_browser: bool) -> None:
    """Start HSC Studio: compress a face, edit its bitstream, compare it with other codecs."""
    if importlib.util.find_spec("gradio") is None:
        _refuse("the page needs more packages: pip install 'hsc-studio[app]'")
    if mcp and importlib.util.find_spec("mcp") is None:
        _refuse(f"--mcp needs one more package: {sys.executable} -m pip install 'mcp>=1.21,<2'")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    keep_memory()
    try:
        threads.configure()
    except HSCError as error:
        _refuse(str(error))
    from app.scratch import Scratch

    try:
        Scratch().use()  # before Gradio is imported, which remembers where temporary files go
    except OSError as error:
        _refuse(f"No folder for temporary files can be made: {error.strerror}.")
    from app import launch, memory
    from app.studio import Studio

    memory.share_heaps()

    print("Loading the codec ...", file=sys.stderr, flush=True)
    try:
        studio = Studio()
        studio.warm_up()
        launch.start(
            studio, hosts=hosts, server_name=host, server_port=port, mcp_server=mcp or None, inbrowser=in_browser
        )
    except (HSCError, OSError) as error:
        _refuse(str(error))


def _refuse(reason: str) -> NoReturn:
    """Say in one sentence why the app cannot start, and end with exit code 2."""
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
