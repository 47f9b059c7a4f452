// Keeps the page: it opens without a network, and is the newest one with it. ROOT, VERSION and
// SHELL are put before this by the server.

const PATIENCE_MS = 4000;
const PAGE = `${ROOT}/p`;
// two services of one host keep their pages apart
const MINE = `lensong-phone${ROOT}-`;
const CACHE = MINE + VERSION;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll([...SHELL, PAGE]);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        const mine = name.startsWith(MINE) && !name.slice(MINE.length).includes("-");
        if (mine && name !== CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

async function newest(request) {
  const fresh = await fetch(request);
  // only the address without a secret is kept
  if (fresh.ok && new URL(request.url).pathname === PAGE)
    await (await caches.open(CACHE)).put(PAGE, fresh.clone());
  return fresh;
}

// the newest page, or the kept one where there is no network, no service behind it, or no end of waiting
async function page(event) {
  const coming = newest(event.request);
  event.waitUntil(coming.catch(() => {}));
  const kept = await caches.match(PAGE);
  if (!kept) return coming;
  return Promise.race([
    coming.then(
      (fresh) => (fresh.status < 500 ? fresh : kept),
      () => kept,
    ),
    new Promise((resolve) => {
      setTimeout(resolve, PATIENCE_MS, kept);
    }),
  ]);
}

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.mode === "navigate") event.respondWith(page(event));
  else if (pathname.startsWith(`${ROOT}/static/`)) {
    event.respondWith((async () => (await caches.match(event.request)) ?? fetch(event.request))());
  }
});
