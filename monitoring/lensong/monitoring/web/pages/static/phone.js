// The phone's page: join once, ask, test, tell, keep, deliver.

const places = JSON.parse(document.getElementById("places").textContent);
const { say, number, mbps, language } = await import(places.words);
const store = await import(places.store);
const { uplinkTest } = await import(places.test);
const { watchNetwork } = await import(places.watch);
const { askForMotion, senseMotion } = await import(places.motion);
const { clock, drawAnswer } = await import(places.verdict);
const { sessions, nextSession, asked, listen, deliverWords } = await import(places.sessions);

const root = document.documentElement.dataset.root;
const $ = (id) => document.getElementById(id);
const REMEMBERED = ["profile", "duration", "seconds", "operator"];
let who = null;
let halt = () => {}; // ends the test that runs, or that is about to
const PATIENCE_MS = 15000;

const today = () => new Date().toLocaleDateString("sv", { timeZone: places.zone });
const alertUser = (text) => {
  $("alert").textContent = text;
  note("");
};
const note = (text) => {
  $("note").textContent = text;
};
const lengthOf = (seconds) =>
  seconds < 90
    ? say("phone.seconds", { n: seconds })
    : seconds < 5400
      ? say("phone.minutes", { n: seconds / 60 })
      : say("phone.hours_long", { n: seconds / 3600 });

// details are English: how long to wait is said in either language
const story = ({ detail, title, wait }) =>
  wait && language !== "en" ? `${title}. ${wait}` : (detail ?? title);

async function api(path, options = {}) {
  const answer = await fetch(root + path, {
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...options,
    headers: {
      "Content-Type": "application/json",
      "Accept-Language": language,
      ...(who ? { Authorization: `Bearer ${who.token}` } : {}),
    },
  });
  const value = answer.status === 204 ? null : await answer.json();
  if (!answer.ok)
    throw Object.assign(new Error(story(value ?? {})), {
      status: answer.status,
      code: value?.code,
    });
  return value;
}

async function join() {
  const secret = location.pathname.slice(root.length).match(/^\/p\/(.+)$/)?.[1];
  who = (await store.recall("who")) ?? null;
  if (!secret) return;
  try {
    // kept before anything is sent: when the answer is lost, the same phone may ask again
    const phone_key = await store.phoneKey();
    const asked = { method: "POST", body: JSON.stringify({ secret, label: "phone", phone_key }) };
    const joined = await api("/api/v1/join", asked).catch((error) => {
      if (error.status) throw error;
      return api("/api/v1/join", asked);
    });
    who = joined;
    await store.joined(joined);
    history.replaceState(null, "", `${root}/p`); // the secret leaves the address bar, and the history
  } catch (error) {
    // a link that is none leaves too; one that was not heard stays, and the page can be loaded again
    if (error.status) history.replaceState(null, "", `${root}/p`);
    if (!who)
      alertUser(
        say(
          error.status === 404
            ? "phone.link_used"
            : navigator.onLine
              ? "phone.join_failed"
              : "phone.join_offline",
        ),
      );
  }
}

async function profiles() {
  drawProfiles(
    (await store.recall("profiles")) ?? [],
    (await store.recall("profile")) ?? "tiktok-720p30",
  );
  show("ask"); // without waiting for a network that may hang
  try {
    const known = await api("/api/v1/profiles");
    await store.keep("profiles", known);
    drawProfiles(known, $("profile").value || "tiktok-720p30");
  } catch {
    /* the ones kept */
  }
}

function drawProfiles(known, chosen) {
  $("profile").replaceChildren(
    ...known.map((one) => {
      const option = new Option(
        `${one.name} · ${mbps(one.uplink_required_bps)}`,
        one.code,
        false,
        one.code === chosen,
      );
      return option;
    }),
  );
}

const wantedProfile = () => nextSession()?.profile_code ?? $("profile").value;

