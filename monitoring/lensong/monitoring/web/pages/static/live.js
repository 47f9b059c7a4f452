// Keeps a page up to date: what changed is asked of the same address and put in its place.
// Figures that could not be renewed are greyed and said to be old; they never pass for fresh.

const live = document.getElementById("live");
const notice = document.getElementById("lost");
const EVERY_MS = Number(live?.dataset.everyMs ?? 20000);
// where the server shares what it drew for a second, a shorter wait could miss the change; where
// many walls hang they do not all ask at the same moment
const AFTER_MS = Number(live?.dataset.afterMs ?? 250);
const SPREAD_MS = Number(live?.dataset.spreadMs ?? 250);
const OLD_AFTER_MS = Math.max(30000, 2.5 * EVERY_MS);
const SITE = live?.dataset.site;
const language = document.documentElement.lang;
const words = notice?.textContent ?? "";

let renewedAt = Date.now();
let waiting = null;
let busy = false;
let again = false;

function clockText(moment, zone) {
  return new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZone: zone || undefined,
  }).format(moment);
}

function place(page) {
  const fresh = page.getElementById("live");
  if (!fresh) return;
  const open = new Set([...live.querySelectorAll("details[open]")].map((d) => d.dataset.name));
  // whoever moves through the page by keyboard stays where they are
  const path = live.contains(document.activeElement)
    ? document.activeElement.getAttribute("href")
    : null;
  // a picture that is there already stays: it is not asked for again, and does not flicker
  const shown = new Map(
    [...live.querySelectorAll("image")].map((image) => [image.outerHTML, image]),
  );
  const kept = [...fresh.querySelectorAll("image")].flatMap((image) => {
    const same = shown.get(image.outerHTML);
    if (!same) return [];
    const place = page.createComment("");
    image.replaceWith(place);
    return [[place, same]];
  });
  live.replaceChildren(...fresh.childNodes);
  for (const [place, same] of kept) place.replaceWith(same);
  for (const name of Object.keys(fresh.dataset)) live.dataset[name] = fresh.dataset[name];
  for (const d of live.querySelectorAll("details")) d.open = open.has(d.dataset.name);
  if (path) live.querySelector(`a[href="${CSS.escape(path)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  if (document.querySelector("dialog[open]")) return;
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(live.dataset.part ?? location.href, {
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(15000),
    });
    if (answer.redirected) {
      location.reload();
      return;
    } // the sign-in has run out
    if (!answer.ok) return;
    place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    renewedAt = Date.now();
    live.dispatchEvent(new CustomEvent("fresh"));
  } catch {
    /* told below, once it lasts */
  } finally {
    busy = false;
    tick();
    if (again) {
      again = false;
      soon();
    }
  }
}

function soon() {
  if (waiting === null)
    waiting = setTimeout(
      () => {
        waiting = null;
        refresh();
      },
      AFTER_MS + SPREAD_MS * Math.random(),
    );
}

function tick() {
  const clock = document.querySelector("[data-clock]");
  const zone = clock?.dataset.clock;
  const old = live && Date.now() - renewedAt > OLD_AFTER_MS;
  document.body.classList.toggle("is-lost", Boolean(old));
  if (notice) {
    const text = old ? `${words} (${clockText(new Date(renewedAt), zone)})` : words;
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = !old;
  }
  if (clock) clock.textContent = clockText(new Date(), zone);
  const asOf = document.querySelector("[data-as-of]");
  if (asOf) asOf.textContent = clockText(new Date(asOf.dateTime), zone);
  for (const element of document.querySelectorAll("[data-until]")) {
    const s = Math.round((Date.parse(element.dataset.until) - Date.now()) / 1000);
    if (s <= 0 || s >= 86400) continue; // the server says it in words
    const two = (n) => String(n).padStart(2, "0");
    element.textContent = `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  }
}

function listen() {
  const events = new EventSource(
    `${document.documentElement.dataset.root}/api/v1/events?only=changes${SITE ? `&site_id=${encodeURIComponent(SITE)}` : ""}`,
  );
  events.onopen = soon; // what happened while the line was down is in the page by now
  events.addEventListener("changed", soon);
  addEventListener("pagehide", () => events.close());
}

if (live) {
  // whoever has a link alone is told of no events: such a wall asks again and again
  if (!document.body.classList.contains("kiosk")) listen();
  addEventListener("pageshow", (shown) => {
    if (shown.persisted) location.reload();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) soon();
  });
  addEventListener("online", soon);
  setInterval(refresh, EVERY_MS);
}
setInterval(tick, 1000);
tick();
