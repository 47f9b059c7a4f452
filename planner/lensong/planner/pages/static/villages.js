// Villages: what the variant in hand changes for them, in a table, in totals and on the map.
import { Refusal, ask, get } from "./api.js";
import {
  $,
  button,
  download,
  el,
  fold,
  number,
  operatorName,
  percent,
  refill,
  say,
  serviceName,
  signed,
  tableHead,
  tell,
} from "./dom.js";
import { basisText, intervalText, isCalibrated } from "./known.js";
import { livePart } from "./live.js";
import { flyTo, map, setPoints, setShapes } from "./map.js";
import { onceSeen } from "./mast_signs.js";
import { emit, hasInputs, on, state, variantPath } from "./plan.js";
import { showPathTo } from "./path.js";
import { openTab } from "./tabs.js";
import { keepView } from "./view.js";
import { showWhy } from "./why.js";

const RANK = { beyond_radius: -1, unknown: -1, no_signal: 0, patchy: 1, covered: 2 };
const CHANGES = ["lost", "gained", "worse", "better", "same"]; // as they are looked at
const FIRST = 200; // rows that are drawn before somebody asks for all
export const villages = { late: false, rows: [], totals: null, chosen: null, settled: "" };
const view = { sort: "change", down: false, text: "", kind: "all", all: false };
let asked = 0;

export const villageOf = (id) => villages.rows.find((v) => v.village_id === id);

export async function loadVillages() {
  const turn = ++asked;
  if (state.plan.state === "opening") {
    $("villages-state").textContent = say("villages.later");
    return;
  }
  try {
    const answer = await get(`${variantPath()}/villages`);
    if (turn !== asked) return;
    Object.assign(villages, {
      late: false,
      rows: answer.villages,
      totals: answer.totals,
      settled: answer.settled,
    });
    drawAll();
    emit("villages");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn !== asked) return;
    villages.late = true;
    $("villages-state").textContent = error.message;
  }
}

export function startVillages() {
  on("chosen", loadVillages);
  on("settled", ({ variant_id, settled }) => {
    // beside those of the variant in hand stand those of the network as it was read
    if (settled !== "levels" && (variant_id === state.variantId || villages.late)) loadVillages();
  });
  on("touched", () => onceSeen(drawState));
  $("village-filter").addEventListener("input", ({ target }) => {
    view.text = fold(target.value);
    drawRows();
  });
  $("village-kind").addEventListener("change", ({ target }) => {
    view.kind = target.value;
    drawRows();
  });
  for (const option of document.querySelectorAll("#village-kind [data-basis]"))
    option.hidden = option.disabled = !isCalibrated();
  $("village-csv").addEventListener("click", csv);
}

async function csv() {
  try {
    const answer = await ask("GET", `${variantPath()}/villages.csv`);
    download(`${state.plan.plan_id}-${state.variantId}-villages.csv`, await answer.blob());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    tell(error.message, { bad: true });
  }
}

function drawAll() {
  drawState();
  drawTotals();
  drawRows();
  drawPoints();
  drawChosen();
}

function drawState() {
  const now = state.variants.find((v) => v.variant_id === state.variantId);
  const late =
    now && !["chances", "villages"].includes(now.settled) && state.plan.state === "ready";
  $("villages-state").textContent = late
    ? say("villages.late")
    : now?.settled === "villages"
      ? say("villages.streams_late")
      : "";
  $("totals").classList.toggle("late", Boolean(late));
}

function drawPoints() {
  setPoints("villages", villages.rows, (v) => ({
    village_id: v.village_id,
    name: v.name,
    class: v.class ?? "unknown",
    change: v.change ?? "same",
    rank: (RANK[v.class] ?? -1) * 1e9 - (v.people ?? 0),
  }));
}

// -- totals --------------------------------------------------------------------

const delta = (now, before) => {
  const change = (now ?? 0) - (before ?? 0);
  return el(
    "td",
    { class: `n ${change > 0 ? "more" : change < 0 ? "less" : ""}` },
    Math.round(change) ? signed(change) : "=",
  );
};