async function cost() {
  const seconds = Number($("seconds").value);
  const whole = { typical: (seconds * 5e6) / 8 / 1e6, seconds };
  try {
    const query = new URLSearchParams({ profile: wantedProfile() });
    const limits = await api(`/uplink/v1/limits?${query}`);
    const enough = limits.enough?.[seconds];
    $("cost").textContent = [
      say("phone.cost", {
        ...whole,
        most: (limits.max_bytes[seconds] ?? 0) / 1e6,
        left: limits.budget_left_bytes / 1e6,
      }),
      enough ? say("phone.enough", { rate: mbps(enough.rate_bps), seconds: enough.seconds }) : "",
      limits.retry_after_s > 0 ? say("phone.wait", { seconds: limits.retry_after_s }) : "",
    ]
      .filter(Boolean)
      .join(" ");
  } catch {
    $("cost").textContent = say("phone.cost_unknown", whole);
  }
}

const plan = () => sessions({ api, who, profileName });

function show(section) {
  for (const id of ["ask", "running", "watching"]) $(id).hidden = id !== section;
  document.body.dataset.section = section;
}

async function queue() {
  const reports = await store.waiting();
  $("queue").textContent = reports.length ? say("phone.queued_reports", { n: reports.length }) : "";
  $("queue").dataset.waiting = String(reports.length);
}

async function deliver(now = false) {
  if (!who) return;
  const state = await store.deliver(who, { now });
  if (state === "refused") alertUser(say("uplink.bad_token"));
  await deliverWords(api);
  await queue();
}

async function position() {
  if (!$("position").checked || !navigator.geolocation) return {};
  return new Promise((resolve) =>
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ lat_deg: coords.latitude, lon_deg: coords.longitude }),
      () => resolve({}),
      { timeout: 8000, maximumAge: 60000 },
    ),
  );
}

// without asking for it: a question in the middle of a test would be answered by nobody
async function mayKnowPlace() {
  if ($("position").checked) return true;
  const known = await navigator.permissions?.query({ name: "geolocation" }).catch(() => null);
  return known?.state === "granted";
}

function tell(phase, values) {
  if (phase === "queued")
    $("phase").textContent = say("phone.in_queue", { seconds: values.wait_s });
  else if (phase === "measured") {
    $("phase").textContent = say("phone.measuring");
    $("rate").textContent = number((values.bytes * 8) / values.elapsed_s / 1e6, 1);
    $("progress").value = Math.min(1, values.elapsed_s / values.seconds);
    $("left").textContent = say("phone.left", {
      seconds: Math.max(0, values.seconds - values.elapsed_s),
      mb: values.bytes / 1e6,
    });
  } else $("phase").textContent = say(`phone.phase.${phase}`);
}

// what the phone alone knows, and the server's own figures as it told them
function reportOf(outcome, startedAt, extra) {
  const common = { started_at: startedAt, method: "page", ...extra };
  if (outcome.testId) common.test_id = outcome.testId;
  if (!outcome.result) {
    return {
      ...common,
      result: outcome.error.kind === "refused" ? "refused" : outcome.error.kind,
      failure_reason: outcome.error.code,
    };
  }
  const r = outcome.result;
  return {
    ...common,
    result: "success",
    duration_s: r.duration_s,
    sent_bytes: r.received_bytes,
    uplink_bins_bps: r.uplink_bins_bps,
    uplink_p10_bps: r.uplink_p10_bps,
    uplink_p50_bps: r.uplink_p50_bps,
    uplink_min_bps: r.uplink_min_bps,
    uplink_mean_bps: r.uplink_mean_bps,
    burst_only: r.burst_only,
    rtt_idle_ms: r.rtt_idle_ms,
    rtt_loaded_ms: r.rtt_loaded_ms,
    jitter_ms: r.jitter_ms,
  };
}

