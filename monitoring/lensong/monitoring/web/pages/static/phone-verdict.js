// The answer after a test: one state, one sentence, what the audience will see, and what helps.

const places = JSON.parse(document.getElementById("places").textContent);
const { say, mbps, language } = await import(places.words);

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

const time = (at, fields) =>
  new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
    ...fields,
    timeZone: places.zone,
  }).format(at);
export const clock = (at) => time(at, { hour: "2-digit", minute: "2-digit" });
const day = (at) =>
  time(at, { hour: "2-digit", minute: "2-digit", day: "numeric", month: "numeric" });

export function drawState(element, state) {
  element.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${SHAPES[state]}</svg>`;
  element.append(` ${say(`state.${state}`)}`);
}

export function list(id, texts) {
  $(id).replaceChildren(
    ...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

// what would make it READY comes first; a better place, hour or SIM only where the service found one
function advice(judged, state, result, profileName) {
  const found = [];
  const short = judged?.uplink_safe_bps < judged?.uplink_required_bps;
  // a rate that is said to be safe, above what is said to be at risk, would be two answers
  if (judged?.uplink_safe_bps >= 1e5 && (state === "ready" || short))
    found.push(say("phone.safe", { rate: mbps(judged.uplink_safe_bps) }));
  if (!judged || state === "ready") return found;
  found.push(...judged.plans.map((plan) => plan.text));
  if (judged.best_profile_code)
    found.push(say("phone.best_profile", { profile: profileName(judged.best_profile_code) }));
  if (judged.better_spot)
    found.push(
      say("phone.better_spot", {
        spot: judged.better_spot.spot,
        rate: mbps(judged.better_spot.uplink_p10_bps),
      }),
    );
  if (judged.better_hour)
    found.push(
      say("phone.better_hour", {
        time: day(new Date(judged.better_hour.starts_at)),
        rate: mbps(judged.better_hour.uplink_safe_bps),
      }),
    );
  if (judged.better_operator)
    found.push(
      say("phone.better_operator", {
        operator: judged.better_operator.operator,
        rate: mbps(judged.better_operator.uplink_safe_bps),
      }),
    );
  if (judged.better_site)
    found.push(
      say("phone.better_site", {
        site: judged.better_site.name,
        rate: mbps(judged.better_site.uplink_safe_bps),
      }),
    );
  // where the network is strong enough here, another spot is no help
  if (!judged.better_spot && result.uplink_p10_bps < judged.uplink_required_bps)
    found.push(say("phone.try_spot"));
  return found;
}

// judged: the service's verdict, null where it could not be asked; session: null for "now"
export function drawAnswer({ judged, result, session, profile, later, profileName }) {
  const state = judged?.state ?? "unknown";
  $("answer").hidden = false;
  $("answer").className = state;
  drawState($("state"), state);
  $("judged").textContent = session ? say("phone.judged_session", { title: session.title }) : "";
  $("sentence").textContent = judged
    ? say(`phone.sentence.${state}`, {
        profile: profileName(profile),
        time: (later ? day : clock)(new Date(judged.ends_at)),
      })
    : say("phone.no_verdict");
  $("freezes").textContent = [
    judged?.short_freezes_text,
    judged?.motion === "moving" ? say("phone.judged_moving") : null,
  ]
    .filter(Boolean)
    .join(" ");
  $("measured").textContent =
    say("phone.measured", {
      p10: result.uplink_p10_bps / 1e6,
      p50: result.uplink_p50_bps / 1e6,
      rtt: result.rtt_loaded_ms,
      mb: result.received_bytes / 1e6,
    }) + (result.sustained ? "" : ` ${say("phone.too_short")}`);
  list("advice", advice(judged, state, result, profileName));
  list(
    "reasons",
    (judged?.reasons ?? []).map((reason) => reason.text),
  );
  $("answer").scrollIntoView({ block: "start" });
}
