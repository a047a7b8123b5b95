// Keeps the planner working without a network after the first visit. Registered by boot.js at top level only, never in
// a frame. The list and its version are written by `cargo xtask build` into offline.json; a new version is fetched
// whole before it replaces the old one, so a visitor never has half of each.

const PREFIX = "planner-";

async function wanted() {
  const response = await fetch("offline.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`offline.json: ${response.status}`);
  return response.json();
}

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const { version, files } = await wanted();
      const cache = await caches.open(PREFIX + version);
      await cache.addAll(files.map((file) => new Request(file, { cache: "no-cache" })));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const { version } = await wanted().catch(() => ({ version: null }));
      if (version !== null) {
        const old = (await caches.keys()).filter((key) => key.startsWith(PREFIX) && key !== PREFIX + version);
        await Promise.all(old.map((key) => caches.delete(key)));
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  event.respondWith(
    (async () => {
      // The page itself comes from the network when there is one, so that an update is seen at the next visit; files
      // with a hash in their name never change, so the cache answers for them.
      const isPage = request.mode === "navigate";
      const key = isPage ? new URL("index.html", self.registration.scope).href : request;
      const cached = () => caches.match(key, { ignoreSearch: isPage });
      if (!isPage && /-[0-9a-f]{12,}[._]/.test(url.pathname)) return (await cached()) ?? fetch(request);
      try {
        return await fetch(request);
      } catch (error) {
        const kept = await cached();
        if (kept) return kept;
        throw error;
      }
    })(),
  );
});
