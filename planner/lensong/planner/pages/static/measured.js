// What was measured, on the map and in a list: beside what is predicted there, never in its place.
import { Refusal, get, remove } from "./api.js";
import { $, button, el, number, say, signed, tell, time } from "./dom.js";
import { setFeatures } from "./map.js";
import { on, planPath, state, variantPath } from "./plan.js";

const NEAR_DB = 6;
const NEAR_TIMES = 2; // of rates
const COLOURS = { below: "#a3123a", near: "#00734f", above: "#0b5cad", unknown: "#9aa3ad" };
let asked = 0;
let any = false; // drive tests

/** Return what the colours of the dots mean. */
export const measuredKey = () =>
  Object.entries(COLOURS).map(([side, dot]) => ({ dot, text: say(`measured.key.${side}`) }));

export function startMeasured() {
  $("measured-key").replaceChildren(
    ...measuredKey().map(({ dot: background, text }) =>
      el("li", {}, el("i", { style: { background }, "aria-hidden": "true" }), el("span", {}, text)),
    ),
  );
  for (const name of ["chosen", "measurements"]) on(name, load);
  on("settled", ({ variant_id: id, settled }) => {
    if (any && id === state.variantId && settled === "levels") load();
  });
  load();
}

async function load() {
  const turn = ++asked;
  try {
    const answer = await get(`${variantPath()}/measurements`);
    if (turn === asked) draw(answer);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // the next event asks again
  }
}

function draw({ features, sets }) {
  any = features.length > 0 || sets.length > 0;
  const box = document.querySelector('[data-overlay="measurements"]').closest("label");
  box.hidden = !features.length;
  $("measured-key").hidden = !features.length;
  for (const { properties } of features) properties.colour = COLOURS[sideOf(properties)];
  setFeatures("measurements", features);
  $("measured-title").hidden = !sets.length;
  $("measured-sets").replaceChildren(...sets.map(row));
}

/** Return whether a place was measured below, near or above what is predicted for it. */
function sideOf({ measured, predicted, unit }) {
  if (predicted === null || predicted === undefined) return "unknown";
  const off = unit === "dBm" ? measured - predicted : Math.log(measured / predicted);
  const near = unit === "dBm" ? NEAR_DB : Math.log(NEAR_TIMES);
  return off < -near ? "below" : off > near ? "above" : "near";
}

function row(set) {
  const off = set.off_db;
  const left = Object.values(set.left_out).reduce((a, b) => a + b, 0);
  return el(
    "li",
    {},
    el("b", {}, set.name),
    " ",
    say("measured.rows", { n: set.rows, places: set.places }),
    left ? ` ${say("measured.left_out", { n: left })}` : "",
    el(
      "small",
      {},
      off
        ? say("measured.off", {
            low: signed(off[0], 1),
            middle: signed(off[1], 1),
            high: signed(off[2], 1),
            n: set.compared,
          })
        : say("measured.not_compared"),
      set.assumed_technology
        ? ` ${say("measured.assumed", { technology: set.assumed_technology })}`
        : "",
    ),
    set.in_scenario
      ? el("small", {}, say("measured.in_scenario"))
      : button(say("measured.remove"), () => take(set), {
          class: "link",
          disabled: !state.plan.may_measure,
        }),
  );
}

async function take(set) {
  try {
    await remove(`${planPath()}/measurements/${set.set_id}`);
    load();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    tell(error.message, { bad: true });
  }
}

/** Return what a measured place says, for the pointer. */
export function measuredText({ measured, predicted, unit, technology, source, at, rows }) {
  const digits = 1;
  const known = predicted !== undefined && predicted !== null && predicted !== "null";
  return [
    source,
    technology,
    say(known ? "measured.told" : "measured.told_alone", {
      measured: number(measured, digits),
      predicted: known ? number(predicted, digits) : "",
      off: known ? signed(measured - predicted, digits) : "",
      unit,
    }),
    rows > 1 && say("measured.median", { n: rows }),
    at && at !== "null" && time(at),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Return the lines of a place's facts that tell what was measured in its cell. */
export const measuredRows = (point, columns) =>
  (point.measured ?? []).map((one) =>
    el(
      "tr",
      { class: "measured" },
      el("th", { scope: "row" }, say("measured.row"), el("small", {}, one.source)),
      el(
        "td",
        { class: "n", colspan: columns },
        `${one.technology} ${number(one.measured_dbm, 1)} dBm`,
        one.predicted_dbm !== null &&
          el(
            "small",
            {},
            say("measured.beside", {
              predicted: number(one.predicted_dbm, 1),
              off: signed(one.measured_dbm - one.predicted_dbm, 1),
            }),
          ),
      ),
    ),
  );