function drawTotals() {
  const { totals } = villages;
  if (!totals) return;
  const rows = Object.entries(totals.services).map(([name, t]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, serviceName(name)),
      el("td", { class: "n" }, number(t.people)),
      delta(t.people, t.people_before),
      el("td", { class: "n" }, number(t.villages)),
      delta(t.villages, t.villages_before),
    ),
  );
  const head = [
    "totals.service",
    "totals.people",
    "totals.change",
    "totals.villages",
    "totals.change",
  ];
  const operators = Object.entries(totals.operators ?? {});
  const by =
    operators.length > 1 &&
    el(
      "details",
      {},
      el("summary", {}, say("totals.operators")),
      el(
        "table",
        { class: "list" },
        tableHead(
          el("th", { scope: "col" }, say("operator")),
          el("th", { scope: "col" }, say("totals.service")),
          el("th", { scope: "col", class: "n" }, say("totals.people")),
          el("th", { scope: "col", class: "n" }, say("totals.change")),
        ),
        el(
          "tbody",
          {},
          operators.flatMap(([operator, services]) =>
            Object.entries(services).map(([name, t], k) =>
              el(
                "tr",
                {},
                el(
                  "th",
                  { scope: "row" },
                  k ? "" : operatorName(operator),
                  k ? el("span", { class: "hidden" }, operatorName(operator)) : "",
                ),
                el("td", {}, serviceName(name)),
                el("td", { class: "n" }, number(t.people)),
                delta(t.people, t.people_before),
              ),
            ),
          ),
        ),
      ),
    );
  $("totals").replaceChildren(
    ...[
      el(
        "table",
        { class: "list" },
        tableHead(
          head.map((key, k) => el("th", { scope: "col", class: k ? "n" : null }, say(key))),
        ),
        el("tbody", {}, rows),
      ),
      classBar(totals),
      by,
    ].filter(Boolean),
  );
}

/** Villages by class, now and before, as words and numbers. */
function classBar(totals) {
  const [now, before] = [totals.villages_by_class ?? {}, totals.villages_by_class_before ?? {}];
  const names = Object.keys(RANK)
    .toReversed()
    .filter((name) => now[name] || before[name]);
  return el(
    "ul",
    { class: "classes" },
    names.map((name) => {
      const change = (now[name] ?? 0) - (before[name] ?? 0);
      return el(
        "li",
        {},
        mark(name),
        ` ${number(now[name] ?? 0)} ${say(`class.${name}`)}`,
        change ? el("b", {}, ` (${signed(change)})`) : "",
      );
    }),
  );
}

/** The sign of a class, with a shape of its own. */
export const mark = (name) =>
  el("span", { class: `mark ${name ?? "unknown"}`, "aria-hidden": "true" });

// -- the table -----------------------------------------------------------------

const classService = () => state.plan.class_service;
const streams = (v) =>
  Math.max(...Object.values(v.streams_at_once ?? {}).filter((n) => n !== null), -1);
const COLUMNS = {
  name: (v) => fold(v.name),
  change: (v) => CHANGES.indexOf(v.change ?? "same") * 1e7 - Math.abs(gain(v)),
  people: (v) => -(v.people ?? -1),
  share: (v) => v.served_share?.[classService()] ?? -1,
  streams: (v) => streams(v),
};
const gain = (v) =>
  ((v.served_share?.[classService()] ?? 0) - (v.served_share_before?.[classService()] ?? 0)) *
  (v.people ?? 1);

function shown() {
  const key = COLUMNS[view.sort];
  const found = villages.rows.filter(
    (v) =>
      fold(`${v.name} ${v.commune ?? ""} ${v.village_id}`).includes(view.text) &&
      (view.kind === "all" ||
        (view.kind === "changed"
          ? (v.change ?? "same") !== "same"
          : v.class === view.kind || v.basis === view.kind)),
  );
  const sign = view.down ? -1 : 1;
  return found.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return sign * (typeof x === "string" ? x.localeCompare(y) : x - y) || b.people - a.people;
  });
}

function drawRows() {
  const all = shown();
  const rows = view.all ? all : all.slice(0, FIRST);
  for (const th of document.querySelectorAll("#village-table th[data-sort]")) {
    const sorted = th.dataset.sort === view.sort;
    th.setAttribute("aria-sort", sorted ? (view.down ? "descending" : "ascending") : "none");
    th.querySelector("button").onclick = () => {
      view.down = sorted ? !view.down : false;
      view.sort = th.dataset.sort;
      drawRows();
    };
  }
  $("village-count").textContent = say("villages.count", { n: all.length });
  $("village-rows").replaceChildren(...rows.map(row));
  const more = $("village-more");
  more.hidden = rows.length === all.length;
  more.textContent = say("villages.all", { n: all.length });
  more.onclick = () => {
    view.all = true;
    drawRows();
  };
}

function row(v) {
  const service = classService();
  const [share, before] = [v.served_share?.[service], v.served_share_before?.[service]];
  const moved = Math.round(100 * (share ?? 0)) !== Math.round(100 * (before ?? 0));
  const change = v.change ?? "same";
  return el(
    "tr",
    { class: v.village_id === villages.chosen ? "now" : null, "data-village": v.village_id },
    el(
      "th",
      { scope: "row" },
      button(v.name, () => chooseVillage(v.village_id, { fly: true }), { class: "link" }),
      el("small", {}, v.commune ?? ""),
    ),
    el(
      "td",
      {},
      mark(v.class),
      ` ${v.class ? say(`class.${v.class}`) : "–"}`,
      change === "same"
        ? ""
        : el("small", { class: `change ${change}` }, say(`change_of.${change}`)),
      v.basis ? el("small", { class: "basis" }, basisText(v.basis)) : "",
    ),
    el("td", { class: "n" }, number(v.people)),
    el(
      "td",
      { class: "n" },
      percent(share),
      moved
        ? el(
            "small",
            { class: share > before ? "more" : "less" },
            ` ${say("readout.was", { value: percent(before) })}`,
          )
        : "",
    ),
    el("td", { class: "n" }, streams(v) < 0 ? "–" : number(streams(v))),
  );
}

