/** Keeps the page's own files, so that it opens without a network; model files are kept by the decoder itself. */

const CACHE = "hsc-page";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || /\/models\/|\.gz$/.test(url.pathname)) return;
  event.respondWith(newestOrKept(request));
});

/** Everything that the build laid out, models apart. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const files = await (await fetch("files.json")).json();
  await cache.addAll(files);
}

/** What is newest while there is a network, what was kept where there is none. */
async function newestOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
