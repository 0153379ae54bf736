// Behaviour of the page's own components; see app/controls.py for their markup.
(() => {
  // Texts that are said here, in the language of the page; see app/languages.py.
  const say = (text) => (window.hscTexts || {})[text] || text;
  window.hscSay = (text, places = {}) =>
    Object.entries(places).reduce((said, [name, value]) => said.replace(`{${name}}`, value), say(text));
  const CURVE = 50; // bytes at which the logarithmic scale bends

  const toShare = (value, o) => {
    if (o.max <= o.min) return 1;
    if (o.scale === "log") return Math.log1p((value - o.min) / CURVE) / Math.log1p((o.max - o.min) / CURVE);
    return (value - o.min) / (o.max - o.min);
  };
  const toValue = (share, o) => {
    let value = o.scale === "log"
      ? o.min + CURVE * Math.expm1(share * Math.log1p((o.max - o.min) / CURVE))
      : o.min + share * (o.max - o.min);
    let step = o.step;
    if (o.scale === "log" && value > 100) step = value > 1000 ? 50 : 10;
    value = Math.round(value / step) * step;
    return Math.min(o.max, Math.max(o.min, Number(value.toFixed(6))));
  };
  const written = (value, o) => {
    const digits = o.step < 1 ? 2 : 0;
    const number = value.toLocaleString(document.documentElement.lang || "en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (o.signed && value > 0 ? "+" : "") + number + (o.unit ? " " + o.unit : "");
  };

  // The ring of a prepared recipe, or of a picture of a strip, is where the sliders stand, whatever moved them.
  let ringing = 0;
  const ringChoices = () => {
    ringing ||= requestAnimationFrame(() => {
      ringing = 0;
      const now = Object.fromEntries([...document.querySelectorAll("[id^=direction-] .range")].map((range) =>
        [range.closest("[id^=direction-]").id.slice("direction-".length), Number(range.dataset.now) || 0]));
      document.querySelectorAll("button[data-strengths]").forEach((button) => {
        const at = JSON.parse(button.dataset.strengths), names = button.closest(".recipes") ? Object.keys(now) : Object.keys(at);
        const there = names.every((name) => Math.abs((now[name] || 0) - (at[name] || 0)) < 0.005);
        button.setAttribute("aria-pressed", String(there));
      });
    });
  };

  window.hscRange = (element, props, trigger, watch) => {
    const root = element.querySelector(".range");
    if (!root || root.dataset.ready) return;
    root.dataset.ready = "1";
    const o = JSON.parse(root.dataset.options);
    const input = root.querySelector("input");
    const output = root.querySelector(".range-value");
    const marks = root.querySelector(".range-marks");
    const tested = root.querySelector(".range-tested");
    let value = o.value ?? 0, playing = null, moved = false;

    const show = () => {
      const share = toShare(value, o);
      input.value = share * 1000;
      if (root.dataset.now !== String(value)) ringChoices();
      root.dataset.now = value;
      root.style.setProperty("--share", share);
      root.style.setProperty("--zero", o.min < 0 ? toShare(0, o) : 0);
      output.textContent = written(value, o);
      input.setAttribute("aria-valuetext", written(value, o));
      const reset = root.querySelector(".range-reset");
      if (reset) reset.disabled = value === o.home;
    };
    // A tick for every mark; a name for as many as do not run into each other, the ends of levels first.
    const rank = (text) => ({ S: 0, D2: 1, D1: 2, F12: 3, F8: 4, F1: 5 })[text] ?? 6;
    const named = (all) => {
      const width = marks.clientWidth || root.clientWidth || 400, taken = [];
      return new Set([...all].sort((a, b) => rank(a[1]) - rank(b[1])).filter(([at, text]) => {
        const middle = width * toShare(at, o), half = 4 + 3.6 * text.length;
        if (taken.some(([from, to]) => middle + half > from && middle - half < to)) return false;
        return taken.push([middle - half, middle + half]);
      }));
    };
    const dress = () => {
      const all = o.marks || [], shown = named(all);
      marks.replaceChildren(...all.map((each) => {
        const mark = document.createElement("span");
        mark.textContent = shown.has(each) ? each[1] : "";
        mark.style.left = 100 * toShare(each[0], o) + "%";
        return mark;
      }));
      marks.hidden = !all.length;
      root.dataset.marks = JSON.stringify(all);
      if (o.tested) {
        tested.parentElement.classList.add("bounded");
        tested.style.left = 100 * toShare(o.tested[0], o) + "%";
        tested.style.width = 100 * (toShare(o.tested[1], o) - toShare(o.tested[0], o)) + "%";
        tested.title = window.hscSay("Tested from {n} to {m}", { n: o.tested[0], m: o.tested[1] });
      }
    };
    const take = (payload) => {
      // Before a tab was in the page, an update may come as it travels: with its value inside, or with none.
      if (payload?.__type__) payload = payload.value;
      if (payload === undefined || payload === null) { dress(); show(); return; }
      // What the server knew when this was opened is older than what the visitor has done since.
      if (payload.opening && moved) { props.value = { value }; return; }
      moved = false;
      if (payload && typeof payload === "object") {
        if ("min" in payload) o.min = payload.min;
        if ("max" in payload) o.max = payload.max;
        if ("marks" in payload) o.marks = payload.marks;
        value = payload.value;
      } else value = Number(payload) || 0;
      value = Math.min(o.max, Math.max(o.min, value));
      dress();
      show();
    };
    let resting;
    const set = (next, ...events) => {
      clearTimeout(resting); // whatever moves it, what was to be let go is no longer what is there
      value = next;
      moved = true;
      show();
      props.value = { value };
      events.forEach((event) => { if (event !== "input" || !window.hscDrawn?.(root, value, playing)) trigger(event); });
    };
    const stop = () => {
      playing = null;
      root.classList.remove("playing");
      const name = root.querySelector(".range-play");
      if (name) name.lastChild.textContent = " " + say("Play");
    };
    input.addEventListener("input", () => { stop(); set(toValue(input.value / 1000, o), "input"); });
    input.addEventListener("change", () => set(value, "release"));
    input.addEventListener("keydown", (event) => {
      // "any" steps are too small for keys: move by a hundredth of the range, or to the next mark.
      const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      let share = toShare(value, o), next = value;
      for (let k = 1; next === value && k <= 100; k++) {
        next = toValue(Math.min(1, Math.max(0, share + (way * k) / (event.shiftKey ? 10 : 100))), o);
      }
      set(next, "input");
    });
    // Let go once it rests: each of ten presses would be a call of its own, and of too many the last one is refused.
    input.addEventListener("keyup", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      clearTimeout(resting);
      resting = setTimeout(() => set(value, "release"), 150);
    });
    const home = () => set(o.home, "input", "release");
    if (o.home !== null) {
      input.addEventListener("dblclick", home);
      root.querySelector(".range-reset").addEventListener("click", home);
    }
    // Every layer in turn: the next one when the picture of the last is there, and could be looked at.
    const play = root.querySelector(".range-play");
    if (play) play.addEventListener("click", async () => {
      if (playing) { stop(); set(value, "release"); return; }
      const stops = [...new Set([o.min, ...(o.marks || []).map((mark) => mark[0]), o.max])].sort((a, b) => a - b);
      const mine = (playing = {});
      root.classList.add("playing");
      play.lastChild.textContent = " " + say("Stop");
      for (const at of stops) {
        set(at, "input");
        await shown(at);
        if (playing !== mine) return;
      }
      stop();
      set(o.max, "release");
    });
    const shown = async (at) => {
      const pause = (time) => new Promise((done) => setTimeout(done, time));
      const caption = () => document.querySelector(`.caption[data-stage=stage][data-received="${at}"]`);
      for (let waited = 0; !caption() && waited < 5000 && playing; waited += 50) await pause(50);
      await pause(700);
    };
    watch("value", () => {
      // While it plays, its own values come back; an end is only ever said by the server, with a new file.
      if (props.value && typeof props.value === "object" && "max" in props.value) stop();
      if (!playing) take(props.value);
    });
    // A value that came while its tab was hidden is shown when that is opened.
    new ResizeObserver(() => (playing ? dress() : take(props.value))).observe(root);
    take(props.value);
  };

  // The newest click counts: it is the value, which a handler reads when its turn comes.
  window.hscChoices = (element, props, trigger, event) => {
    if (element.closest("#presets, #strip")) new MutationObserver(ringChoices).observe(element, { childList: true, subtree: true });
    element.addEventListener("click", (click) => {
      const button = click.target.closest("button[data-index]");
      if (!button || !element.contains(button)) return;
      element.querySelectorAll("button[data-index]").forEach((other) =>
        other.setAttribute("aria-pressed", String(other === button)));
      props.value = { ...props.value, index: Number(button.dataset.index) };
      trigger(event);
    });
  };

  // What this browser keeps of a face: the file in the address of the page, the rest in the storage of this tab.
  const KEPT = "hsc", PHOTO = "hsc-photo", MOST = 3e6;
  let address = location.hash, photo = null, uploading;
  const upload = new Promise((resolve) => { uploading = resolve; });
  const stored = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
  const store = (key, text) => {
    try {
      if (text === null) sessionStorage.removeItem(key); else sessionStorage.setItem(key, text);
      return true;
    } catch { return false; }
  };
  const ours = /^#hsc=([\w-]*)/;
  const page = () => {
    const own = new URLSearchParams(location.search);
    [...own.keys()].forEach((key) => { if (!key.startsWith("__") && key !== "lang") own.delete(key); });
    return location.pathname + (own.size ? "?" + own : "");
  };
  const asText = (blob) => new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = failed;
    reader.readAsDataURL(blob);
  });
  const asFile = (text, name) => {
    const [head, body] = text.split(",", 2), bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    return new File([bytes], name, { type: head.slice(5).split(";")[0] });
  };
  const smaller = async (blob) => {
    const image = await createImageBitmap(blob), scale = Math.min(1, 2400 / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = image.width * scale;
    canvas.height = image.height * scale;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  };
  const keepPhoto = async (kept) => {
    const source = kept.photo || (kept.example ? null : kept.crop);
    if (source === photo) return;
    photo = source;
    store(PHOTO, null);
    if (!source) return;
    const fetched = async (path) => (await fetch("gradio_api/file=" + path.split("/").map(encodeURIComponent).join("/"))).blob();
    let blob = await fetched(source);
    if (blob.size > MOST) blob = await smaller(blob).catch(async () => smaller(await fetched(kept.crop)));
    if (photo === source) store(PHOTO, await asText(blob));
  };
  const keep = (kept) => {
    address = "#hsc=" + kept.file;
    history.replaceState(history.state, "", page() + address);
    const { file, face, example, bytes, name } = kept;
    store(KEPT, JSON.stringify({ file, face, example, bytes, name, photo: !!(kept.photo || (!example && kept.crop)) }));
    keepPhoto(kept).catch(() => store(PHOTO, null)); // a page that is being left, or a full storage
  };
  window.hscBrought = async (inputs) => {
    const brought = {}, inAddress = location.hash.match(ours), before = JSON.parse(stored(KEPT) || "null");
    if (inAddress) brought.file = inAddress[1];
    if (inAddress && before && before.file === inAddress[1]) {
      Object.assign(brought, { face: before.face, example: before.example, bytes: before.bytes, name: before.name });
      const text = before.photo && stored(PHOTO);
      if (text) {
        const sent = await (await upload)(asFile(text, before.name || "photo")).catch(() => null);
        if (sent) brought.photo = sent.path;
      }
    } else if (!inAddress) {
      const { bytes, example, ...rest } = Object.fromEntries(new URLSearchParams(location.search));
      Object.assign(brought, { bytes, example, strengths: rest });
    }
    inputs[inputs.length - 1] = { brought };
    return inputs;
  };
  window.hscKeeper = (element, props, trigger, watch, send, given, arrived) => {
    uploading(send);
    watch("value", () => {
      if (!props.value || !("file" in props.value)) return;
      keep(props.value);
      // Where the step with the edits is open already, nobody will open it to see what they make of this face.
      setTimeout(() => {
        const step = document.getElementById("step-edit"), recipes = document.querySelector("#presets .recipes");
        if (step?.offsetHeight && !recipes) trigger(arrived);
      }, 300);
    });
    give = async (file) => {
      firstStep(); // which shows how it arrives
      const { path } = await send(file);
      props.value = { brought: { photo: path, name: file.name } };
      trigger(given);
    };
  };
  window.hscCopyLink = async () => {
    const button = document.getElementById("copy-link"), before = button.textContent;
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = say("Link copied");
    } catch {
      window.prompt(say("This is the link:"), location.href); // no permission, or no secure page
    }
    setTimeout(() => { button.textContent = before; }, 2500);
  };
  window.hscCopyPicture = async (id, stage) => {
    const button = document.getElementById(id), before = button.textContent;
    const image = [...document.querySelectorAll(`#${stage} img`)].pop();
    const tell = (text) => { button.textContent = say(text); setTimeout(() => { button.textContent = before; }, 2500); };
    if (!image) return;
    try {
      const blob = fetch(image.src).then((answer) => answer.blob());
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      tell("Picture copied");
    } catch { tell("Not allowed here"); }
  };
  // What a button made lies further down: bring it in sight.
  window.hscInSight = async (id) => {
    const there = () => { const made = document.getElementById(id); return made && made.offsetHeight > 60 ? made : null; };
    for (let waited = 0; !there() && waited < 5000; waited += 100) await new Promise((done) => setTimeout(done, 100));
    await new Promise((done) => setTimeout(done, 300)); // until it has its size
    if (!there()) return;
    const hidden = parseFloat(getComputedStyle(there()).scrollMarginTop) || 0; // by the face that stays in sight above
    const tall = there().offsetHeight + hidden > window.innerHeight;
    there().scrollIntoView({ block: tall ? "start" : "center" });
  };
  window.addEventListener("hashchange", () => {
    if (ours.test(location.hash) && location.hash !== address) location.reload(); // another face's link was pasted
  });

  // Files may be dropped anywhere, and of any kind: what the place for a photo would refuse is sent another way.
  let give = null;
  const firstStep = () => document.querySelector("#steps > .tab-wrapper button[role=tab]")?.click();
  const foreign = (file) => /\.(hsc|heic|heif|avif|tiff?|jp2|ppm)$/i.test(file.name) || !file.type.startsWith("image/");
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer ? event.dataTransfer.files : [];
    if (!file || !give || event.target.closest("#own-file")) return;
    if (event.target.closest("#photo") && !foreign(file)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    give(file);
  }, true);
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData ? event.clipboardData.files : [];
    if (!file || !give || event.target.closest?.("input, textarea")) return;
    event.preventDefault();
    give(file);
  });
  document.addEventListener("change", (event) => {
    const input = event.target.closest("#photo input[type=file]");
    if (!input || !give || !input.files.length || !foreign(input.files[0])) return;
    event.stopImmediatePropagation();
    give(input.files[0]);
    input.value = "";
  }, true);

  // One view for all pictures of a grid: scale and centre, in shares of the picture.
  window.hscZoom = (element, watch) => {
    let scale = 1, x = 0.5, y = 0.5, drag = null;
    const pointers = new Map();
    const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
    const times = () => scale.toLocaleString(document.documentElement.lang || "en", digits);
    const show = () => {
      const half = 0.5 / scale;
      x = Math.min(1 - half, Math.max(half, x));
      y = Math.min(1 - half, Math.max(half, y));
      element.querySelectorAll(".tile-view img").forEach((image) => {
        image.style.transform = `scale(${scale}) translate(${(0.5 - x) * 100}%, ${(0.5 - y) * 100}%)`;
      });
      const slider = element.querySelector(".zoom input");
      if (slider) { slider.value = Math.log2(scale); slider.setAttribute("aria-valuetext", window.hscSay("{n} times", { n: times() })); }
      const text = element.querySelector(".zoom output");
      if (text) text.textContent = times() + "×";
    };
    const zoomAt = (next, px, py) => {
      next = Math.min(16, Math.max(1, next));
      x += (px - 0.5) * (1 / scale - 1 / next);
      y += (py - 0.5) * (1 / scale - 1 / next);
      scale = next;
      show();
    };
    const within = (view, event) => {
      const box = view.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box.width];
    };
    element.addEventListener("wheel", (event) => {
      const view = event.target.closest(".tile-view");
      if (!view || !(event.ctrlKey || event.metaKey || scale > 1 || event.deltaY < 0)) return;
      event.preventDefault();
      const [px, py] = within(view, event);
      zoomAt(scale * Math.exp(-event.deltaY / 400), px, py);
    }, { passive: false });
    element.addEventListener("pointerdown", (event) => {
      const view = event.target.closest(".tile-view");
      if (!view) return;
      pointers.set(event.pointerId, event);
      drag = { view, spread: 0 };
      view.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      if (!drag || !pointers.has(event.pointerId)) return;
      const before = pointers.get(event.pointerId);
      pointers.set(event.pointerId, event);
      if (pointers.size === 1) {
        const width = drag.view.getBoundingClientRect().width;
        x -= (event.clientX - before.clientX) / width / scale;
        y -= (event.clientY - before.clientY) / width / scale;
        show();
      } else {
        const [a, b] = [...pointers.values()];
        const spread = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (drag.spread) zoomAt(scale * spread / drag.spread, ...within(drag.view, event));
        drag.spread = spread;
      }
    });
    const end = (event) => { pointers.delete(event.pointerId); if (drag) drag.spread = 0; if (!pointers.size) drag = null; };
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    element.addEventListener("dblclick", (event) => {
      const view = event.target.closest(".tile-view");
      if (!view) return;
      const [px, py] = within(view, event);
      zoomAt(scale > 1 ? 1 : 4, px, py);
    });
    element.addEventListener("input", (event) => {
      if (event.target.matches(".zoom input")) { scale = 2 ** Number(event.target.value); show(); }
    });
    element.addEventListener("keydown", (event) => {
      if (!event.target.closest(".tile-view")) return;
      const step = 0.08 / scale;
      const act = {
        ArrowLeft: () => (x -= step), ArrowRight: () => (x += step), ArrowUp: () => (y -= step),
        ArrowDown: () => (y += step), "+": () => (scale = Math.min(16, scale * 1.25)),
        "-": () => (scale = Math.max(1, scale / 1.25)), "0": () => (scale = 1),
      }[event.key];
      if (act) { event.preventDefault(); act(); show(); }
    });
    watch("value", show);
    show();
  };

  // The divider of gr.ImageSlider: a name, a value and arrow keys for it; texts for its two pictures.
  const dressDivider = (stage) => {
    const handle = stage.querySelector("[data-testid=slider]");
    const caption = document.querySelector(`.caption[data-stage="${stage.id}"]`);
    const images = stage.querySelectorAll("img[data-testid=imageslider-image]");
    if (caption) images.forEach((image, index) => {
      const text = index ? caption.dataset.right : caption.dataset.left;
      if (image.alt !== text) image.alt = text;
    });
    if (!handle || handle.dataset.ready) return;
    handle.dataset.ready = "1";
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", say("Divider between the two pictures"));
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", "100");
    const share = () => {
      const box = handle.parentElement.getBoundingClientRect(), at = handle.getBoundingClientRect();
      return Math.round((100 * (at.left + at.width / 2 - box.left)) / box.width);
    };
    const report = () => handle.setAttribute("aria-valuenow", String(share()));
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowLeft: -1, Home: -100, End: 100 }[event.key];
      if (!way) return;
      event.preventDefault();
      const box = handle.parentElement.getBoundingClientRect(), at = handle.getBoundingClientRect();
      const from = { clientX: at.left + at.width / 2, clientY: at.top + at.height / 2, bubbles: true, view: window };
      const to = { ...from, clientX: Math.min(box.right, Math.max(box.left, from.clientX + way * box.width / 50)) };
      handle.dispatchEvent(new MouseEvent("mousedown", from));
      window.dispatchEvent(new MouseEvent("mousemove", to));
      window.dispatchEvent(new MouseEvent("mouseup", to));
      requestAnimationFrame(report);
    });
    handle.addEventListener("focus", report);
    report();
  };

  // A chart that was drawn while its step was hidden knew no width.
  const fitChart = (chart) => {
    if (chart.dataset.fitted) return;
    chart.dataset.fitted = "1";
    new ResizeObserver(() => {
      if (chart.offsetWidth && chart._fullLayout?.width !== chart.offsetWidth) window.Plotly?.Plots.resize(chart);
    }).observe(chart);
  };

  // A chart says what it shows in the metadata of its layout.
  const nameChart = (chart) => {
    const label = chart.layout && chart.layout.meta && chart.layout.meta.label;
    if (!label || chart.getAttribute("aria-label") === label) return;
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", label);
  };

  // Names that Gradio gives its buttons in English alone.
  const GRADIOS = new Set([
    "Upload file", "File upload", "Capture from camera", "Paste from clipboard", "Copy", "Close", "undo",
    "Fullscreen", "More tabs", "Gradio footer navigation",
  ]);
  const nameGradios = (element) => {
    for (const attribute of ["aria-label", "title"]) {
      const name = element.getAttribute(attribute);
      if (GRADIOS.has(name) && say(name) !== name) element.setAttribute(attribute, say(name));
    }
  };
  // Gradio's toasts are titled by their kind alone, whatever title they are given.
  const TOAST_TITLES = { warning: "That did not work", error: "Sorry", info: "Good to know" };
  const nameToast = (title) => {
    const kind = Object.keys(TOAST_TITLES).find((name) => title.classList.contains(name));
    const named = kind && say(TOAST_TITLES[kind]);
    if (kind && title.firstChild.nodeValue !== named) title.firstChild.nodeValue = named;
  };

  const start = () => {
    let waiting = false;
    const dress = () => {
      waiting = false;
      document.querySelectorAll(".stage").forEach(dressDivider);
      document.querySelectorAll(".stage button[aria-label]").forEach((button) => {
        if (!["Undo", say("Undo")].includes(button.getAttribute("aria-label"))) return; // Gradio's, in its own words
        button.setAttribute("aria-label", say("Show the whole picture again"));
        button.title = say("Show the whole picture again");
        button.classList.add("zoom-back");
      });
      document.querySelectorAll(".js-plotly-plot").forEach((chart) => { nameChart(chart); fitChart(chart); });
      document.querySelectorAll(".toast-title").forEach(nameToast);
      document.querySelectorAll("[aria-label], [title]").forEach(nameGradios);
      // The label that is around it names the button that comes first.
      document.querySelectorAll("label:has(button) :is(input[type=text], textarea)").forEach((input) => {
        const label = input.closest("label").querySelector("[data-testid=block-info]");
        if (label) input.setAttribute("aria-label", label.innerText.trim());
      });
      document.querySelectorAll("#photo input[type=file]").forEach((input) => {
        if (!input.accept.includes(".hsc")) input.accept = [input.accept, ".hsc", ".heic", ".heif"].filter(Boolean).join(",");
      });
    };
    new MutationObserver(() => {
      if (!waiting) { waiting = true; requestAnimationFrame(dress); }
    }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["src", "data-left", "data-right"] });
    // "Hold to compare": the left picture alone while the button is down.
    const hold = (target, on) => {
      const button = target.closest && target.closest(".hold");
      if (button || !on) document.querySelectorAll(".stage").forEach((stage) => stage.classList.toggle("held", on));
    };
    document.addEventListener("pointerdown", (event) => hold(event.target, true));
    ["pointerup", "pointercancel", "blur"].forEach((name) => window.addEventListener(name, () => hold(document.body, false)));
    document.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") hold(event.target, true); });
    document.addEventListener("keyup", () => hold(document.body, false));
    // Ctrl-Z and its kin, where no text is being written.
    document.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("textarea, input:not([type=range])")) return;
      const key = event.key.toLowerCase(), id = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : "";
      const button = id && document.getElementById(id);
      if (!button || !button.offsetHeight) return;
      event.preventDefault();
      if (!button.disabled) button.click();
    });
  };
  if (document.body) start(); else document.addEventListener("DOMContentLoaded", start);
})();
