// What is measured: the live sites on the map, and in a village's panel beside what is predicted there.
import { Refusal, get } from "./api.js";
import { $, el, LOCALE, number, ROOT, say, tableHead } from "./dom.js";
import { setPoints } from "./map.js";
import { on, planPath, state, variantPath } from "./plan.js";

const EVERY_MS = 60_000;
const sites = new Map();
let zone;
let shown = { village_id: null, answer: null };
let asked = 0;

/** Show the sites, now and every minute; where there are none, nothing of them. */
export function startLive() {
  if (!state.plan.live) return;
  on("villages", () => shown.village_id && load(shown.village_id));
  setInterval(refresh, EVERY_MS);
  refresh();
}

async function refresh() {
  try {
    const answer = await get(`${planPath()}/sites`);
    zone = answer.time_zone;
    sites.clear();
    for (const site of answer.sites) sites.set(site.site_id, site);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return; // the state line tells of a server that does not answer
  }
  document.querySelector('[data-overlay="sites"]').closest("label").hidden = !sites.size;
  setPoints("sites", [...sites.values()], (site) => ({
    site_id: site.site_id,
    name: site.name,
    verdict: verdictOf(site),
  }));
  if (shown.village_id) load(shown.village_id);
}

const verdictOf = (site) => site.session?.verdict ?? "idle";
export const siteOf = (id) => sites.get(id);

const when = (text) =>
  new Intl.DateTimeFormat(LOCALE, {
    dateStyle: "short",
    timeStyle: "short",
    timeZone: zone,
  }).format(new Date(text));

/** Return how long ago something was, in the largest unit that fits. */
function ago(text, now) {
  const minutes = Math.max((new Date(now ?? Date.now()) - new Date(text)) / 60_000, 0);
  const [n, unit] =
    minutes < 90
      ? [minutes, "minute"]
      : minutes < 2160
        ? [minutes / 60, "hour"]
        : [minutes / 1440, "day"];
  return new Intl.RelativeTimeFormat(LOCALE).format(-Math.round(n), unit);
}

const mbps = (bps) => (bps === null ? "–" : `${number(bps / 1e6, 1)} Mbit/s`);

/** Return what a site says in one line. */
export const siteText = (site) =>
  [
    site.name,
    site.synthetic ? say("synthetic") : "",
    site.uplink && say("live.measured_line", uplinkOf(site)),
    say(`live.verdict.${verdictOf(site)}`),
  ]
    .filter(Boolean)
    .join(" · ");

const uplinkOf = ({ uplink }, now) => ({
  p10: mbps(uplink.p10_bps),
  p50: mbps(uplink.p50_bps),
  age: ago(uplink.at, now),
});

/** Return the part of a village's panel that tells what is measured; it fills itself. */
export function livePart(village) {
  const part = el("div", { id: "village-live" });
  if (village.village_id !== shown.village_id)
    shown = { village_id: village.village_id, answer: null };
  else if (shown.answer) fill(part, shown.answer);
  if (!shown.answer) load(village.village_id);
  return part;
}

async function load(id) {
  const turn = ++asked;
  try {
    const answer = await get(`${variantPath()}/villages/${encodeURIComponent(id)}`);
    if (turn !== asked || shown.village_id !== id) return;
    shown.answer = answer;
    if ($("village-live")) fill($("village-live"), answer);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn === asked)
      $("village-live")?.replaceChildren(el("p", { class: "hint" }, error.message));
  }
}

const row = (name, ...cells) =>
  el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((c) => el("td", { class: "n" }, c)));

function fill(part, answer) {
  const predicted = Object.entries(answer.predicted);
  const dbm = (value) => (value === null ? "–" : `${number(value, 0)} dBm`);
  const rate = (value) => (value === null ? "–" : `${number(value, 1)} Mbit/s`);
  const head = ["live.what", "live.for_90", "live.for_50"];
  part.replaceChildren(
    el("h3", {}, say("live.predicted")),
    el(
      "table",
      { class: "list" },
      tableHead(head.map((key, k) => el("th", { scope: "col", class: k ? "n" : null }, say(key)))),
      el(
        "tbody",
        {},
        predicted.flatMap(([technology, of]) => [
          row(`${technology} RSRP`, dbm(of.rsrp_p10_dbm), dbm(of.rsrp_p50_dbm)),
          row(
            `${technology} ${say("live.uplink")}`,
            rate(of.uplink_p10_mbps),
            rate(of.uplink_p50_mbps),
          ),
        ]),
      ),
    ),
    ...answer.sites.flatMap((site) => siteParts(site, answer.now)),
  );
}

function siteParts(site, now) {
  const { uplink, session } = site;
  const where = site.distance_m
    ? say("live.near", { distance: site.distance_m / 1000 })
    : say("live.inside");
  return [
    el("h3", {}, say("live.measured"), " ", el("a", { href: ROOT + site.path }, site.name)),
    el("p", { class: "hint" }, where, site.synthetic ? ` · ${say("synthetic")}` : ""),
    uplink
      ? el(
          "p",
          { class: "live-uplink" },
          say("live.uplink_told", { ...uplinkOf(site, now), n: site.tests }),
        )
      : el("p", { class: "hint" }, say("live.never_measured")),
    session &&
      el(
        "p",
        { class: "live-session" },
        say(session.running ? "live.running" : "live.next"),
        " ",
        el("a", { href: ROOT + session.path }, session.title || when(session.starts_at)),
        ` ${when(session.starts_at)} – ${when(session.ends_at)} `,
        el("b", { class: `verdict ${session.verdict}` }, say(`live.verdict.${session.verdict}`)),
      ),
  ].filter(Boolean);
}
