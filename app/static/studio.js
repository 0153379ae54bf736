// Behaviour of the page's own components; see app/controls.py for their markup.
(() => {
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
    const number = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return (o.signed && value > 0 ? "+" : "") + number + (o.unit ? " " + o.unit : "");
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
    let value = 0, timer = 0;

    const show = () => {
      const share = toShare(value, o);
      input.value = share * 1000;
      root.style.setProperty("--share", share);
      root.style.setProperty("--zero", o.min < 0 ? toShare(0, o) : 0);
      output.textContent = written(value, o);
      input.setAttribute("aria-valuetext", written(value, o));
      const reset = root.querySelector(".range-reset");
      if (reset) reset.disabled = value === o.home;
    };
    const dress = () => {
      marks.replaceChildren(...(o.marks || []).map(([at, text]) => {
        const mark = document.createElement("span");
        mark.textContent = text;
        mark.style.left = 100 * toShare(at, o) + "%";
        return mark;
      }));
      marks.hidden = !(o.marks || []).length;
      if (o.tested) {
        tested.parentElement.classList.add("bounded");
        tested.style.left = 100 * toShare(o.tested[0], o) + "%";
        tested.style.width = 100 * (toShare(o.tested[1], o) - toShare(o.tested[0], o)) + "%";
        tested.title = `Tested from ${o.tested[0]} to ${o.tested[1]}`;
      }
    };
    const take = (payload) => {
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
    const set = (next, ...events) => {
      value = next;
      show();
      props.value = { value };
      events.forEach((event) => trigger(event));
    };
    const stop = () => {
      if (timer) cancelAnimationFrame(timer);
      timer = 0;
      root.classList.remove("playing");
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
    input.addEventListener("keyup", (event) => { if (event.key.startsWith("Arrow")) set(value, "release"); });
    const home = () => set(o.home, "input", "release");
    if (o.home !== null) {
      input.addEventListener("dblclick", home);
      root.querySelector(".range-reset").addEventListener("click", home);
    }
    const play = root.querySelector(".range-play");
    if (play) play.addEventListener("click", () => {
      if (timer) { stop(); set(value, "release"); return; }
      const stops = [o.min, ...(o.marks || []).map((mark) => mark[0]), o.max];
      const begun = performance.now(), each = 420;
      let last = -1;
      root.classList.add("playing");
      const frame = (now) => {
        const at = (now - begun) / each, index = Math.min(stops.length - 1, Math.floor(at));
        const next = Math.min(stops.length - 1, index + 1);
        value = Math.round(stops[index] + (stops[next] - stops[index]) * Math.min(1, at - index));
        show();
        if (index !== last) { last = index; props.value = { value: stops[index] }; trigger("input"); }
        if (index < stops.length - 1) timer = requestAnimationFrame(frame);
        else { stop(); set(o.max, "release"); }
      };
      timer = requestAnimationFrame(frame);
    });
    watch("value", () => {
      // While it plays, its own values come back; an end is only ever said by the server, with a new file.
      if (props.value && typeof props.value === "object" && "max" in props.value) stop();
      if (!timer) take(props.value);
    });
    take(props.value);
  };

  window.hscChoices = (element, trigger, event) => {
    element.addEventListener("click", (click) => {
      const button = click.target.closest("button[data-index]");
      if (!button || !element.contains(button)) return;
      element.querySelectorAll("button[data-index]").forEach((other) =>
        other.setAttribute("aria-pressed", String(other === button)));
      trigger(event, { index: Number(button.dataset.index) });
    });
  };

  window.hscUnpress = (id) => {
    document.querySelectorAll(`#${id} [aria-pressed=true]`).forEach((button) => button.setAttribute("aria-pressed", "false"));
  };

  // One view for all pictures of a grid: scale and centre, in shares of the picture.
  window.hscZoom = (element, watch) => {
    let scale = 1, x = 0.5, y = 0.5, drag = null;
    const pointers = new Map();
    const show = () => {
      const half = 0.5 / scale;
      x = Math.min(1 - half, Math.max(half, x));
      y = Math.min(1 - half, Math.max(half, y));
      element.querySelectorAll(".tile-view img").forEach((image) => {
        image.style.transform = `scale(${scale}) translate(${(0.5 - x) * 100}%, ${(0.5 - y) * 100}%)`;
      });
      const slider = element.querySelector(".zoom input");
      if (slider) { slider.value = Math.log2(scale); slider.setAttribute("aria-valuetext", scale.toFixed(1) + " times"); }
      const text = element.querySelector(".zoom output");
      if (text) text.textContent = scale.toFixed(1) + "×";
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
    handle.setAttribute("aria-label", "Divider between the two pictures");
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", "100");
    const share = () => {
      const box = handle.parentElement.getBoundingClientRect(), at = handle.getBoundingClientRect();
      return Math.round((100 * (at.left + at.width / 2 - box.left)) / box.width);
    };
    const say = () => handle.setAttribute("aria-valuenow", String(share()));
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
      requestAnimationFrame(say);
    });
    handle.addEventListener("focus", say);
    say();
  };

  // A chart says what it shows in the metadata of its layout.
  const nameChart = (chart) => {
    const label = chart.layout && chart.layout.meta && chart.layout.meta.label;
    if (!label || chart.getAttribute("aria-label") === label) return;
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", label);
  };

  const start = () => {
    let waiting = false;
    const dress = () => {
      waiting = false;
      document.querySelectorAll(".stage").forEach(dressDivider);
      document.querySelectorAll(".js-plotly-plot").forEach(nameChart);
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
  };
  if (document.body) start(); else document.addEventListener("DOMContentLoaded", start);
})();
