// The phone's page: join once, ask, test, tell, keep, deliver.

const places = JSON.parse(document.getElementById("places").textContent);
const { say, number, mbps, language } = await import(places.words);
const store = await import(places.store);
const { uplinkTest } = await import(places.test);
const { watchNetwork } = await import(places.watch);
const { sessions, nextSession, asked, listen } = await import(places.sessions);

const $ = (id) => document.getElementById(id);
const SHAPES = {
  ready:
    '<circle cx="12" cy="12" r="11" fill="currentColor"/><path d="M6.5 12.5l4 4 7-8.5" fill="none" stroke="#fff" stroke-width="2.6"/>',
  at_risk:
    '<path d="M12 1L23.5 22H.5z" fill="currentColor"/><path d="M12 8.5v6.5M12 18v.6" stroke="#fff" stroke-width="2.6"/>',
  not_ready:
    '<rect x="1.5" y="1.5" width="21" height="21" rx="3" fill="currentColor"/><path d="M7.5 7.5l9 9m0-9l-9 9" stroke="#fff" stroke-width="2.6"/>',
  unknown:
    '<path d="M12 1.5L22.5 12 12 22.5 1.5 12z" fill="none" stroke="currentColor" stroke-width="2.4"/>',
};

const REMEMBERED = ["profile", "duration", "seconds", "operator"];
let who = null;
let halt = () => {}; // ends the test that runs, or that is about to
const PATIENCE_MS = 15000;

const today = () => new Date().toLocaleDateString("sv", { timeZone: places.zone });
const alertUser = (text) => {
  $("alert").textContent = text;
};

// details are English: how long to wait is said in either language
const story = ({ detail, title, wait }) =>
  wait && language !== "en" ? `${title}. ${wait}` : (detail ?? title);

