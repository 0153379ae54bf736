"""The page: three steps, top to bottom what a visitor sees."""

from __future__ import annotations

import json
from types import SimpleNamespace

import gradio as gr

from app import api, cards, comparison, editing
from app.controls import PhotoInput, RangeInput, choices, stage, zoom_grid
from app.events import MODEL, Events
from app.session import LIFETIME, Sessions
from app.studio import DEFAULT_BYTES, MAX_BYTES, Studio
from hsc import report
from hsc.errors import HSCError

TITLE = "HSC Studio"
QUEUE = 24
"""Waiting events before newcomers are told that the app is busy."""

_HEADER = """
<header class="masthead">
  <div><h1>HSC Studio</h1>
  <p class="lead">A face in a few hundred bytes. Then edit the bytes.</p></div>
  <p class="method">Hierarchical Semantic Compression sends <em>what a face is</em> first, its details after,
  in one stream that can be cut anywhere.</p>
</header>"""
_FOOTER = """
<footer class="colophon">
  <p><strong>Nothing is kept.</strong> Your photo stays in this session’s memory and temporary folder, and is
  deleted when you close the page, at the latest an hour after you last used it. Its location and camera data
  are dropped at once; nothing is sent anywhere else.</p>
  <p><strong>Restored and edited faces are synthetic.</strong> Details are invented by a generator; every
  exported PNG says so in its metadata. Do not use them to identify anyone, or to deceive.</p>
</footer>"""
_MARKS = [(0, "0"), (100, "100"), (300, "300"), (800, "800"), (2000, "2k"), (8000, "8k")]


def build(studio: Studio | None = None) -> gr.Blocks:
    """The app, ready to launch; nothing is loaded before it is needed."""
    studio, sessions, ui = studio or Studio(), Sessions(), SimpleNamespace()
    events = Events(studio, sessions, ui)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(300, LIFETIME)) as demo:
        gr.HTML(_HEADER, apply_default_css=False)
        with gr.Tabs(elem_id="steps"):
            with gr.Tab("1 Compress", id="compress", elem_id="step-compress"):
                _compress(ui, studio)
            with gr.Tab("2 Edit", id="edit", elem_id="step-edit"):
                _edit(ui)
            with gr.Tab("3 Compare", id="compare", elem_id="step-compare") as ui.compare_tab:
                _compare(ui)
        gr.HTML(_FOOTER, apply_default_css=False)
        api.register(studio, sessions)  # first, so that the endpoints get the names
        _wire(demo, ui, events)
    demo.temp_file_sets.append(sessions.files)  # deleted by age like Gradio's own
    return demo


def _compress(ui: SimpleNamespace, studio: Studio) -> None:
    with gr.Row(elem_classes="sources", equal_height=False):
        with gr.Column(scale=2, min_width=260):
            ui.photo = PhotoInput(
                label="Your photo",
                show_label=False,
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=142,
                placeholder="Your photo: drop, paste, take or choose one",
                elem_id="photo",
                buttons=[],
            )
        with gr.Column(scale=6, min_width=300, elem_classes="offers"):
            ui.examples = choices(cards.example_strip(studio.examples), elem_id="examples")
            ui.bitstream = gr.UploadButton(
                "Open an .hsc file", file_types=[".hsc"], size="sm", elem_id="open-hsc", variant="secondary"
            )
    ui.faces = choices("", elem_id="faces")
    ui.notes = gr.HTML("", apply_default_css=False, elem_id="notes")
    with gr.Row(elem_classes="bench", equal_height=False):
        with gr.Column(scale=6, min_width=320):
            ui.caption = gr.HTML("", apply_default_css=False)
            ui.stage = stage("stage")
            with gr.Row(elem_classes="downloads"):
                ui.file = gr.DownloadButton(
                    "Download .hsc", interactive=False, size="sm", elem_id="download-hsc"
                )
                ui.restored = gr.DownloadButton(
                    "Download PNG", interactive=False, size="sm", elem_id="download-png"
                )
        with gr.Column(scale=5, min_width=320):
            ui.numbers = gr.HTML(_skeleton("numbers"), apply_default_css=False, elem_id="numbers")
            ui.bytes = RangeInput(
                "Bytes to spend",
                0,
                MAX_BYTES,
                DEFAULT_BYTES,
                1,
                unit="bytes",
                spacing="log",
                marks=_MARKS,
                home=DEFAULT_BYTES,
                elem_id="bytes",
            )
            ui.sharpen = gr.Button(
                "Sharpen: seconds of work, no more bytes", size="sm", interactive=False, elem_id="sharpen"
            )
            ui.sharpening = gr.HTML("", apply_default_css=False, elem_id="sharpening")
            ui.received = RangeInput(
                "Bytes received",
                0,
                1,
                1,
                1,
                unit="bytes",
                playable=True,
                elem_id="received",
                hint="The stream can be cut anywhere: play it, layer by layer, from nothing to the whole file.",
            )
            ui.bytemap = gr.HTML("", apply_default_css=False, elem_id="bytemap")
            ui.layers = gr.Plot(show_label=False, elem_id="layers", container=False)