async function run() {
  alertUser("");
  show("running");
  $("answer").hidden = true;
  $("moves").hidden = true;
  $("rate").textContent = "–";
  $("progress").value = 0;
  $("left").textContent = "";
  $("phase").textContent = say("phone.phase.waiting");
  const startedAt = new Date().toISOString();
  let left = null,
    test = null;
  const halted = new Promise((resolve) => {
    halt = (code) => {
      left ??= code;
      test?.stop(code);
      resolve({});
    };
  });
  const seconds = Number($("seconds").value);
  const spot = $("spot").value.trim();
  const operator = $("operator").value.trim();
  for (const key of REMEMBERED) await store.keep(key, $(key).value.trim());
  navigator.storage?.persist?.(); // what waits here is not to be tidied away
  const wake = await navigator.wakeLock?.request("screen").catch(() => null);
  const told = $("still").checked ? "at_rest" : "moving";
  const sensed = senseMotion({
    place: await mayKnowPlace(),
    moves: () => {
      $("moves").hidden = false;
    },
  });
  const where = await Promise.race([position(), halted]);
  const clientId = await store.clientId();
  const { token, site_id } = who;
  if (!left) {
    const profile = wantedProfile();
    test = uplinkTest({ token, site: site_id, seconds, profile, clientId, tell });
  }
  const outcome = test
    ? await found(await test.outcome, site_id)
    : { error: { kind: "aborted", code: left } };
  halt = () => {};
  wake?.release();
  sensed.stop();
  const motion = sensed.moved() ? "moving" : told;
  const extra = {
    site_id,
    motion,
    ...where,
    ...(spot ? { spot } : {}),
    ...(operator ? { operator } : {}),
  };
  // what a rule refused before it began is no measurement
  if (outcome.result || outcome.error.kind !== "refused")
    await store.add(reportOf(outcome, startedAt, extra));
  if (outcome.result) await addSpot(spot, outcome.result);
  await deliver(true);
  show("ask");
  if (outcome.result) await verdict(outcome.result, motion);
  else explain(outcome.error);
  await cost();
}

// the connection was lost, but the server may have counted to the end
async function found(outcome, site) {
  if (outcome.error?.code !== "connection_lost" || !outcome.testId) return outcome;
  for (let n = 0; n < 3; n += 1) {
    try {
      const kept = await api(`/api/v1/sites/${site}/tests/${outcome.testId}`);
      if (kept.result !== "success") return outcome;
      return {
        ...outcome,
        error: undefined,
        result: {
          ...kept,
          received_bytes: kept.sent_bytes,
          sustained: kept.uplink_bins_bps.length >= 10,
        },
      };
    } catch (error) {
      if (error.status !== 404) return outcome;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 2000);
    }); // it may not have noticed yet
  }
  return outcome;
}

function explain(error) {
  const text = error.text?.[language];
  const known = say(`phone.aborted.${error.code}`);
  alertUser(text ?? (known.startsWith("phone.") ? say("phone.failed") : known));
}

async function verdict(result, motion) {
  const session = nextSession();
  const query = session
    ? asked(session)
    : { profile: $("profile").value, duration: $("duration").value };
  if (motion === "moving" || !session) query.motion = motion;
  const starts = new Date($("starts").value);
  if (!session && starts > new Date()) query.start = starts.toISOString();
  let judged = null;
  try {
    judged = await api(`/api/v1/sites/${who.site_id}/readiness?${new URLSearchParams(query)}`);
  } catch {
    /* told below */
  }
  drawAnswer({
    judged,
    result,
    session,
    profile: query.profile,
    later: Boolean(query.start),
    profileName,
  });
}

const profileName = (code) =>
  [...$("profile").options].find((o) => o.value === code)?.text.split(" · ")[0] ?? code;

// walk mode: the spots of today, the best one first
async function addSpot(spot, result) {
  const key = `spots ${who.site_id}`;
  const kept = (await store.recall(key)) ?? { day: "", list: [] };
  const spots = kept.day === today() ? kept.list : [];
  spots.push({
    spot,
    p10: result.uplink_p10_bps,
    at: result.started_at,
  });
  await store.keep(key, { day: today(), list: spots.slice(-50) });
  await drawSpots();
}

async function drawSpots() {
  const kept = (await store.recall(`spots ${who.site_id}`)) ?? { day: "", list: [] };
  const spots = kept.day === today() ? [...kept.list].sort((a, b) => b.p10 - a.p10) : [];
  $("walk").hidden = spots.length === 0;
  $("found").replaceChildren(
    ...spots.map((one, place) => {
      const row = document.createElement("li");
      if (place === 0 && spots.length > 1) row.className = "best";
      row.append(
        Object.assign(document.createElement("span"), {
          textContent: `${one.spot || say("phone.here")}${place === 0 && spots.length > 1 ? ` · ${say("phone.best_spot")}` : ""} · ${clock(new Date(one.at))}`,
        }),
        Object.assign(document.createElement("b"), { textContent: mbps(one.p10) }),
      );
      return row;
    }),
  );
  $("spots").replaceChildren(
    ...[...new Set(spots.map((one) => one.spot).filter(Boolean))].map((name) => new Option(name)),
  );
}

