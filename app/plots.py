"""The page's charts. Colours of text and lines come from the stylesheet, so that they fit both themes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app import plot_labels
from hsc.bitstream import HEADER_BYTES
from hsc.semantics import Semantics

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from hsc.compare import Result, Row

# Header; S; then the slices of F at 16x16, at 32x32, and of detail, from the most important one on.
_LAYERS = (
    "#8a8f98",
    "#d9572b",
    "#0f7b6c",
    "#1c8a7b",
    "#2f9a8a",
    "#48a999",
    "#63b7a9",
    "#80c5b9",
    "#9cd2c9",
    "#b7dfd8",
    "#6a62a8",
    "#8880bd",
    "#a69fd0",
    "#c4bfe2",
    "#b27a14",
    "#d3a54f",
)


def layer_colour(index: int) -> str:
    """Colour of a part of the file: 0 for the header, 1 for S, 2 ... for the slices of F, 14 ... of detail."""
    return _LAYERS[min(index, len(_LAYERS) - 1)]


def layers(size: int, semantics: Semantics, received: int) -> Figure:
    """Bytes by layer: header, S, each slice of F and of detail; what was not received is faint.

    Args:
        size: bytes of the file.
        semantics: of the whole file.
        received: bytes that arrived.
    """
    from plotly.graph_objects import Bar, Figure

    names, values, opacities, colours = ["Header"], [min(HEADER_BYTES, size)], [1.0], [layer_colour(0)]
    start = HEADER_BYTES
    for index, layer in enumerate(semantics.layers, 1):
        names.append(layer.name)
        values.append(layer.end - start)
        opacities.append(1.0 if layer.end <= received or received >= size else 0.25)
        colours.append(layer_colour(index))
        start = layer.end
    if size > start:
        names.append("End")
        values.append(size - start)
        opacities.append(1.0 if received >= size else 0.25)
        colours.append(layer_colour(0))
    bar = Bar(
        x=names,
        y=values,
        marker={"color": colours, "opacity": opacities, "cornerradius": 4},
        text=values,
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y} bytes<extra></extra>",
    )
    figure = Figure([bar])
    listed = ", ".join(f"{name} {value}" for name, value in zip(names, values))
    _style(figure, 190, f"Bar chart of the bytes of each layer: {listed}. {received} of {size} were received.")
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(visible=False)
    return figure


def rate_distortion(results: Sequence[Result], metric: str, benchmark: Sequence[Row] = ()) -> Figure:
    """One metric over bytes (logarithmic): a dot for the file of every codec, this one's the largest.

    Args:
        results: of one face.
        metric: a key of :data:`hsc.compare.report.COLUMNS`.
        benchmark: means over a set of faces, drawn as curves behind the dots.
    """
    from hsc.compare import report

    figure = report.rate_distortion_figure(benchmark, metric)
    figure.for_each_trace(lambda curve: curve.update(opacity=0.45, name=report.short_name(curve.name), error_y=None))
    label, _, decimals, _ = report.COLUMNS[metric]
    shown = [result for result in results if result.bytes is not None and metric in result.metrics]
    shown.sort(key=lambda result: result.bytes)
    values = [result.metrics[metric] for result in shown]
    names = [report.short_name(result.name) for result in shown]
    curves = [(size, value) for curve in figure.data for size, value in zip(curve.x, curve.y)]
    sides = plot_labels.sides([result.bytes for result in shown], values, names, curves)
    for result, name, side in zip(shown, names, sides):
        own = result.codec == "hsc"
        figure.add_scatter(
            x=[result.bytes],
            y=[result.metrics[metric]],
            mode="markers+text",
            text=[name],
            name=result.name,
            textposition=side,
            showlegend=False,
            cliponaxis=False,
            marker={
                "color": report.colour(result.codec),
                "size": 18 if own else 11,
                "line": {"width": 2, "color": "rgba(255,255,255,0.8)"},
            },
            hovertemplate=f"{result.name}: {result.bytes:,} bytes<br>{label} %{{y:.{decimals}f}}<extra></extra>",
        )
    title = figure.layout.yaxis.title.text
    listed = ", ".join(
        f"{result.name} {result.bytes:,} bytes {result.metrics[metric]:.{decimals}f}" for result in shown
    )
    _style(figure, 400, f"Chart of {label} over bytes: {listed}.")
    # Above: below, it would lie over the title of the axis where the page is narrow.
    figure.update_layout(legend={"orientation": "h", "y": 1.03, "yanchor": "bottom"}, showlegend=bool(benchmark))
    figure.update_xaxes(minor={"showgrid": False})
    figure.update_yaxes(title=title)
    return figure


def _style(figure: Figure, height: int, label: str) -> None:
    """What both charts share; text and lines get their colours from the stylesheet, the label is for screen readers."""
    axis = {"fixedrange": True, "gridcolor": "rgba(128,128,128,0.22)", "zeroline": False, "automargin": True}
    figure.update_layout(
        height=height,
        meta={"label": label},
        margin={"l": 8, "r": 8, "t": 22, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        template="none",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Inter, Segoe UI, Helvetica Neue, Arial, sans-serif", "size": 12},
        dragmode=False,
        showlegend=False,
        xaxis=axis,
        yaxis=axis,
    )