def _edit(ui: SimpleNamespace) -> None:
    try:
        shipped, problem = editing.shipped(), None
    except HSCError as error:
        shipped, problem = [], str(error)
    with gr.Row(elem_classes="bench", equal_height=False):
        with gr.Column(scale=6, min_width=320):
            ui.edit_caption = gr.HTML("", apply_default_css=False)
            ui.edit_stage = stage("edit-stage")
            gr.HTML(
                '<button type="button" class="hold" data-stage="edit-stage">Hold to see it unedited</button>',
                apply_default_css=False,
                js_on_load=None,
            )
        with gr.Column(scale=5, min_width=320):
            ui.sliders = {}
            if shipped:
                gr.HTML(
                    '<p class="range-hint">Thick part: tested range. Double-click: back to 0.</p>',
                    apply_default_css=False,
                )
            for direction in shipped:
                ui.sliders[direction.name] = RangeInput(
                    direction.label,
                    *editing.reach(direction),
                    0.0,
                    0.01,
                    home=0.0,
                    tested=direction.range,
                    signed=True,
                    elem_id=f"direction-{direction.name}",
                    elem_classes=["direction"],
                )
            if not shipped:
                text = (
                    problem
                    or "This copy of the app ships none; a direction file of your own can be used below."
                )
                gr.HTML(cards.empty("There are no editing directions yet", text), apply_default_css=False)
            ui.own_strength = RangeInput(
                "Your own direction",
                *editing.OWN_RANGE,
                0.0,
                0.01,
                home=0.0,
                signed=True,
                visible=False,
                elem_id="direction-own",
            )
            ui.reset = gr.Button("Reset all", size="sm", visible=bool(shipped))
            subjects = [
                *((direction.label, direction.name) for direction in shipped),
                ("Your own", editing.OWN),
            ]
            with gr.Group(elem_classes="extras"):
                ui.subject = gr.Dropdown(
                    subjects,
                    value=subjects[0][1],
                    label="One direction over its tested range",
                    container=True,
                    elem_id="subject",
                )
                with gr.Row():
                    ui.film = gr.Button("Filmstrip", size="sm", elem_id="make-strip")
                    ui.morph = gr.Button("Film (MP4)", size="sm", elem_id="make-film")
            with gr.Row(elem_classes="downloads"):
                ui.edited = gr.DownloadButton(
                    "Edited PNG", interactive=False, size="sm", elem_id="download-edited"
                )
                ui.edited_file = gr.DownloadButton(
                    "Edited .hsc", interactive=False, size="sm", elem_id="download-edited-hsc"
                )
                ui.paste = gr.Button("Into the photo", visible=False, size="sm", elem_id="paste")
            with gr.Accordion("Bring your own direction", open=False):
                gr.Markdown(
                    "A StyleGAN2-FFHQ direction in W or W+: `.npy` or `.pt`, shape (1, 512), (16, 512), "
                    "(18, 512) or (1, 9216), up to 1 MB."
                )
                ui.own_file = gr.File(
                    label="Direction file",
                    file_types=[".npy", ".pt"],
                    type="filepath",
                    height=110,
                    elem_id="own-file",
                )
                with gr.Row():
                    ui.own_first = gr.Number(
                        0, label="First layer", minimum=0, maximum=15, precision=0, min_width=90
                    )
                    ui.own_last = gr.Number(
                        15, label="Last layer", minimum=0, maximum=15, precision=0, min_width=90
                    )
                    ui.own_scale = gr.Number(1.0, label="Scale", min_width=90)
    ui.strip = choices("", elem_id="strip")
    ui.video = gr.Video(
        visible=False,
        label="Film",
        autoplay=True,
        loop=True,
        interactive=False,
        height=420,
        buttons=["download"],
        elem_id="film",
    )
    ui.pasted = gr.Image(
        visible=False,
        label="Your photo with the edited face",
        format="png",
        type="filepath",
        interactive=False,
        elem_id="pasted",
        buttons=["download", "fullscreen"],
    )


