// Keeps the page: it opens without a network, and is the newest one with it. VERSION and SHELL are
// put before this by the server.

const CACHE = `lensong-phone-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([...SHELL, "/p"]);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("lensong-phone-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

async function page(request) {
  try {
    const fresh = await fetch(request);
    // only the address without a secret is kept
    if (fresh.ok && new URL(request.url).pathname === "/p") (await caches.open(CACHE)).put("/p", fresh.clone());
    return fresh;
  } catch {
    return (await caches.match("/p")) ?? Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.mode === "navigate") event.respondWith(page(event.request));
  else if (pathname.startsWith("/static/")) {
    event.respondWith((async () => (await caches.match(event.request)) ?? fetch(event.request))());
  }
});