// a second tab must not test beside this one
async function alone(work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(`lensong${root}-test`, { ifAvailable: true }, async (lock) => {
    if (!lock) {
      alertUser(say("phone.other_tab"));
      return;
    }
    await work();
  });
}

async function watch() {
  alertUser("");
  show("watching");
  $("network").textContent = say("phone.watch_begins");
  $("watched").textContent = "";
  let wake = null;
  const stayAwake = async () => {
    if (!document.hidden) wake = await navigator.wakeLock?.request("screen").catch(() => null);
  };
  await stayAwake(); // the system takes it away whenever the page is hidden
  document.addEventListener("visibilitychange", stayAwake);
  const { token, site_id } = who;
  const clientId = await store.clientId();
  const outcome = await new Promise((over) => {
    const running = watchNetwork({
      token,
      site: site_id,
      clientId,
      operator: $("operator").value.trim(),
      motion: $("still").checked ? "at_rest" : "moving",
      tell: tellWatch,
      over,
    });
    $("watch-stop").onclick = () => running.stop();
  });
  document.removeEventListener("visibilitychange", stayAwake);
  wake?.release();
  show("ask");
  if (outcome.error) explain(outcome.error);
  else if (outcome.summary)
    note(
      say("phone.watch_over", {
        length: lengthOf(outcome.summary.watched_s),
        n: outcome.summary.outages,
      }),
    );
}

function tellWatch({ elapsed_s, slept_s, gone_s, rtt, moving }) {
  const state = gone_s > 2.5 ? "gone" : rtt >= 1000 ? "slow" : "there";
  $("network").textContent =
    rtt === null && state === "there"
      ? say("phone.watch_begins")
      : say(`phone.network_${state}`, { seconds: gone_s });
  $("network").dataset.state = state;
  $("watched").textContent =
    say("phone.watched", { length: lengthOf(elapsed_s), mb: (elapsed_s * 274) / 1e6 }) +
    (slept_s >= 1 ? ` ${say("phone.slept", { seconds: slept_s })}` : "") +
    (moving ? ` ${say("phone.moves")}` : "");
}

function abort(code) {
  halt(code);
}

for (const [id, work] of [
  ["start", run],
  ["watch", watch],
])
  $(id).addEventListener("click", () => {
    askForMotion(); // in the tap itself
    alone(work);
  });
for (const id of ["seconds", "profile"]) $(id).addEventListener("change", cost);
$("stop").addEventListener("click", () => abort("stopped"));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) abort("hidden");
  else {
    deliver();
    if (who) plan();
  }
});
addEventListener("pagehide", () => abort("hidden"));
addEventListener("offline", () => {
  $("offline").hidden = false;
  abort("offline");
});
addEventListener("online", () => {
  $("offline").hidden = true;
  cost();
  deliver(true);
});
let type = navigator.connection?.type;
navigator.connection?.addEventListener("change", () => {
  if (navigator.connection.type !== type) abort("network_changed");
  type = navigator.connection.type;
});

$("offline").hidden = navigator.onLine;
await join();
if (who) {
  $("site").textContent = who.site_name;
  $("commune").textContent = who.commune_name;
  for (const key of REMEMBERED.slice(1)) $(key).value = (await store.recall(key)) ?? $(key).value;
  listen({ api, alertUser, profileName, chosen: cost });
  await Promise.all([profiles().then(plan), cost(), drawSpots(), deliver()]);
  setInterval(plan, 300000);
} else if (!$("alert").textContent) alertUser(say("phone.no_link"));
if ("serviceWorker" in navigator)
  await navigator.serviceWorker.register(`${root}/p/sw.js`, { scope: `${root}/p` }).catch(() => {});
setInterval(deliver, 30000);
document.body.dataset.ready = "yes";
