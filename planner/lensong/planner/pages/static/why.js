// Why here: what a village lacks in decibels, what would mend it, and trying that.
import { Refusal, post } from "./api.js";
import {
  $,
  button,
  el,
  number,
  refill,
  say,
  serviceName,
  signed,
  stageName,
  tableHead,
  tell,
} from "./dom.js";
import { endText, watchJob } from "./jobs.js";
import { edit, mayEdit, state, variantPath } from "./plan.js";
import { openTab } from "./tabs.js";

const TERMS = [
  "distance",
  "terrain",
  "clutter",
  "antenna",
  "interference",
  "load",
  "uplink",
  "indoor",
];

/** Ask for the causes of a gap of a village or a place, and show them when they are there. */
export async function showWhy({ village_id, lat_deg, lon_deg, name }) {
  const village = { name: name ?? `${number(lat_deg, 5)}°, ${number(lon_deg, 5)}°` };
  const asked = village_id === undefined ? { lat_deg, lon_deg } : { village_id };
  openTab("why");
  const box = $("why-panel");
  const bar = el("progress", { max: 1, "aria-label": say("why.works") });
  const told = el("p", { class: "hint" }, say("why.works"));
  refill(box, el("h2", {}, say("why.of", { name: village.name })), told, bar);
  try {
    const job = await post(`${variantPath()}/causes`, asked);
    const done = await watchJob(job, ({ progress }) => {
      if (progress) told.textContent = `${say("why.works")} ${stageName(progress.stage)}`;
      if (progress?.total) Object.assign(bar, { max: progress.total, value: progress.done });
    });
    if (done.state === "done") draw(village, done.result);
    else
      refill(box, el("h2", {}, say("why.of", { name: village.name })), el("p", {}, endText(done)));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refill(
      box,
      el("h2", {}, say("why.of", { name: village.name })),
      el("p", { class: "bad" }, error.message),
    );
  }
}

function draw(village, { cause, tries = [] }) {
  const parts = cause
    ? TERMS.map((name) => [name, cause[`cause_${name}_db`]]).filter(
        ([, value]) => typeof value === "number" && Math.abs(value) >= 0.05,
      )
    : [];
  const most = Math.max(...parts.map(([, value]) => Math.abs(value)), 1);
  refill(
    $("why-panel"),
    ...[
      el("h2", {}, say("why.of", { name: village.name })),
      cause
        ? el(
            "p",
            {},
            say("why.short", {
              service: serviceName(cause.service ?? state.plan.class_service),
              db: cause.shortfall_db,
              cell: cause.cell_id ?? "",
            }),
          )
        : el("p", {}, say("why.no_gap")),
      parts.length
        ? el(
            "table",
            { class: "causes" },
            el(
              "tbody",
              {},
              parts.map(([name, value]) => bar(name, value, most, name === cause.main_cause)),
            ),
            el(
              "tfoot",
              {},
              el(
                "tr",
                {},
                el("th", { scope: "row" }, say("why.sum")),
                el("td", {}),
                el("td", { class: "n" }, `${signed(cause.shortfall_db, 1)} dB`),
              ),
            ),
          )
        : null,
      tries.length ? el("h3", {}, say("why.tries")) : null,
      tries.length ? triesTable(tries) : null,
    ].filter(Boolean),
  );
}

function bar(name, value, most, main) {
  const width = `${((50 * Math.abs(value)) / most).toFixed(1)}%`;
  const side = value < 0 ? { right: "50%" } : { left: "50%" };
  return el(
    "tr",
    { class: main ? "main" : null },
    el("th", { scope: "row" }, say(`term.${name}`)),
    el(
      "td",
      { class: "bars", "aria-hidden": "true" },
      el("span", {}, el("i", { class: value < 0 ? "less" : "more", style: { width, ...side } })),
    ),
    el("td", { class: "n" }, signed(value, 1)),
  );
}

function triesTable(tries) {
  return el(
    "table",
    { class: "list" },
    tableHead(
      ["why.change", "why.gained", "why.people", "why.try"].map((key, k) =>
        el("th", { scope: "col", class: k === 1 || k === 2 ? "n" : null }, say(key)),
      ),
    ),
    el(
      "tbody",
      {},
      tries.map((row) => {
        const apply = button(
          say("why.try_this"),
          async () => {
            apply.disabled = true;
            if (await edit(row.edits, say(`change.${row.change}`))) tell(say("why.tried"));
            else apply.disabled = false;
          },
          { disabled: !mayEdit() || !row.edits?.length },
        );
        return el(
          "tr",
          {},
          el(
            "th",
            { scope: "row" },
            say(`change.${row.change}`),
            el(
              "small",
              {},
              [row.before, row.after]
                .filter((v) => v !== null && v !== "" && v !== undefined)
                .map(settingSaid)
                .join(" → "),
            ),
          ),
          el("td", { class: "n" }, `${signed(row.gained_db, 1)} dB`),
          el("td", { class: "n" }, signed(row.gained_people)),
          el("td", {}, apply),
        );
      }),
    ),
  );
}

/** Return a setting of a cell or mast as the API writes it, in the page's language. */
function settingSaid(text) {
  const angle = /^([\d.]+) deg(?: (up|down))?$/.exec(text);
  if (angle) return say(`setting.${angle[2] ?? "azimuth"}`, { deg: number(+angle[1], 1, true) });
  const amount = /^(-?[\d.]+) (m|dBm)$/.exec(text);
  if (amount) return `${number(+amount[1], 1, true)} ${amount[2]}`;
  return text
    .replaceAll(" MHz at ", ` MHz ${say("setting.at")} `)
    .replace(/\d+\.\d+(?= MHz)/g, (mhz) => number(+mhz, 1, true));
}
