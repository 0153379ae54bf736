"""The page: three steps, top to bottom what a visitor sees."""

from __future__ import annotations

import json
from types import SimpleNamespace

import gradio as gr

from app import api, blend, browser_decoder, cards, editing, group
from app.controls import Choices, Keeper, PhotoInput, RangeInput, stage, zoom_grid
from app.events import Events
from app.rivals import OFFERED
from app.session import LIFETIME, Sessions
from app.studio import DEFAULT_BYTES, MAX_BYTES, Studio
from hsc.errors import HSCError

TITLE = "HSC Studio"

_HEADER = """
<header class="masthead">
  <div><h1>HSC Studio</h1>
  <p class="lead">A face in a few hundred bytes. Then edit the bytes.</p></div>
  <p class="method">Hierarchical Semantic Compression sends <em>what a face is</em> first, its details after,
  in one stream that can be cut anywhere.</p>
</header>"""
_FOOTER = """
<footer class="colophon">
  <p><strong>Nothing is kept here.</strong> Your photo stays in this session’s memory and temporary folder, and is
  deleted when you close the page, at the latest an hour after you last used it. Its location and camera data
  are dropped at once; nothing is sent anywhere else. Your own browser remembers it, so that you can reload: the photo
  until you close this tab, the compressed face in the address of the page.</p>
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
        # All steps are there from the beginning: what is not there yet would take "no change" for its value.
        with gr.Tabs(elem_id="steps"):
            with gr.Tab("1 Compress", id="compress", elem_id="step-compress"):
                _compress(ui, studio)
            with gr.Tab("2 Edit", id="edit", elem_id="step-edit", render_children=True) as ui.edit_tab:
                _edit(ui)
                blend.build(ui, studio.examples)
            with gr.Tab("3 Compare", id="compare", elem_id="step-compare", render_children=True) as ui.compare_tab:
                _compare(ui)
        gr.HTML(_FOOTER, apply_default_css=False)
        ui.kept = Keeper(elem_id="kept")
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
            ui.examples = Choices(cards.example_strip(studio.examples), elem_id="examples")
            ui.bitstream = gr.UploadButton("Open an .hsc file", size="sm", elem_id="open-hsc", variant="secondary")
    ui.faces = Choices(elem_id="faces")
    group.build(ui)
    ui.notes = gr.HTML("", apply_default_css=False, elem_id="notes")
    with gr.Row(elem_classes="bench", equal_height=False):
        with gr.Column(scale=6, min_width=320):
            ui.caption = gr.HTML("", apply_default_css=False)
            ui.stage = stage("stage")
            ui.beside = gr.Radio(
                [("Original", ""), *((name, key) for key, name in OFFERED.items())],
                value="",
                label="Left half",
                container=False,
                elem_id="beside",
            )
            with gr.Row(elem_classes="doing"):
                ui.progress = gr.HTML(cards.progress(), apply_default_css=False, elem_id="progress")
                ui.stop = gr.Button("Stop here", visible=False, size="sm", elem_id="stop", min_width=90, scale=0)
            with gr.Row(elem_classes="downloads"):
                ui.file = gr.DownloadButton("Download .hsc", interactive=False, size="sm", elem_id="download-hsc")
                ui.restored = gr.DownloadButton("Download PNG", interactive=False, size="sm", elem_id="download-png")
                ui.link = gr.Button("Copy link", interactive=False, size="sm", elem_id="copy-link", min_width=90)
                ui.code = browser_decoder.code_button()
                ui.copy = gr.Button("Copy picture", size="sm", elem_id="copy-picture", min_width=90)
                ui.arrive = gr.Button(
                    "Film of it arriving", interactive=False, size="sm", elem_id="make-arrival", min_width=130
                )
            ui.arrival = gr.Video(
                visible=False,
                label="The file as it arrives",
                autoplay=True,
                loop=True,
                interactive=False,
                height=420,
                buttons=["download"],
                elem_id="arrival",
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
            with gr.Row(elem_classes="downloads"):
                ui.sharpen = gr.Button(
                    "Sharpen: a few percent for seconds of work", size="sm", interactive=False, elem_id="sharpen"
                )
                ui.compare_sharp = gr.Button(
                    "Compare with before", size="sm", visible=False, elem_id="compare-sharpened"
                )
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
            with gr.Row(elem_classes="downloads"):
                ui.undo = gr.Button("Undo", size="sm", interactive=False, elem_id="undo", min_width=70)
                ui.redo = gr.Button("Redo", size="sm", interactive=False, elem_id="redo", min_width=70)
                ui.surprise = gr.Button(
                    "Surprise me", size="sm", elem_id="surprise", visible=bool(shipped), min_width=90
                )
                ui.reset = gr.Button("Reset all", size="sm", visible=bool(shipped), min_width=70)
            ui.versions = Choices(elem_id="versions")
        with gr.Column(scale=5, min_width=320):
            ui.sliders = {}
            ui.presets = Choices(elem_id="presets")
            if shipped:
                browser_decoder.switch()
                gr.HTML(
                    f'<p class="range-hint">Thick part: tested range. {cards.gesture()}: back to 0.</p>',
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
                text = problem or "This copy of the app ships none; a direction file of your own can be used below."
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
            ui.recipe = gr.Textbox(
                label="As text: copy it, or paste one and press Enter",
                placeholder="smile +0.60, makeup +0.30",
                max_lines=1,
                buttons=["copy"],
                elem_id="recipe",
                visible=bool(shipped),
            )
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
                    ui.film = gr.Button("Filmstrip", size="sm", interactive=False, elem_id="make-strip")
                    ui.morph = gr.Button("Film (MP4)", size="sm", interactive=False, elem_id="make-film")
            with gr.Row(elem_classes="downloads"):
                ui.edited = gr.DownloadButton("Edited PNG", interactive=False, size="sm", elem_id="download-edited")
                ui.edited_file = gr.DownloadButton(
                    "Edited .hsc", interactive=False, size="sm", elem_id="download-edited-hsc"
                )
                ui.paste = gr.Button("Into the photo", visible=False, size="sm", elem_id="paste")
            with gr.Row(elem_classes="downloads"):
                ui.wipe = gr.Button(
                    "Before and after, as GIF and MP4", interactive=False, size="sm", elem_id="make-wipe"
                )
                ui.copy_edited = gr.Button("Copy picture", size="sm", elem_id="copy-edited", min_width=90)
            # Below all buttons that begin something: it pushes none of them away under the pointer.
            ui.edit_progress = gr.HTML(cards.progress(), apply_default_css=False, elem_id="edit-progress")
            ui.made = gr.File(
                label="Before and after", visible=False, interactive=False, file_count="multiple", elem_id="made"
            )
            ui.visible_mark = gr.Checkbox(
                False,
                label="Write “AI: restored by HSC” into the corner of downloads",
                info="Their metadata say it in any case; screenshots lose these.",
                elem_id="visible-mark",
            )
            with gr.Accordion("Bring your own direction", open=False):
                gr.Markdown(
                    "A StyleGAN2-FFHQ direction in W or W+: `.npy` or `.pt`, shape (1, 512), (16, 512), "
                    "(18, 512) or (1, 9216), up to 1 MB."
                )
                ui.own_file = gr.File(
                    label="Direction file",
                    file_types=[".npy", ".pt"],
                    type="filepath",
                    height=150,
                    elem_id="own-file",
                )
                with gr.Row():
                    ui.own_first = gr.Number(0, label="First layer", minimum=0, maximum=15, precision=0, min_width=90)
                    ui.own_last = gr.Number(15, label="Last layer", minimum=0, maximum=15, precision=0, min_width=90)
                    ui.own_scale = gr.Number(1.0, label="Scale", min_width=90)
    ui.strip = Choices(elem_id="strip")
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
    ui.working = gr.HTML(cards.progress(), apply_default_css=False, elem_id="working")
    ui.grid = zoom_grid(
        cards.empty("Not compared yet", "Choose a face in the first step, then come back here."),
        elem_id="grid",
    )
    ui.table = gr.HTML("", apply_default_css=False, elem_id="scores")
    ui.metric = gr.Radio([], label="Plot against bytes", visible=False, elem_id="metric")
    ui.plot = gr.Plot(show_label=False, visible=False, elem_id="rd", container=False)
    with gr.Row(elem_classes="downloads"):
        ui.csv = gr.DownloadButton("Numbers as CSV", visible=False, size="sm", elem_id="compare-csv")
        ui.html = gr.DownloadButton("All of it as one page", visible=False, size="sm", elem_id="compare-html")


def _wire(demo: gr.Blocks, ui: SimpleNamespace, events: Events) -> None:
    """Which handler answers to what.

    None of these waits in a queue of Gradio's, but for comparisons: :mod:`app.lanes` says who waits for whom. Choices
    run at once, however many there are, and give way to the newest; of a slider's moves the last one counts.
    """
    compress, edit, recipes, compare = events.compress, events.edit, events.recipes, events.compare
    films_of = events.films
    edit_view = [ui.edit_stage, ui.edit_caption, ui.edited, ui.edited_file]
    receive_view = [ui.stage, ui.caption, ui.numbers, ui.bytemap, ui.layers, ui.restored, ui.progress, ui.stop]
    strengths = [*ui.sliders.values(), ui.own_strength]
    films = [ui.strip, ui.video, ui.morph, ui.film, ui.edit_progress]
    everything = [
        *receive_view, *edit_view, *strengths, *films, ui.received, ui.notes, ui.faces, ui.sharpen, ui.compare_sharp,
        ui.versions, ui.undo, ui.redo, ui.recipe, ui.presets, ui.arrival, ui.arrive, ui.wipe, ui.made, ui.csv, ui.html,
        ui.beside,
        ui.file, ui.link, ui.grid, ui.table, ui.plot, ui.metric, ui.pasted, ui.paste, ui.kept, ui.photo, ui.examples,
        *group.outputs(ui),
    ]  # fmt: skip
    hidden = {"show_progress": "hidden", "api_visibility": "private"}
    choice = {**hidden, "concurrency_limit": None, "trigger_mode": "multiple"}
    slide = {**hidden, "concurrency_limit": None, "trigger_mode": "always_last"}
    press = {**hidden, "concurrency_limit": None, "trigger_mode": "once"}
    light = {**hidden, "queue": False}  # for what refuses nothing: outside the queue, nobody would hear it
    word = {**hidden, "concurrency_limit": None}

    brought = "(...inputs) => window.hscBrought(inputs)"
    opened = demo.load(compress.start, [ui.bytes, ui.kept], [*everything, ui.bytes], js=brought, **choice)
    opened.failure(None, None, [ui.numbers], js=f"() => {json.dumps(cards.busy())}", api_visibility="private")
    for source in (ui.photo, ui.bitstream):
        source.upload(compress.open_upload, [source, ui.bytes], everything, **choice)
    ui.kept.given(compress.open_given, [ui.kept, ui.bytes], everything, **choice)
    ui.examples.select(compress.pick_example, [ui.examples, ui.bytes], everything, **choice)
    ui.faces.select(compress.pick_face, [ui.faces, ui.bytes], everything, **choice)
    ui.bytes.release(compress.set_bytes, [ui.bytes], everything, **choice)
    ui.stop.click(compress.stop, None, [ui.stop], **light)
    ui.sharpen.click(compress.sharpen, [ui.bytes], everything, **press)
    ui.compare_sharp.click(compress.compare_sharpened, None, [*receive_view, ui.compare_sharp], **press)
    ui.beside.input(compress.pick_beside, [ui.beside, ui.received], receive_view, **slide)
    ui.link.click(None, js="() => window.hscCopyLink()", api_visibility="private")
    ui.code.click(None, js="() => window.hscShowCode()", api_visibility="private")
    ui.received.input(compress.receive_preview, [ui.received], receive_view, **slide)
    ui.received.release(compress.receive, [ui.received], [*receive_view, ui.photo], **slide)

    history = [ui.versions, ui.undo, ui.redo, ui.recipe]
    edit_results = [*edit_view, *films, *receive_view, *history, ui.pasted, ui.received, ui.file, ui.kept]
    for slider in strengths:
        slider.input(edit.edit_preview, strengths, [ui.edit_stage], **slide)
        slider.release(edit.edit, strengths, edit_results, **slide)
    own_binding = [ui.own_first, ui.own_last, ui.own_scale]
    moves = [
        ui.reset.click(lambda: [0.0] * len(strengths), None, strengths, **light),
        ui.strip.select(edit.pick_frame, [ui.strip], strengths, **{**word, "trigger_mode": "multiple"}),
        ui.presets.select(recipes.pick_preset, [ui.presets], strengths, **{**word, "trigger_mode": "multiple"}),
        ui.surprise.click(recipes.surprise, None, strengths, **word),
        ui.recipe.submit(recipes.write, [ui.recipe], strengths, **word),
        ui.own_file.upload(edit.own_direction, [ui.own_file, *own_binding], [ui.own_strength, ui.own_file], **press),
        ui.own_file.clear(edit.drop_direction, None, [ui.own_strength], **light),
        *(field.change(edit.bind_direction, own_binding, [ui.own_strength], **word) for field in own_binding),
    ]
    for move in moves:  # they move the sliders, or what the sliders mean
        move.then(edit.edit, strengths, edit_results, **{**slide, "trigger_mode": "multiple"})
    every = {**word, "trigger_mode": "multiple"}  # haste is no reason to lose a step
    versions = [
        ui.versions.select(recipes.pick_version, [ui.versions], strengths, **every),
        ui.undo.click(recipes.undo, None, strengths, **every),
        ui.redo.click(recipes.redo, None, strengths, **every),
    ]
    for version in versions:
        version.then(edit.show_version, None, edit_results, **every)
    # Of two that answer to one event, the second is not asked before the first has ended: the quick one comes first.
    ui.edit_tab.select(edit.show_sliders, None, strengths, **press)
    ui.edit_tab.select(recipes.offer, None, [ui.presets], **press)
    ui.kept.arrived(recipes.offer, None, [ui.presets], **press)
    ui.subject.change(edit.pick_subject, None, [ui.strip, ui.video], **light)
    ui.visible_mark.input(edit.mark, [ui.visible_mark], [ui.restored, ui.edited], **slide)
    for button, place in ((ui.copy, "stage"), (ui.copy_edited, "edit-stage")):
        copied = f"() => window.hscCopyPicture('{button.elem_id}', '{place}')"
        button.click(None, js=copied, api_visibility="private")
    made = (
        (ui.arrive.click(films_of.arrival, None, [ui.arrival, ui.arrive, ui.progress], **press), "arrival"),
        (ui.wipe.click(films_of.wipe, None, [ui.made, ui.edit_progress], **press), "made"),
        (ui.film.click(edit.filmstrip, [ui.subject, *strengths], films, **press), "strip"),
        (ui.morph.click(edit.film, [ui.subject, *strengths], films, **press), "film"),
        (ui.paste.click(edit.paste, None, [ui.pasted], **{**press, "show_progress": "minimal"}), "pasted"),
    )
    for event, place in made:
        event.success(None, js=f"() => window.hscInSight('{place}')", api_visibility="private")

    group.wire(ui, events.group)
    blend.wire(ui, events.blend)
    ui.compare_tab.select(compare.queue_up, None, [ui.grid], **light)
    results = [ui.working, ui.grid, ui.table, ui.plot, ui.metric, ui.csv, ui.html]
    turn = {"concurrency_id": "compare", "concurrency_limit": 1, "trigger_mode": "always_last"}
    ui.compare_tab.select(compare.compare, None, results, **hidden, **turn)
    ui.metric.input(compare.pick_metric, [ui.metric], [ui.plot], **word)
    demo.unload(events.leave)


def _skeleton(kind: str) -> str:
    return f'<div class="skeleton skeleton-{kind}" role="status" aria-label="Loading"></div>'
