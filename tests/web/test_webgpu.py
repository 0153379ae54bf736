"""WebGPU as far as an adapter in software goes: it gives what WebAssembly gives."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest

from tests.web.test_page import PAGE, Quiet

_COMPARE = """async () => {
    const { createSession } = await import("./runtime/graph.js");
    const { startRuntime } = await import("./runtime/providers.js");
    const { ModelStore } = await import("./runtime/store.js");
    const base = new URL("./", location.href);
    const store = new ModelStore(new URL("models/", base));
    const runtime = new URL("ort/", base).href;
    const { ort, provider } = await startRuntime(runtime, { threads: 1, provider: "webgpu", store });
    const graph = await store.file("synthesis_16_32.onnx");
    const wave = (length) => Float32Array.from({ length }, (_, at) => Math.sin(at * at));
    const tensor = (data, dims) => new ort.Tensor("float32", data, dims);
    const found = [];
    for (const each of ["wasm", "webgpu"]) {
        const session = await createSession(ort, graph, { executionProviders: [each] });
        const { output } = await session.run({
            codes: tensor(wave(2 * 16 * 512), [16, 512, 2]),
            amounts_16: tensor(wave(2 * 256), [2, 256]),
            amounts_32: tensor(wave(2 * 1024), [2, 1024]),
            features: tensor(wave(512 * 256), [1, 512, 16, 16]),
        });
        found.push((await output.getData()).slice());
    }
    let [size, error] = [0, 0];
    found[0].forEach((value, at) => { size += value ** 2; error += (value - found[1][at]) ** 2; });
    return { provider, share: error / size };
}"""


_DECODE = """async () => {
    const { Decoder } = await import("./runtime/index.js");
    const { startRuntime } = await import("./runtime/providers.js");
    const { ModelStore } = await import("./runtime/store.js");
    const base = new URL("./", location.href);
    const store = new ModelStore(new URL("models/", base));
    const runtime = new URL("ort/", base).href;
    const { ort, provider } = await startRuntime(runtime, { threads: 1, provider: "webgpu", store });
    const file = new Uint8Array(await (await fetch("examples/beard.hsc")).arrayBuffer());
    const found = [];
    for (const each of ["wasm", "webgpu"]) {
        const decoder = new Decoder(store, ort, { executionProviders: [each] });
        found.push(await decoder.preview((await decoder.decode(file)).features));
    }
    let error = 0;
    found[0].forEach((value, at) => { error += (value - found[1][at]) ** 2; });
    return { provider, distance: 10 * Math.log10((4 * found[0].length) / error) };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    playwright = pytest.importorskip("playwright.sync_api")
    if program is None or not (PAGE / "index.html").is_file():
        pytest.skip("needs Chromium and the page: make web")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(PAGE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    try:
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=program, args=flags)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/files.json")
            if not page.evaluate("(async () => Boolean(await navigator.gpu?.requestAdapter()))()"):
                pytest.skip("this Chromium has no WebGPU")
            yield page
            browser.close()
    finally:
        server.shutdown()


@pytest.mark.slow
def test_a_graph_gives_what_webassembly_gives(page) -> None:
    found = page.evaluate(_COMPARE)
    assert found["provider"] == "webgpu" and found["share"] < 1e-8


@pytest.mark.slow
def test_a_file_s_preview_is_webassembly_s(page) -> None:
    found = page.evaluate(_DECODE)  # a minute
    assert found["provider"] == "webgpu" and found["distance"] > 100