def _compare(ui: SimpleNamespace) -> None:
    ui.working = gr.HTML("", apply_default_css=False, elem_id="working")
    ui.grid = zoom_grid(
        cards.empty("Not compared yet", "Choose a face in the first step, then come back here."),
        elem_id="grid",
    )
    ui.table = gr.HTML("", apply_default_css=False, elem_id="scores")
    metrics = [(report.COLUMNS[name][0], name) for name in comparison.METRICS]
    ui.metric = gr.Radio(
        metrics, value="lpips_alex", label="Plot against bytes", visible=False, elem_id="metric"
    )
    ui.plot = gr.Plot(show_label=False, visible=False, elem_id="rd", container=False)


def _wire(demo: gr.Blocks, ui: SimpleNamespace, events: Events) -> None:
    edit_view = [ui.edit_stage, ui.edit_caption, ui.edited, ui.edited_file]
    receive_view = [ui.stage, ui.caption, ui.numbers, ui.bytemap, ui.layers, ui.restored]
    strengths = [*ui.sliders.values(), ui.own_strength]
    everything = [
        *receive_view,
        *edit_view,
        *strengths,
        ui.received,
        ui.notes,
        ui.faces,
        ui.sharpen,
        ui.file,
        ui.grid,
        ui.table,
        ui.plot,
        ui.metric,
        ui.strip,
        ui.pasted,
        ui.video,
        ui.paste,
    ]
    model = {
        "concurrency_id": MODEL,
        "concurrency_limit": 1,
        "trigger_mode": "always_last",
        "api_visibility": "private",
    }
    quiet = {**model, "show_progress": "hidden"}
    light = {"queue": False, "api_visibility": "private"}
    edit_results = [*edit_view, ui.pasted, ui.strip, ui.video]
    staged = {**model, "show_progress_on": [ui.stage]}

    opened = demo.load(events.start, [ui.bytes], [*everything, ui.examples], **staged)
    opened.failure(None, None, [ui.numbers], js=f"() => {json.dumps(cards.busy())}", api_visibility="private")
    for source in (ui.photo, ui.bitstream):
        source.upload(events.open_upload, [source, ui.bytes], [*everything, ui.photo], **staged)
        source.upload(None, js="() => window.hscUnpress('examples')", api_visibility="private")
    ui.examples.select(events.pick_example, [ui.bytes], [*everything, ui.photo], **staged)
    ui.faces.select(events.pick_face, [ui.bytes], everything, **staged)
    ui.bytes.release(events.set_bytes, [ui.bytes], everything, **staged)
    # In queues of their own: nobody's slider stands in line behind them.
    patient = {**model, "concurrency_id": "sharpen", "trigger_mode": "once", "show_progress_on": [ui.sharpening]}
    film = {**model, "concurrency_id": "film", "trigger_mode": "once"}
    ui.sharpen.click(events.sharpen, [ui.bytes], everything, **patient)
    ui.received.input(events.receive_preview, [ui.received], receive_view[:4], **quiet)
    ui.received.release(events.receive, [ui.received], receive_view, **quiet)

    for slider in strengths:
        slider.input(events.edit_preview, strengths, [ui.edit_stage], **quiet)
        slider.release(events.edit, strengths, edit_results, **quiet)
    own_binding = [ui.own_first, ui.own_last, ui.own_scale]
    moves = [
        ui.reset.click(lambda: [0.0] * len(strengths), None, strengths, **light),
        ui.strip.select(events.pick_frame, None, strengths, **light),
        ui.own_file.upload(
            events.own_direction, [ui.own_file, *own_binding], [ui.own_strength, ui.own_file], **model
        ),
        ui.own_file.clear(events.drop_direction, None, [ui.own_strength], **light),
        *(field.change(events.bind_direction, own_binding, [ui.own_strength], **light) for field in own_binding),
    ]
    for move in moves:  # they move the sliders, or what the sliders mean
        move.then(events.edit, strengths, edit_results, **quiet)
    ui.subject.change(events.pick_subject, None, [ui.strip, ui.video], **light)
    ui.film.click(events.filmstrip, [ui.subject, *strengths], [ui.strip], **model)
    ui.paste.click(events.paste, None, [ui.pasted], **model)
    ui.morph.click(events.morph, [ui.subject, *strengths], [ui.video], **film)

    ui.compare_tab.select(
        events.queue_up, None, [ui.grid], queue=False, show_progress="hidden", api_visibility="private"
    )
    ui.compare_tab.select(
        events.compare,
        None,
        [ui.grid, ui.table, ui.plot, ui.metric],
        concurrency_id="compare",
        concurrency_limit=1,
        trigger_mode="always_last",
        show_progress_on=[ui.working],
        api_visibility="private",
    )
    ui.metric.input(events.pick_metric, [ui.metric], [ui.plot], queue=False, api_visibility="private")
    demo.unload(events.leave)


def _skeleton(kind: str) -> str:
    return f'<div class="skeleton skeleton-{kind}" role="status" aria-label="Loading"></div>'
