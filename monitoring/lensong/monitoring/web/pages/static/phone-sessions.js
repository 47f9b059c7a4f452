// The site's sessions: the next one is judged first, and of the last one she says whether it held.

const places = JSON.parse(document.getElementById("places").textContent);
const { say, language } = await import(places.words);
const store = await import(places.store);
const { drawState } = await import(places.verdict);

const $ = (id) => document.getElementById(id);
const ASKED_FOR_MS = 2 * 86400e3; // so long after its end she is asked about a session
const WORDS = ["held", "froze", "lost"];

let site = ""; // whose sessions these are
let known = []; // sessions of the site, by start
let mine = null; // the lane of this phone, where several sell here at once
let nowInstead = null; // the session that she put aside for "now"

const when = (at) =>
  new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    weekday: "short",
    day: "numeric",
    month: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZone: places.zone,
  }).format(new Date(at));

const open = (one) => one.status === "planned" || one.status === "live";
const runs = (one, now) =>
  open(one) && Date.parse(one.starts_at) <= now && now < Date.parse(one.ends_at);
const over = (one, now) => one.status === "ended" || (open(one) && Date.parse(one.ends_at) <= now);

// of several at once hers: the lane that she chose, else the first
const ofLane = (one) => mine === null || one.lane === mine;
const ours = () => known.filter(ofLane);

// what to judge: the session that runs or comes next, null where she wants "now" or none is planned
export function nextSession() {
  const next = ours().find((one) => open(one) && Date.parse(one.ends_at) > Date.now()) ?? null;
  return next?.session_id === nowInstead ? null : next;
}

// what the verdict is asked for: profile, length and start of that session
export function asked(session) {
  const starts = Math.max(Date.parse(session.starts_at), Date.now());
  const query = {
    profile: session.profile_code,
    duration: String(Math.max(Math.round((Date.parse(session.ends_at) - starts) / 1000), 1)),
    motion: session.motion,
    session: session.session_id,
  };
  if (starts > Date.now()) query.start = session.starts_at;
  return query;
}

// which of the sellers she is: asked where sessions here have lanes of their own
function drawLanes() {
  const first = new Map(); // of each lane the next session, else one that is over
  for (const one of [...known.filter(open), ...known.filter((one) => one.status === "ended")])
    if (!first.has(one.lane)) first.set(one.lane, one);
  $("lanes").hidden = first.size < 2;
  if (first.size < 2) {
    mine = null;
    return;
  }
  if (!first.has(mine)) mine = first.keys().next().value;
  $("lane").replaceChildren(
    ...[...first]
      .sort(([a], [b]) => a - b)
      .map(([lane, one]) => new Option(`${lane} · ${one.title}`, lane, false, lane === mine)),
  );
}

function drawNext(profileName) {
  const next = ours().find((one) => open(one) && Date.parse(one.ends_at) > Date.now());
  $("next").hidden = !next;
  const chosen = nextSession();
  $("own").hidden = Boolean(chosen);
  if (!next) return;
  $("next-title").textContent = next.title;
  $("next-when").textContent = `${when(next.starts_at)} · ${profileName(next.profile_code)}`;
  drawVerdict(next.verdict);
  $("next-toggle").textContent = say(chosen ? "phone.now_instead" : "phone.next_instead");
  $("next").dataset.chosen = chosen ? "yes" : "no";
}

// what is said of it before anything is measured now
function drawVerdict(verdict) {
  $("next-verdict").hidden = !verdict;
  if (!verdict) return;
  $("next-verdict").className = verdict.state;
  drawState($("next-state"), verdict.state);
  const plan = verdict.state === "ready" ? null : verdict.plans[0]?.text;
  const texts = [verdict.short_freezes_text, verdict.more_sellers_text, plan];
  $("next-more").textContent = texts.filter(Boolean).join(" ");
}

async function drawWord() {
  const now = Date.now();
  const running = ours().find((one) => runs(one, now));
  const last = ours()
    .filter((one) => over(one, now) && now - Date.parse(one.ends_at) < ASKED_FOR_MS)
    .sort((a, b) => Date.parse(b.ends_at) - Date.parse(a.ends_at))[0];
  const about = running ?? last;
  $("word").hidden = !about;
  if (!about) return;
  const stage = running ? "during" : "after";
  const said = (await store.recall("word")) ?? {};
  const same = said.session_id === about.session_id && said.stage === stage && !said.refused;
  $("word").dataset.session = about.session_id;
  $("word").dataset.stage = stage;
  $("word-asked").textContent = say(`word.asked.${stage}`);
  $("word-of").textContent = `${about.title} · ${when(about.starts_at)}`;
  for (const word of WORDS) {
    const button = $(`word-${word}`);
    button.textContent = say(`word.${stage}.${word}`);
    button.setAttribute("aria-pressed", String(same && said.word === word));
  }
  const waits = same && (await store.waitingWords()).some((one) => one.said_at === said.said_at);
  $("word-thanks").textContent = same ? say(waits ? "phone.word_waits" : "word.thanks") : "";
}

async function draw(profileName) {
  drawLanes();
  drawNext(profileName);
  await drawWord();
}

export async function sessions({ api, who, profileName }) {
  site = who.site_id;
  mine = (await store.recall(`lane ${site}`)) ?? null;
  known = (await store.recall(`sessions ${site}`)) ?? [];
  await draw(profileName); // without waiting for a network that may hang
  const after = new Date(Date.now() - ASKED_FOR_MS).toISOString();
  try {
    const query = new URLSearchParams({ site: who.site_id, after, limit: "50" });
    known = (await api(`/api/v1/sessions?${query}`)).items;
    await store.keep(`sessions ${who.site_id}`, known);
  } catch {
    /* the ones kept */
  }
  await draw(profileName);
}

// a word is kept first and sent then: once, and later where there is no network
export async function deliverWords(api, alertUser = () => {}) {
  const left = await store.deliverWords(({ session_id, word, said_at }) =>
    api(`/api/v1/sessions/${session_id}/word`, {
      method: "PUT",
      body: JSON.stringify({ word, said_ago_s: Math.max(0, (Date.now() - said_at) / 1000) }),
    }),
  );
  if (left.refused) alertUser(say("phone.word_refused"));
  return left;
}

export function listen({ api, alertUser, profileName, chosen }) {
  $("lane").addEventListener("change", async () => {
    mine = Number($("lane").value);
    await store.keep(`lane ${site}`, mine);
    await draw(profileName);
    chosen();
  });
  $("next-toggle").addEventListener("click", () => {
    nowInstead = nextSession()?.session_id ?? null;
    drawNext(profileName);
    chosen();
  });
  for (const word of WORDS)
    $(`word-${word}`).addEventListener("click", async () => {
      const { session, stage } = $("word").dataset;
      alertUser("");
      await store.addWord({ session_id: session, stage, word, said_at: Date.now() });
      await drawWord();
      await deliverWords(api, alertUser);
      await drawWord();
    });
}
