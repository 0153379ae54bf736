"""What handlers return, on its way to the page: no work for what stays as it is, and nothing lost in a hurry."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any

from gradio.blocks import BlockFunction, Blocks, convert_component_dict_to_list

_AS_IT_IS = {"__type__": "update"}
"""What Gradio sends for a component of which a handler says nothing."""

Postprocess = Callable[..., Awaitable[list[Any]]]


def of_what_is_said(process: Postprocess) -> Postprocess:
    """``Blocks.postprocess_data`` that looks at the outputs alone of which a handler says something.

    Handlers here have some forty outputs and mostly change one or two, at each word of progress. Gradio makes a new
    component for every one of them, to tell the page that nothing has changed about it.
    """

    @functools.wraps(process)
    async def processed(block_fn: BlockFunction, predictions: Any, state: Any, **keywords: Any) -> list[Any]:
        outputs = block_fn.outputs
        if not isinstance(predictions, dict) or predictions in ({}, _AS_IT_IS) or block_fn.batch or len(outputs) < 2:
            return await process(block_fn, predictions, state, **keywords)
        listed = convert_component_dict_to_list(list(outputs), predictions)
        said = [at for at, each in enumerate(listed) if not (isinstance(each, dict) and each == _AS_IT_IS)]
        data: list[Any] = [None if each.stateful else dict(_AS_IT_IS) for each in outputs]
        if said:
            own = copy(block_fn)
            own.outputs = [outputs[at] for at in said]
            values = [listed[at] for at in said]
            found = await process(own, values if len(said) > 1 else values[0], state, **keywords)
            for at, value in zip(said, found):
                data[at] = value
        return data

    return processed


def sent_whole(demo: Blocks) -> Callable[..., list[Any]]:
    """``Blocks.handle_streaming_diffs`` by which an output that differs from the one before is sent whole.

    Gradio sends the edits between two messages of a call, and its page makes them in the very object that the message
    before is shown from: of two that arrive at once, the earlier one is lost (a button that it made visible stays
    away). A new value in the place of the old one leaves that object alone.
    """
    handle = demo.handle_streaming_diffs

    @functools.wraps(handle)
    def handled(
        block_fn: BlockFunction, data: list[Any], session_hash: str | None, run: str | None, final: bool,
        simple_format: bool = False,
    ) -> list[Any]:  # fmt: skip
        values = list(data)
        edited = not final and not simple_format and run in demo.pending_diff_streams.get(session_hash, ())
        sent = handle(block_fn, data, session_hash, run, final, simple_format)
        return [[["replace", [], value]] if edits else [] for edits, value in zip(sent, values)] if edited else sent

    return handled