async function api(path, options = {}) {
  const answer = await fetch(path, {
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
  const secret = location.pathname.match(/^\/p\/(.+)$/)?.[1];
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
    history.replaceState(null, "", "/p"); // the secret leaves the address bar, and the history
  } catch (error) {
    // a link that is none leaves too; one that was not heard stays, and the page can be loaded again
    if (error.status) history.replaceState(null, "", "/p");
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

async function cost() {
  const seconds = Number($("seconds").value);
  try {
    const limits = await api("/uplink/v1/limits");
    const most = (limits.max_bytes[seconds] ?? 0) / 1e6;
    $("cost").textContent =
      say("phone.cost", {
        most,
        typical: (seconds * 5e6) / 8 / 1e6,
        seconds,
        left: limits.budget_left_bytes / 1e6,
      }) +
      (limits.retry_after_s > 0 ? ` ${say("phone.wait", { seconds: limits.retry_after_s })}` : "");
  } catch {
    $("cost").textContent = say("phone.cost_unknown", {
      typical: (seconds * 5e6) / 8 / 1e6,
      seconds,
    });
  }
}

const plan = () => sessions({ api, who, profileName });

function show(section) {
  for (const id of ["ask", "running", "watching"]) $(id).hidden = id !== section;
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
  const where = await Promise.race([position(), halted]);
  const clientId = await store.clientId();
  const { token, site_id } = who;
  if (!left) test = uplinkTest({ token, site: site_id, seconds, clientId, tell });
  const outcome = test
    ? await found(await test.outcome, site_id)
    : { error: { kind: "aborted", code: left } };
  halt = () => {};
  wake?.release();
  const extra = { site_id, ...where, ...(spot ? { spot } : {}), ...(operator ? { operator } : {}) };
  // what a rule refused before it began is no measurement
  if (outcome.result || outcome.error.kind !== "refused")
    await store.add(reportOf(outcome, startedAt, extra));
  if (outcome.result) await addSpot(spot, outcome.result);
  await deliver(true);
  show("ask");
  if (outcome.result) await verdict(outcome.result);
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
          sustained: kept.uplink_bins_bps.length >= 20,
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

async function verdict(result) {
  const session = nextSession();
  const query = session
    ? asked(session)
    : { profile: $("profile").value, duration: $("duration").value };
  const starts = new Date($("starts").value);
  if (!session && starts > new Date()) query.start = starts.toISOString();
  const chosen = Boolean(query.start);
  let judged = null;
  try {
    judged = await api(`/api/v1/sites/${who.site_id}/readiness?${new URLSearchParams(query)}`);
  } catch {
    /* told below */
  }
  const state = judged?.state ?? "unknown";
  $("answer").hidden = false;
  $("answer").className = state;
  $("state").innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${SHAPES[state]}</svg>`;
  $("state").append(` ${say(`state.${state}`)}`);
  const name = profileName(query.profile);
  $("judged").textContent = session ? say("phone.judged_session", { title: session.title }) : "";
  $("sentence").textContent = judged
    ? say(`phone.sentence.${state}`, {
        profile: name,
        time: (chosen ? day : clock)(new Date(judged.ends_at)),
      })
    : say("phone.no_verdict");
  $("measured").textContent =
    say("phone.measured", {
      p10: result.uplink_p10_bps / 1e6,
      p50: result.uplink_p50_bps / 1e6,
      rtt: result.rtt_loaded_ms,
      mb: result.received_bytes / 1e6,
    }) + (result.sustained ? "" : ` ${say("phone.too_short")}`);
  const advice = [];
  if (judged?.uplink_safe_bps >= 1e5)
    advice.push(say("phone.safe", { rate: mbps(judged.uplink_safe_bps) }));
  if (judged?.best_profile_code && state !== "ready")
    advice.push(say("phone.best_profile", { profile: profileName(judged.best_profile_code) }));
  if (judged?.better_spot)
    advice.push(
      say("phone.better_spot", {
        spot: judged.better_spot.spot,
        rate: mbps(judged.better_spot.uplink_p10_bps),
      }),
    );
  if (judged?.better_hour)
    advice.push(
      say("phone.better_hour", {
        time: clock(new Date(judged.better_hour.starts_at)),
        rate: mbps(judged.better_hour.uplink_safe_bps),
      }),
    );
  if (judged?.better_operator)
    advice.push(
      say("phone.better_operator", {
        operator: judged.better_operator.operator,
        rate: mbps(judged.better_operator.uplink_safe_bps),
      }),
    );
  if (judged?.better_site)
    advice.push(
      say("phone.better_site", {
        site: judged.better_site.name,
        rate: mbps(judged.better_site.uplink_safe_bps),
      }),
    );
  if (state !== "ready" && !judged?.better_spot) advice.push(say("phone.try_spot"));
  list("advice", advice);
  list(
    "reasons",
    (judged?.reasons ?? []).map((reason) => reason.text),
  );
  $("answer").scrollIntoView({ block: "start" });
}

const clock = (at) =>
  new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    timeZone: places.zone,
  }).format(at);
const day = (at) =>
  new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    day: "numeric",
    month: "numeric",
    timeZone: places.zone,
  }).format(at);
const profileName = (code) =>
  [...$("profile").options].find((o) => o.value === code)?.text.split(" · ")[0] ?? code;

function list(id, texts) {
  $(id).replaceChildren(
    ...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

// walk mode: the spots of today, the best one first
async function addSpot(spot, result) {
  const kept = (await store.recall("spots")) ?? { day: "", list: [] };
  const spots = kept.day === today() ? kept.list : [];
  spots.push({
    spot: spot || say("phone.here"),
    p10: result.uplink_p10_bps,
    at: result.started_at,
  });
  await store.keep("spots", { day: today(), list: spots.slice(-50) });
  await drawSpots();
}

async function drawSpots() {
  const kept = (await store.recall("spots")) ?? { day: "", list: [] };
  const spots = kept.day === today() ? [...kept.list].sort((a, b) => b.p10 - a.p10) : [];
  $("walk").hidden = spots.length === 0;
  $("found").replaceChildren(
    ...spots.map((one, place) => {
      const row = document.createElement("li");
      if (place === 0 && spots.length > 1) row.className = "best";
      row.append(
        Object.assign(document.createElement("span"), {
          textContent: `${one.spot}${place === 0 && spots.length > 1 ? ` · ${say("phone.best_spot")}` : ""} · ${clock(new Date(one.at))}`,
        }),
        Object.assign(document.createElement("b"), { textContent: mbps(one.p10) }),
      );
      return row;
    }),
  );
  $("spots").replaceChildren(
    ...[...new Set(spots.map((one) => one.spot))].map((name) => new Option(name)),
  );
}

// a second tab must not test beside this one
async function alone(work) {
  if (!navigator.locks) return work();
  return navigator.locks.request("lensong-test", { ifAvailable: true }, async (lock) => {
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
    alertUser(
      say("phone.watch_over", {
        minutes: outcome.summary.watched_s / 60,
        n: outcome.summary.outages,
      }),
    );
}

function tellWatch({ elapsed_s, slept_s, gone_s, rtt }) {
  const state = gone_s > 2.5 ? "gone" : rtt >= 1000 ? "slow" : "there";
  $("network").textContent =
    rtt === null && state === "there"
      ? say("phone.watch_begins")
      : say(`phone.network_${state}`, { seconds: gone_s });
  $("network").dataset.state = state;
  $("watched").textContent =
    say("phone.watched", { minutes: elapsed_s / 60, mb: (elapsed_s * 274) / 1e6 }) +
    (slept_s >= 1 ? ` ${say("phone.slept", { seconds: slept_s })}` : "");
}

function abort(code) {
  halt(code);
}

$("start").addEventListener("click", () => alone(run));
$("watch").addEventListener("click", () => alone(watch));
$("stop").addEventListener("click", () => abort("stopped"));
$("seconds").addEventListener("change", cost);
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
  listen({ api, alertUser, profileName });
  await Promise.all([profiles().then(plan), cost(), drawSpots(), deliver()]);
  setInterval(plan, 300000);
} else if (!$("alert").textContent) alertUser(say("phone.no_link"));
if ("serviceWorker" in navigator)
  await navigator.serviceWorker.register("/p/sw.js", { scope: "/p" }).catch(() => {});
setInterval(deliver, 30000);
document.body.dataset.ready = "yes";