// -- one village ---------------------------------------------------------------

/** Select a village everywhere: its facts, the line to its server, its row. */
export function chooseVillage(id, { fly = false } = {}) {
  const before = villages.chosen;
  const byPanel = document.activeElement?.closest("#village-table, #village");
  villages.chosen = id;
  keepView({ b: id });
  const village = villageOf(id);
  if (fly && village) flyTo(village);
  openTab("villages");
  drawChosen();
  if (id) $("panel-villages").scrollTop = 0; // where its facts are
  if (byPanel) focusOn(id, before);
  for (const tr of document.querySelectorAll("#village-rows tr"))
    tr.classList.toggle("now", tr.dataset.village === id);
}

/** Keep the keyboard's place: at the head of what was opened, or in the row of what was closed. */
function focusOn(id, before) {
  const head = $("village").querySelector("h2");
  const row = document.querySelector(`[data-village="${CSS.escape(before ?? "")}"] button`);
  if (id && head) head.tabIndex = -1;
  (id ? head : (row ?? $("village-filter")))?.focus();
}

function drawChosen() {
  const v = villageOf(villages.chosen);
  $("village").hidden = !v;
  drawLink(v);
  if (!v) return;
  const services = state.plan.services.map(({ name }) => {
    const [now, before] = [v.served_share?.[name], v.served_share_before?.[name]];
    const streams = v.streams_at_once?.[name];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, serviceName(name)),
      el("td", { class: "n" }, percent(now)),
      el(
        "td",
        { class: "n was" },
        now === before ? "" : say("readout.was", { value: percent(before) }),
      ),
      el("td", { class: "n" }, streams === undefined || streams === null ? "–" : number(streams)),
    );
  });
  const change = v.change ?? "same";
  refill(
    $("village"),
    el(
      "div",
      { class: "titled" },
      el("h2", {}, mark(v.class), ` ${v.name}`),
      button(say("action.close"), () => chooseVillage(null), { class: "link" }),
    ),
    el(
      "p",
      { class: "hint" },
      [v.commune, say("people.count", { n: v.people ?? null }), v.class && say(`class.${v.class}`)]
        .filter(Boolean)
        .join(" · "),
      change === "same"
        ? ""
        : el(
            "b",
            { class: `change ${change}` },
            ` · ${say(`change_of.${change}`)} (${say("readout.was", { value: say(`class.${v.class_before}`) })})`,
          ),
    ),
    el(
      "table",
      { class: "list" },
      tableHead(
        ["totals.service", "villages.share", "villages.before", "villages.streams"].map((key, k) =>
          el("th", { scope: "col", class: k ? "n" : null }, say(key)),
        ),
      ),
      el("tbody", {}, services),
    ),
    v.basis &&
      el(
        "p",
        { class: "hint" },
        say("villages.basis", { basis: basisText(v.basis), interval: intervalText(v.interval_db) }),
      ),
    livePart(v),
    el(
      "p",
      { class: "hint" },
      v.best_server
        ? say("villages.server", { cell: serverText(v.best_server) })
        : say("villages.no_server"),
    ),
    el(
      "div",
      { class: "buttons" },
      hasInputs() &&
        button(say("villages.path"), () => showPathTo({ village_id: v.village_id }, v)),
      button(say("villages.why"), () => showWhy(v)),
      button(say("villages.fly"), () => flyTo(v)),
    ),
  );
}

const serverText = (server) =>
  typeof server === "string" ? server : Object.values(server).filter(Boolean).join(", ");

function drawLink(v) {
  const ids = v
    ? typeof v.best_server === "string"
      ? [v.best_server]
      : Object.values(v.best_server ?? {})
    : [];
  const masts = ids
    .map((id) => state.network.cells.find((c) => c.cell_id === id)?.mast_id)
    .map((id) => state.network.masts.find((m) => m.mast_id === id))
    .filter(Boolean);
  if (!map) return;
  setShapes(
    "links",
    masts.map((mast) => ({
      type: "LineString",
      coordinates: [
        [v.lon_deg, v.lat_deg],
        [mast.lon_deg, mast.lat_deg],
      ],
    })),
  );
}
