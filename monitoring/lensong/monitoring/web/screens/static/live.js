// Keeps a page up to date: what changed is asked of the same address and put in its place.

const live = document.getElementById("live");
const notice = document.getElementById("lost");
const EVERY_MS = Number(live?.dataset.everyMs ?? 30000);
const LOST_AFTER_MS = 45000;
const KINDS = ["verdict.changed", "session.planned", "session.changed", "session.live",
  "session.ended", "session.cancelled", "stream.changed"];

let heardAt = Date.now();
let waiting = null;
let busy = false;

async function refresh() {
  if (busy || document.querySelector("dialog[open]")) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh) {
      const open = new Set([...live.querySelectorAll("details[open]")].map((d) => d.dataset.name));
      live.replaceChildren(...fresh.childNodes);
      live.querySelectorAll("details").forEach((d) => { d.open = open.has(d.dataset.name) && d.dataset.name !== undefined; });
      heardAt = Date.now();
      live.dispatchEvent(new CustomEvent("fresh"));
      tick();
    }
  } catch { /* the notice below tells when it lasts */ } finally { busy = false; }
}

function soon() {
  if (waiting === null) waiting = setTimeout(() => { waiting = null; refresh(); }, 250);
}

function tick() {
  const lost = Date.now() - heardAt > LOST_AFTER_MS;
  document.body.classList.toggle("is-lost", lost);
  if (notice) notice.hidden = !lost;
  for (const clock of document.querySelectorAll("[data-clock]")) {
    clock.textContent = new Intl.DateTimeFormat(document.documentElement.lang, {
      hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: clock.dataset.clock,
    }).format(new Date());
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    const s = Math.round((Date.parse(element.dataset.until) - Date.now()) / 1000);
    if (s <= 0) continue;
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    element.textContent = h >= 48 ? element.dataset.days : h > 0
      ? `${h}:${String(m).padStart(2, "0")}` : `0:${String(m).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  }
}

if (live) {
  const events = new EventSource("/api/v1/events");
  events.onopen = () => { heardAt = Date.now(); };
  for (const kind of KINDS) events.addEventListener(kind, soon);
  addEventListener("pagehide", () => events.close());
  setInterval(refresh, EVERY_MS);
}
setInterval(tick, 1000);
tick();
