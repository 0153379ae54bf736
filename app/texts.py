"""All that the page says: in English, and in German beside it.

A text may have places, ``{name}``: what stands there is translated likewise, and numbers are written as the language
writes them. ``{n...}`` is a number. Texts stand in the page as they do here; :mod:`app.languages` finds them.
"""

# ruff: noqa: E501  (texts are found and compared more easily unbroken)

from __future__ import annotations

GERMAN: dict[str, str] = {
    # ---------------------------------------------------------------- the frame
    "A face in a few hundred bytes. Then edit the bytes.": "Ein Gesicht in wenigen hundert Bytes. Dann die Bytes ändern.",
    "Hierarchical Semantic Compression sends": "Hierarchische semantische Kompression sendet",
    "what a face is": "was ein Gesicht ausmacht",
    "first, its details after, in one stream that can be cut anywhere.": (
        "zuerst, seine Einzelheiten danach, in einem Strom, der überall enden darf."
    ),
    "1 Compress": "1 Komprimieren",
    "2 Edit": "2 Ändern",
    "3 Compare": "3 Vergleichen",
    "Nothing is kept here.": "Hier wird nichts aufbewahrt.",
    "Your photo stays in this session’s memory and temporary folder, and is deleted when you close the page, at the latest"
    " an hour after you last used it. Its location and camera data are dropped at once; nothing is sent anywhere else."
    " Your own browser remembers it, so that you can reload: the photo until you close this tab, the compressed face in"
    " the address of the page.": (
        "Ihr Foto bleibt im Speicher und im vorläufigen Ordner dieser Sitzung und wird gelöscht, wenn Sie die Seite"
        " schließen, spätestens eine Stunde nach der letzten Benutzung. Angaben zu Ort und Kamera fallen sofort weg;"
        " nichts geht an andere. Ihr eigener Browser merkt es sich, damit Sie neu laden können: das Foto, bis Sie diesen"
        " Tab schließen, das komprimierte Gesicht in der Adresse der Seite."
    ),
    "Restored and edited faces are synthetic.": "Wiederhergestellte und geänderte Gesichter sind künstlich.",
    "Details are invented by a generator; every exported PNG says so in its metadata. Do not use them to identify anyone,"
    " or to deceive.": (
        "Einzelheiten erfindet ein Generator; jedes PNG sagt das in seinen Metadaten. Nicht verwenden, um jemanden zu"
        " erkennen oder zu täuschen."
    ),
    "HSC Studio: a face in a few hundred bytes": "HSC Studio: ein Gesicht in wenigen hundert Bytes",
    "Compress a photo of a face to a few hundred bytes, watch it arrive layer by layer, and slide a smile, glasses or"
    " makeup over the compressed file itself. Restored and edited faces are synthetic.": (
        "Das Foto eines Gesichts auf wenige hundert Bytes komprimieren, es Schicht um Schicht ankommen sehen, und Lächeln,"
        " Brille oder Schminke über die komprimierte Datei schieben. Wiederhergestellte und geänderte Gesichter sind"
        " künstlich."
    ),
    "Loading": "Lädt",
    "Many visitors are here right now": "Gerade sind viele Besucher hier",
    "There was no free place for this page.": "Für diese Seite war kein Platz frei.",
    "Try again": "Noch einmal",
    # ---------------------------------------------------------------- choosing a face
    "Your photo": "Ihr Foto",
    "Your photo: drop, paste, take or choose one": "Ihr Foto: ablegen, einfügen, aufnehmen oder auswählen",
    "or try one of these": "oder eines von diesen",
    "Made by the generator, they are nobody; the last is NASA’s public-domain portrait of astronaut Eileen Collins.": (
        "Vom Generator gemacht, niemand; nur das letzte ist das gemeinfreie Porträt der Astronautin Eileen Collins von"
        " der NASA."
    ),
    "A young woman with fair hair": "Eine junge Frau mit hellem Haar",
    "A woman with dark curls": "Eine Frau mit dunklen Locken",
    "An elderly man with glasses, laughing": "Ein lachender älterer Mann mit Brille",
    "A young man with black hair": "Ein junger Mann mit schwarzem Haar",
    "A smiling girl": "Ein lächelndes Mädchen",
    "An elderly woman with glasses and white hair": "Eine ältere Frau mit Brille und weißem Haar",
    "A man with a beard": "Ein Mann mit Bart",
    "A baby": "Ein Baby",
    "A woman with glasses, laughing": "Eine lachende Frau mit Brille",
    "A man with a hat": "Ein Mann mit Hut",
    "A woman looking aside": "Eine Frau, die zur Seite schaut",
    "A man with his head tilted": "Ein Mann mit geneigtem Kopf",
    "Astronaut Eileen Collins, 1999": "Die Astronautin Eileen Collins, 1999",
    "Example: {title}": "Beispiel: {title}",
    "Open an .hsc file": ".hsc-Datei öffnen",
    "{n} faces were found. Pick one:": "{n} Gesichter gefunden. Bitte eines wählen:",
    "Face {n} of {m}": "Gesicht {n} von {m}",
    "Your photo with {n} faces marked": "Ihr Foto mit {n} markierten Gesichtern",
    "the face in your photo": "das Gesicht in Ihrem Foto",
    "the face stored in the file": "das Gesicht in der Datei",
    "the face in this address": "das Gesicht in dieser Adresse",
    "a face": "ein Gesicht",
    # ---------------------------------------------------------------- all faces
    "All faces at once": "Alle Gesichter auf einmal",
    "All {n} faces at once": "Alle {n} Gesichter auf einmal",
    "The {n} largest faces at once": "Die {n} größten Gesichter auf einmal",
    "Without edits": "Ohne Änderungen",
    "My edits on all faces": "Meine Änderungen an allen Gesichtern",
    "On the chosen face only": "Nur am gewählten Gesicht",
    "Edits of the second step": "Änderungen des zweiten Schritts",
    "Whole picture, PNG": "Ganzes Bild, PNG",
    "All .hsc files": "Alle .hsc-Dateien",
    "Face {n}": "Gesicht {n}",
    "for {n} faces; what is around them is your photo’s.": "für {n} Gesichter; was um sie ist, ist Ihr Foto.",
    "Face {n} of {m}, step {k} of {j}": "Gesicht {n} von {m}, Schritt {k} von {j}",
    "Restoring face {n} of {m}": "Gesicht {n} von {m} wird wiederhergestellt",
    "The whole picture": "Das ganze Bild",
    # ---------------------------------------------------------------- the stage
    "Original": "Original",
    "Left half": "Linke Hälfte",
    "Restored from {amount}": "Wiederhergestellt aus {amount}",
    "Restored from {amount}: {edits}": "Wiederhergestellt aus {amount}: {edits}",
    "Restored": "Wiederhergestellt",
    "All {amount}": "Alle {amount}",
    "Without its edits": "Ohne die Änderungen",
    "{codec}, {n} bytes, {k}× more": "{codec}, {n} Bytes, {k}-mal so viel",
    "{codec}, {n} bytes": "{codec}, {n} Bytes",
    "{what}: {description}": "{what}: {description}",
    "{n} bytes": "{n} Bytes",
    "{n} byte": "{n} Byte",
    "bytes": "Bytes",
    "Looking for faces": "Gesichter werden gesucht",
    "Compressing": "Wird komprimiert",
    "Compressing, step {n} of {m}": "Wird komprimiert, Schritt {n} von {m}",
    "Sharpening, step {n} of {m}": "Wird geschärft, Schritt {n} von {m}",
    "Sharpening": "Schärfen",
    "{what}: busy, {n} before you, about {k} s.": "{what}: viel los, {n} vor Ihnen, etwa {k} s.",
    "The large picture": "Das große Bild",
    "{codec} is coding the same face": "{codec} kodiert dasselbe Gesicht",
    "Stop here": "Hier aufhören",
    "Download .hsc": ".hsc laden",
    "Download .hsc, {amount}": ".hsc laden, {amount}",
    "Download PNG": "PNG laden",
    "Copy link": "Link kopieren",
    "Link copied": "Link kopiert",
    "This is the link:": "Das ist der Link:",
    "Copy picture": "Bild kopieren",
    "Picture copied": "Bild kopiert",
    "Not allowed here": "Hier nicht erlaubt",
    "Film of it arriving": "Film vom Ankommen",
    "The file as it arrives": "Die Datei, wie sie ankommt",
    "Film, layer {n} of {m}": "Film, Schicht {n} von {m}",
    "Divider between the two pictures": "Trennlinie zwischen den beiden Bildern",
    "Show the whole picture again": "Wieder das ganze Bild zeigen",
    # ---------------------------------------------------------------- numbers
    "Bytes to spend": "Bytes zum Ausgeben",
    "Bytes received": "Empfangene Bytes",
    "Reset": "Zurück",
    "Reset {name}": "{name} zurücksetzen",
    "Play": "Abspielen",
    "Stop": "Anhalten",
    "Play the stream layer by layer": "Den Strom Schicht um Schicht abspielen",
    "Tested from {n} to {m}": "Geprüft von {n} bis {m}",
    "The stream can be cut anywhere: play it, layer by layer, from nothing to the whole file.": (
        "Der Strom darf überall enden: Schicht um Schicht abspielen, von nichts bis zur ganzen Datei."
    ),
    "nothing at all: the mean of all faces": "gar nichts: das Mittel aller Gesichter",
    "nothing at all: the mean of all faces, {amount} to come": (
        "gar nichts: das Mittel aller Gesichter, {amount} stehen noch aus"
    ),
    "received of {amount}: {n} of {m} layers": "von {amount} empfangen: {n} von {m} Schichten",
    "all of it received: {n} of {m} layers": "alles empfangen: {n} von {m} Schichten",
    "bits per pixel": "Bit je Bildpunkt",
    "smaller than your file": "kleiner als Ihre Datei",
    "smaller than the raw crop": "kleiner als der rohe Ausschnitt",
    "No bytes at all.": "Gar keine Bytes.",
    "The {n} bytes of the file, one cell each, {m} of them received": (
        "Die {n} Bytes der Datei, je ein Feld, {m} davon empfangen"
    ),
    "This is the whole file, a cell for each byte.": "Das ist die ganze Datei, ein Feld für jedes Byte.",
    "header": "Kopf",
    "meaning S": "Bedeutung S",
    "features F": "Merkmale F",
    "finer features F": "feinere Merkmale F",
    "detail D": "Feinheiten D",
    "Header": "Kopf",
    "End": "Ende",
    "%{x}: %{y} bytes<extra></extra>": "%{x}: %{y} Bytes<extra></extra>",
    "Bar chart of the bytes of each layer: {listed}. {n} of {m} were received.": (
        "Balken der Bytes jeder Schicht: {listed}. {n} von {m} sind empfangen."
    ),
    "{metric}, lower is better": "{metric}, weniger ist besser",
    "{metric}, higher is better": "{metric}, mehr ist besser",
    "bytes for {n} x {m} pixels": "Bytes für {n} × {m} Bildpunkte",
    "Chart of {metric} over bytes: {listed}.": "{metric} über den Bytes: {listed}.",
    "Sharpen: a few percent for seconds of work": "Schärfen: ein paar Prozent für Sekunden an Arbeit",
    "Compare with before": "Mit vorher vergleichen",
    "Compare with the original": "Mit dem Original vergleichen",
    "Before sharpening": "Vor dem Schärfen",
    "Sharpened": "Geschärft",
    "Sharpening gained nothing here (LPIPS {n} before, {m} after): the file stays.": (
        "Schärfen brachte hier nichts (LPIPS vorher {n}, nachher {m}): die Datei bleibt."
    ),
    "Sharpened by {n} steps instead of {m}: difference to the original (LPIPS) {a} before, {b} after, {c}% less, in"
    " {amount} ({d} before).": (
        "Geschärft mit {n} statt {m} Schritten: Abstand zum Original (LPIPS) vorher {a}, nachher {b}, {c}% weniger, in"
        " {amount} (vorher {d})."
    ),
    "Sharpened by {n} steps instead of {m}: difference to the original (LPIPS) {a} before, {b} after, {c}% less, in"
    " {amount} ({d} before). That is hardly visible.": (
        "Geschärft mit {n} statt {m} Schritten: Abstand zum Original (LPIPS) vorher {a}, nachher {b}, {c}% weniger, in"
        " {amount} (vorher {d}). Das sieht man kaum."
    ),
    "More bytes do not help: {amount} are this model’s best.": (
        "Mehr Bytes helfen nicht: {amount} sind das Beste dieses Modells."
    ),
    "Your edits are kept for the next step: {edits}.": "Ihre Änderungen bleiben für den nächsten Schritt: {edits}.",
    "The end of this file is missing; what is there is shown.": (
        "Das Ende dieser Datei fehlt; gezeigt wird, was da ist."
    ),
    # ---------------------------------------------------------------- editing
    "Hold to see it unedited": "Gedrückt halten: ohne Änderungen",
    "Undo": "Rückgängig",
    "Redo": "Wiederholen",
    "Surprise me": "Überraschung",
    "Reset all": "Alles zurück",
    "Thick part: tested range.": "Dicker Teil: geprüfter Bereich.",
    "Double-click": "Doppelklick",
    "Tap twice": "Zweimal tippen",
    ": back to 0.": ": zurück auf 0.",
    "Move a slider": "Einen Regler bewegen",
    "Prepared edits of this face": "Vorbereitete Änderungen dieses Gesichts",
    "A smile": "Ein Lächeln",
    "Glasses": "Brille",
    "Made up": "Geschminkt",
    "Older": "Älter",
    "Bearded": "Bärtig",
    "Serious": "Ernst",
    "Versions": "Fassungen",
    "Version {n}: {edits}": "Fassung {n}: {edits}",
    "unedited": "ungeändert",
    "Smile": "Lächeln",
    "Eyeglasses": "Brille",
    "Makeup": "Schminke",
    "Age": "Alter",
    "Head yaw": "Kopf drehen",
    "Mouth open": "Mund offen",
    "Hair lightness": "Haarhelle",
    "Beard": "Bart",
    "Lipstick": "Lippenstift",
    "Eyes": "Augen",
    "Brows": "Brauen",
    "Gaze": "Blick",
    "Head pitch": "Kopf neigen",
    "Your own direction": "Ihre eigene Richtung",
    "Your own": "Ihre eigene",
    "As text: copy it, or paste one and press Enter": "Als Text: kopieren, oder einen einfügen und Eingabe drücken",
    "One direction over its tested range": "Eine Richtung über ihren geprüften Bereich",
    "Filmstrip": "Bildstreifen",
    "Filmstrip, picture {n} of {m}": "Bildstreifen, Bild {n} von {m}",
    "{direction} at several strengths": "{direction} in mehreren Stärken",
    "Film (MP4)": "Film (MP4)",
    "Film": "Film",
    "Film: {share}": "Film: {share}",
    "waiting": "wartet",
    "Film, picture {n} of {m}": "Film, Bild {n} von {m}",
    "Edited PNG": "Geändertes PNG",
    "Edited .hsc": "Geändertes .hsc",
    "Edited .hsc, {amount}": "Geändertes .hsc, {amount}",
    "Into the photo": "Ins Foto",
    "Your photo with the edited face": "Ihr Foto mit dem geänderten Gesicht",
    "The edit changes most of the picture, so its seam in the photo may show.": (
        "Die Änderung betrifft fast das ganze Bild; ihr Rand im Foto kann zu sehen sein."
    ),
    "Before and after, as GIF and MP4": "Vorher und nachher, als GIF und MP4",
    "Before and after": "Vorher und nachher",
    "Write “AI: restored by HSC” into the corner of downloads": "„AI: restored by HSC“ in die Ecke von Downloads schreiben",
    "Their metadata say it in any case; screenshots lose these.": (
        "Die Metadaten sagen es ohnehin; Bildschirmfotos verlieren sie."
    ),
    "Bring your own direction": "Eine eigene Richtung mitbringen",
    "A StyleGAN2-FFHQ direction in W or W+: `.npy` or `.pt`, shape (1, 512), (16, 512), (18, 512) or (1, 9216), up to"
    " 1 MB.": (
        "Eine Richtung von StyleGAN2-FFHQ in W oder W+: `.npy` oder `.pt`, Form (1, 512), (16, 512), (18, 512) oder"
        " (1, 9216), bis 1 MB."
    ),
    "Direction file": "Datei der Richtung",
    "First layer": "Erste Schicht",
    "Last layer": "Letzte Schicht",
    "Scale": "Maßstab",
    "“{label}”: {words}": "„{label}“: {words}",
    "Move its slider.": "Den Regler bewegen.",
    "At scale {n} it {does}, and no other scale helps: it may be of another generator.": (
        "Beim Maßstab {n} {does}, und kein anderer hilft: sie ist wohl von einem anderen Generator."
    ),
    "At scale {n} it {does}; try a scale of {m}.": "Beim Maßstab {n} {does}; einen Maßstab von {m} versuchen.",
    "hardly shows": "ist sie kaum zu sehen",
    "leaves little of the face": "bleibt vom Gesicht wenig übrig",
    "There are no editing directions yet": "Es gibt noch keine Richtungen",
    "This copy of the app ships none; a direction file of your own can be used below.": (
        "Diese Ausgabe der Anwendung hat keine; unten lässt sich eine eigene Datei verwenden."
    ),
    # ---------------------------------------------------------------- drawn by the browser
    "This browser draws while sliders move": "Dieser Browser zeichnet, während Regler sich bewegen",
    "{n} MB, once": "{n} MB, einmal",
    "{n} of {m} MB": "{n} von {m} MB",
    "Not here: {reason}": "Hier nicht: {reason}",
    "This loads {n} MB, once. Load them over this connection?": "Das lädt {n} MB, einmal. Über diese Verbindung laden?",
    "QR code": "QR-Code",
    "Close": "Schließen",
    "This code holds the face itself: whoever has it has the face.": (
        "Dieser Code enthält das Gesicht selbst: wer ihn hat, hat das Gesicht."
    ),
    "This file has {n} bytes; codes that phones read hold {m}.": (
        "Diese Datei hat {n} Bytes; Codes, die Telefone lesen, fassen {m}."
    ),
    "There is no face in this page's address yet.": "In der Adresse dieser Seite ist noch kein Gesicht.",
    # ---------------------------------------------------------------- Gradio's own names of its buttons
    "Upload file": "Datei wählen",
    "File upload": "Datei hochladen",
    "Capture from camera": "Mit der Kamera aufnehmen",
    "Paste from clipboard": "Aus der Zwischenablage einfügen",
    "Copy": "Kopieren",
    "undo": "rückgängig",
    "Fullscreen": "Vollbild",
    "More tabs": "Weitere Schritte",
    "Gradio footer navigation": "Fußzeile von Gradio",
    # ---------------------------------------------------------------- blending
    "Blend with another face": "Mit einem anderen Gesicht mischen",
    "Faces to blend with": "Gesichter zum Mischen",
    "Blend with: {title}": "Mischen mit: {title}",
    "Another .hsc file": "Eine andere .hsc-Datei",
    "How much of the other face": "Wie viel vom anderen Gesicht",
    "0 is your face, 1 the other: the pictures of the two files themselves.": (
        "0 ist Ihr Gesicht, 1 das andere: die Bilder der beiden Dateien selbst."
    ),
    "S and F": "S und F",
    "S alone: meaning": "Nur S: Bedeutung",
    "F alone: shape": "Nur F: Gestalt",
    "What of it": "Was davon",
    "Blended PNG": "Gemischtes PNG",
    "Yours": "Ihres",
    "a blend of two faces": "eine Mischung zweier Gesichter",
    "{n}% of S, {m}% of F of {title}": "{n}% von S, {m}% von F von: {title}",
    "{n}% {title}": "{n}% {title}",
    "{file} is no .hsc file: compress the other photo first.": (
        "{file} ist keine .hsc-Datei: das andere Foto erst komprimieren."
    ),
    # ---------------------------------------------------------------- comparing
    "Not compared yet": "Noch nicht verglichen",
    "Choose a face in the first step, then come back here.": "Im ersten Schritt ein Gesicht wählen, dann hierher zurück.",
    "Open this step and the codecs start to work.": "Diesen Schritt öffnen, und die Codecs beginnen.",
    "Waiting for its turn": "Wartet, bis es an der Reihe ist",
    "One comparison runs at a time. The pictures appear here one by one.": (
        "Ein Vergleich läuft nach dem anderen. Die Bilder erscheinen hier eines ums andere."
    ),
    "There is no face any more": "Es ist kein Gesicht mehr da",
    "The page was idle for too long: choose a face in the first step again.": (
        "Die Seite ruhte zu lange: im ersten Schritt noch einmal ein Gesicht wählen."
    ),
    "There is no original to compare with": "Es gibt kein Original zum Vergleichen",
    "A comparison needs the original, and this face came as a bitstream: open the photo in the first step.": (
        "Ein Vergleich braucht das Original, und dieses Gesicht kam als Datei: das Foto im ersten Schritt öffnen."
    ),
    "The face is still on its way": "Das Gesicht ist noch unterwegs",
    "Its file is being made: open this step again when it is there.": (
        "Seine Datei entsteht gerade: diesen Schritt danach noch einmal öffnen."
    ),
    "Nothing to compare": "Nichts zu vergleichen",
    "No codec can do anything in 0 bytes: move the bytes slider of the first step.": (
        "In 0 Bytes kann kein Codec etwas: den Byte-Regler des ersten Schritts bewegen."
    ),
    "The codecs are getting ready": "Die Codecs machen sich bereit",
    "Their pictures appear here one by one.": "Ihre Bilder erscheinen hier eines ums andere.",
    "Asking {codec}, {n} of {m} done": "Gefragt wird {codec}, {n} von {m} fertig",
    "Measuring, {n} of {m} done": "Wird gemessen, {n} von {m} fertig",
    "The comparison broke off; please open this step again.": (
        "Der Vergleich brach ab; bitte diesen Schritt noch einmal öffnen."
    ),
    "the aligned crop": "der ausgerichtete Ausschnitt",
    "at work": "bei der Arbeit",
    "Cannot go this low. This is the smallest file that each of these can make:": (
        "So klein geht es hier nicht. Das ist die jeweils kleinste mögliche Datei:"
    ),
    "Zoom": "Zoom",
    "{n} times": "{n}-fach",
    "Zoom of all pictures": "Zoom aller Bilder",
    "Drag, scroll or double-click": "Ziehen, rollen oder doppelklicken",
    "Drag, pinch or tap twice": "Ziehen, spreizen oder zweimal tippen",
    "any picture: all of them follow.": "in einem Bild: alle folgen.",
    "{amount}, {k}× more": "{amount}, {k}-mal so viel",
    "{amount}, {k}% more": "{amount}, {k}% mehr",
    "{k}× more": "{k}-mal so viel",
    "{k}% more": "{k}% mehr",
    "{codec}: arrow keys move, plus and minus zoom": "{codec}: Pfeiltasten verschieben, Plus und Minus zoomen",
    "The whole file of each codec, measured against the original at 1024 × 1024": (
        "Die ganze Datei jedes Codecs, gemessen am Original in 1024 × 1024"
    ),
    "Codec": "Codec",
    "Bytes": "Bytes",
    "Not compared, since their weights do not come with this app: {names}. The README says how to bring them.": (
        "Nicht verglichen, weil ihre Gewichte nicht mitgeliefert werden: {names}. Das README sagt, wie man sie mitbringt."
    ),
    "Plot against bytes": "Über Bytes auftragen",
    "Numbers as CSV": "Zahlen als CSV",
    "All of it as one page": "Alles als eine Seite",
    "{name} ↑": "{name} ↑",
    "{name} ↓": "{name} ↓",
    "{name} ({unit})": "{name} ({unit})",
    "eye distances": "Augenabstände",
    "share": "Anteil",
    "{name} (retrained, reduced, {n} MiB)": "{name} (neu trainiert, verkleinert, {n} MiB)",
    "retrained, reduced, {n} MiB": "neu trainiert, verkleinert, {n} MiB",
    "{name} (own weights, {n} MiB)": "{name} (eigene Gewichte, {n} MiB)",
    "own weights, {n} MiB": "eigene Gewichte, {n} MiB",
    "Identity cosine": "Identität (Kosinus)",
    "Landmark error": "Fehler der Landmarken",
    "dlib face distance": "dlib-Gesichtsabstand",
    "Face found": "Gesicht gefunden",
    # ---------------------------------------------------------------- what went wrong
    "That did not work": "Das ging nicht",
    "Sorry": "Leider",
    "Good to know": "Gut zu wissen",
    "Something went wrong on our side; please try again.": "Bei uns ging etwas schief; bitte noch einmal versuchen.",
    "This is only told in English: {sentence}": "Das gibt es nur auf Englisch: {sentence}",
    "The face is still on its way: this can be done as soon as it is here.": (
        "Das Gesicht ist noch unterwegs: das geht, sobald es da ist."
    ),
    "The page was idle for too long, and its face is gone here; reload the page to bring it back.": (
        "Die Seite ruhte zu lange, und ihr Gesicht ist hier fort; neu laden bringt es zurück."
    ),
    "This visit is over: please reload the page.": "Dieser Besuch ist zu Ende: bitte die Seite neu laden.",
    "The upload is no longer here; please choose the file again.": (
        "Die Datei ist nicht mehr hier; bitte noch einmal auswählen."
    ),
    "The file is empty.": "Die Datei ist leer.",
    "The file has {n} MB; at most {m} MB are read.": "Die Datei hat {n} MB; gelesen werden höchstens {m} MB.",
    "No face was found: the photo should show one from the front, not too small.": (
        "Kein Gesicht gefunden: das Foto sollte eines von vorn zeigen, nicht zu klein."
    ),
    "{n} faces were found; the largest is used.": "{n} Gesichter gefunden; das größte wird genommen.",
    "The face is only {n} pixels large: expect a soft picture.": (
        "Das Gesicht ist nur {n} Bildpunkte groß: das Bild wird weich."
    ),
    "This photo has one face only.": "Dieses Foto hat nur ein Gesicht.",
    "There is no such example.": "Dieses Beispiel gibt es nicht.",
    "This face came as a bitstream; its size cannot be changed without the photo.": (
        "Dieses Gesicht kam als Datei; ohne das Foto lässt sich ihre Größe nicht ändern."
    ),
    "This face came as a bitstream; only a photo can be compressed with more care.": (
        "Dieses Gesicht kam als Datei; sorgfältiger komprimieren lässt sich nur ein Foto."
    ),
    "There is nothing to sharpen in so few bytes: move the bytes slider first.": (
        "In so wenigen Bytes gibt es nichts zu schärfen: erst den Byte-Regler bewegen."
    ),
    "The picture before sharpening is gone; sharpen once more to compare.": (
        "Das Bild vor dem Schärfen ist fort; zum Vergleichen noch einmal schärfen."
    ),
    "There is no photo to paste into: open one in the first step.": (
        "Es gibt kein Foto zum Einfügen: im ersten Schritt eines öffnen."
    ),
    "Bring a direction file of your own first: there is a place for it beside the face.": (
        "Erst eine eigene Datei mitbringen: neben dem Gesicht ist ein Platz dafür."
    ),
    "Your own direction needs a first layer, a last layer and a scale.": (
        "Ihre eigene Richtung braucht eine erste und eine letzte Schicht und einen Maßstab."
    ),
    "That is too long for a recipe.": "Das ist zu lang für ein Rezept.",
    "“{part}” is no edit; write it as smile +0.6, of {known}.": (
        "„{part}“ ist keine Änderung; etwa so: smile +0.6, aus {known}."
    ),
    "The face in this address is damaged; was the whole address copied?": (
        "Das Gesicht in dieser Adresse ist beschädigt; ist die Adresse vollständig?"
    ),
    "{file} is not an image that can be read ({formats}).": "{file} ist kein Bild, das gelesen werden kann ({formats}).",
    "This HSC file is damaged in its header.": "Diese HSC-Datei ist in ihrem Kopf beschädigt.",
    "Many visitors are here right now: {n} are before you. Please try again in about {m} s.": (
        "Gerade sind viele Besucher hier: {n} vor Ihnen. Bitte in etwa {m} s noch einmal versuchen."
    ),
    "As many visitors are here as the server can hold; please try again in a few minutes.": (
        "Hier sind so viele Besucher, wie der Server fasst; bitte in ein paar Minuten noch einmal versuchen."
    ),
}
"""By the English text."""
