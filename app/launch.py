"""Starting the app, with everything that its page and its privacy need."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import page, theme
from app.studio import MAX_UPLOAD, Studio
from hsc.errors import HSCError


def start(studio: Studio, **options: Any) -> gr.Blocks:
    """Build the page and serve it.

    Args:
        studio: the models.
        options: of ``gr.Blocks.launch``: address, port and so on.

    Raises:
        HSCError: the page cannot be reached from here.
        OSError: the port is taken.
    """
    demo = page.build(studio).queue(max_size=page.QUEUE)
    try:
        demo.launch(
            theme=theme.theme(),
            css=theme.stylesheet(),
            head=theme.head(),
            max_file_size=MAX_UPLOAD,
            run_history=False,
            footer_links=["api"],
            show_error=True,
            share=False,
            enable_monitoring=False,
            **options,
        )
    except ValueError as error:
        if "localhost is not accessible" not in str(error):
            raise
        demo.close(verbose=False)
        raise HSCError(
            "The page does not answer at its own address: a proxy stands in between (NO_PROXY=localhost helps), or the "
            "machine is too busy; please try again."
        ) from error
    return demo
