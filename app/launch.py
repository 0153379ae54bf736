"""Starting the app, with everything that its page and its privacy need."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import gradio as gr
from gradio.caching import CacheMissError
from starlette.middleware import Middleware

from app import browser_decoder, languages, messages, page, theme
from app.connections import Connections, allow_descriptors, guarded
from app.fair_queue import FairQueue
from app.guard import Guard, Listeners
from app.hosts import allowed_hosts
from app.limits import LIMITS, Limits
from app.link_preview import LinkPreview
from app.outputs import of_what_is_said, sent_whole
from app.page_states import PageStates
from app.studio import MAX_UPLOAD, Studio
from hsc.errors import HSCError

log = logging.getLogger(__name__)

_THREADS = 96
"""For handlers, most of which wait for their turn."""


_SWITCH = 0.0005
"""Seconds for which a thread may keep the interpreter while others want it; Python's default is ten times as much."""


def start(studio: Studio, limits: Limits = LIMITS, hosts: Iterable[str] = (), **options: Any) -> gr.Blocks:
    """Build the page and serve it.

    Args:
        studio: the models.
        limits: what visitors may ask of the server.
        hosts: names under which the app may be asked for, beside those of :func:`app.hosts.allowed_hosts`.
        options: of ``gr.Blocks.launch``: address, port and so on.

    Raises:
        HSCError: the page cannot be reached from here.
        OSError: the port is taken.
    """
    if os.environ.get("SPACE_ID"):  # nobody but the host's own proxy reaches a hosted Space: it says who asks
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")
    descriptors = allow_descriptors()
    listeners = Listeners()
    demo = page.build(studio).queue()
    demo._queue = FairQueue(demo._queue, listeners, limits)
    demo.postprocess_data = languages.translated(of_what_is_said(demo.postprocess_data))
    demo.handle_streaming_diffs = sent_whole(demo)
    demo.process_api = in_language(in_one_sentence(demo.process_api))
    guard = Middleware(Guard, limits=limits, allowed=allowed_hosts(hosts), listeners=listeners)
    app_options = {**options.pop("app_kwargs", {})}
    served = [guard, Middleware(browser_decoder.BrowserFiles), Middleware(LinkPreview)]
    app_options["middleware"] = [*served, *app_options.get("middleware", [])]
    keep_open = not options.pop("prevent_thread_lock", False)
    try:
        demo.launch(
            theme=theme.theme(),
            css=theme.stylesheet(),
            head=theme.head() + browser_decoder.head(),
            max_file_size=MAX_UPLOAD,
            max_threads=_THREADS,
            state_session_capacity=2 * limits.sessions,
            run_history=False,
            footer_links=["api"],
            show_error=True,
            share=False,
            enable_monitoring=False,
            ssr_mode=False,
            app_kwargs=app_options,
            prevent_thread_lock=True,
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
    demo.app.state_holder = PageStates()
    demo.app.state_holder.set_blocks(demo)
    # Whoever computes keeps the loop that answers everybody waiting for no longer than this.
    sys.setswitchinterval(_SWITCH)
    # Some million objects of the page and of packages stay for good: nobody waits for them to be looked through.
    gc.collect()
    gc.freeze()
    configuration = demo.server.config
    configuration.http_protocol_class = guarded(configuration.http_protocol_class, Connections(limits, descriptors))
    if keep_open:
        demo.block_thread()
    return demo


def in_language(process: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """``Blocks.process_api`` in the language of the page that calls; programs are answered in English."""

    @functools.wraps(process)
    async def told(*arguments: Any, **keywords: Any) -> Any:
        request = keywords.get("request")
        headers = getattr(request, "headers", None)
        from_page = headers is not None and "referer" in headers
        languages.use(languages.of_headers(headers) if from_page else languages.ENGLISH)
        return await process(*arguments, **keywords)

    return told


def in_one_sentence(process: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """``Blocks.process_api`` whose errors are one sentence, to the caller and in the log.

    Handlers say themselves what is wrong with what they were given; what is left are calls that no page makes, which
    Gradio answers with a traceback in the log for each.
    """

    @functools.wraps(process)
    async def told(*arguments: Any, **keywords: Any) -> Any:
        try:
            return await process(*arguments, **keywords)
        except (gr.Error, CacheMissError):
            raise
        except Exception as error:
            said = messages.sentence(messages.without_folders(str(error)))
            log.warning("A call was refused: %s: %s", type(error).__name__, said)
            log.debug("in full", exc_info=error)
            raise gr.Error(languages.said(said), print_exception=False) from None

    return told
