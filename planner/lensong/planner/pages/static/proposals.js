// What a siting study chose: stars and lines on the map, and a list from which a step is taken over.
import { Refusal, get } from "./api.js";
import { $, button, el, number, say, serviceName } from "./dom.js";
import { flyTo, map } from "./map.js";
import { edit, mayEdit, on, refused, state, variantPath } from "./plan.js";
import { openTab } from "./tabs.js";

const COLOURS = { open: "#ffd447", built: "#00734f", changed: "#7b2fb0" };
const LINES = { microwave: "#b3005e", fibre: "#0b5cad", grid: "#a85400" };
const EMPTY = { type: "FeatureCollection", features: [] };
let told = null;
let turn = 0;
let chosen = null; // a mast whose steps are marked

/** Show what was chosen, if the plan names it, and follow the variant in hand. */
export function startProposals() {
  if (!state.plan.proposals) return;
  $("tab-proposals").hidden = false;
  document.querySelector('[data-overlay="proposals"]').closest("label").hidden = !map;
  if (map) addLayers();
  for (const name of ["network", "chosen"]) on(name, refresh);
  refresh();
}

function addLayers() {
  for (const name of ["proposals", "proposal-lines"])
    map.addSource(name, { type: "geojson", data: EMPTY });
  map.addLayer(
    {
      id: "proposal-lines",
      type: "line",
      source: "proposal-lines",
      paint: { "line-color": ["get", "colour"], "line-width": 2.4, "line-dasharray": [3, 1.5] },
    },
    "wedges",
  );
  for (const [name, colour] of Object.entries(COLOURS))
    map.addImage(`proposal-${name}`, star(colour), { pixelRatio: 2 });
  map.addLayer({
    id: "proposals",
    type: "symbol",
    source: "proposals",
    layout: {
      "icon-image": ["concat", "proposal-", ["get", "state"]],
      "icon-allow-overlap": true,
      "icon-offset": [0, -26],
    },
  });
  map.on("click", "proposals", ({ features }) => {
    chosen = features[0].properties.mast_id;
    draw();
    openTab("proposals");
    document.querySelector("#proposals li.open-step")?.scrollIntoView({ block: "nearest" });
  });
}

function star(colour, size = 48) {
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = size;
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  for (let k = 0; k < 10; k += 1) {
    const radius = size * (k % 2 ? 0.19 : 0.44);
    const angle = (k * Math.PI) / 5;
    pen.lineTo(size / 2 + radius * Math.sin(angle), size / 2 - radius * Math.cos(angle));
  }
  pen.closePath();
  pen.lineJoin = "round";
  pen.strokeStyle = "#fff";
  pen.lineWidth = 7;
  pen.stroke();
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = "#17212b";
  pen.lineWidth = 3;
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

async function refresh() {
  const now = ++turn;
  try {
    const answer = await get(`${variantPath()}/proposals`);
    if (now !== turn) return; // the network changed meanwhile
    told = answer;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return; // the state line tells of a server that does not answer
  }
  draw();
}

const stateOf = (rows) =>
  rows.every((row) => row.state === rows[0].state) ? rows[0].state : "changed";

function draw() {
  if (!told) return;
  const { steps } = told;
  if (map) {
    const masts = new Map();
    for (const row of steps) masts.set(row.mast_id, [...(masts.get(row.mast_id) ?? []), row]);
    map.getSource("proposals").setData({
      type: "FeatureCollection",
      features: [...masts].map(([mast_id, rows]) => ({
        type: "Feature",
        properties: { mast_id, state: stateOf(rows) },
        geometry: { type: "Point", coordinates: [rows[0].lon_deg, rows[0].lat_deg] },
      })),
    });
    map.getSource("proposal-lines").setData({
      type: "FeatureCollection",
      features: told.links.map((link) => ({
        type: "Feature",
        properties: { colour: LINES[link.link] ?? "#17212b" },
        geometry: {
          type: "LineString",
          coordinates: [
            [link.from_lon_deg, link.from_lat_deg],
            [link.to_lon_deg, link.to_lat_deg],
          ],
        },
      })),
    });
  }
  const focused = document.activeElement?.dataset?.step;
  $("proposals").replaceChildren(
    el("h2", {}, say("tab.proposals")),
    el("p", { class: "hint" }, say("proposed.how")),
    el(
      "p",
      {},
      `${serviceName(told.service)}: `,
      say("proposed.told", {
        n: steps.at(-1)?.people_in_all ?? 0,
        planned: told.people_planned,
        before: told.people_before,
      }),
    ),
    button(say("proposed.all"), takeAll, {
      class: "main",
      disabled: !mayEdit() || steps.every((row) => row.state === "built"),
    }),
    el("ol", {}, steps.map(item)),
  );
  if (focused) document.querySelector(`#proposals [data-step="${focused}"]`)?.focus();
}

function item(row) {
  const money = told.money ? ` ${told.money}` : "";
  const change = row.change ? ` ${row.value_before} → ${row.value_after}` : "";
  const facts = [
    say("people.count", { n: row.people }),
    row.cost === null ? "" : `${say("proposals.cost")} ${number(row.cost, 1, true)}${money}`,
    row.cost_per_person === null
      ? ""
      : `${say("proposals.per_person")} ${number(row.cost_per_person, 2, true)}`,
  ];
  const fed = [
    row.backhaul ? `${say("proposals.backhaul")}: ${say(`link.${row.backhaul}`)}` : "",
    row.backhaul_way ?? "",
    row.power ? `${say("proposals.power")}: ${say(`link.${row.power}`)}` : "",
  ];
  const actions = [];
  if (row.state !== "built")
    actions.push(
      button(
        say(row.state === "open" ? "proposed.take" : "proposed.again"),
        () => act(row, "take"),
        {
          disabled: !mayEdit(),
          "data-step": `${row.step}`,
        },
      ),
    );
  if (row.state !== "open")
    actions.push(
      button(say("proposed.back"), () => act(row, "back"), {
        disabled: !mayEdit(),
        "data-step": `${row.step}`,
      }),
    );
  return el(
    "li",
    { class: row.mast_id === chosen ? "open-step" : "" },
    el(
      "p",
      {},
      el("b", {}, `${row.step}. ${row.mast_id}`),
      ` ${say(`proposal.${row.kind}`)}${change} · `,
      el("span", { class: "late-word" }, say(`proposal.${row.state}`)),
    ),
    el("p", { class: "hint" }, facts.filter(Boolean).join(" · ")),
    fed.some(Boolean) ? el("p", { class: "hint" }, fed.filter(Boolean).join(" · ")) : "",
    el(
      "div",
      { class: "buttons" },
      actions,
      button(say("proposed.show"), () => flyTo(row)),
    ),
  );
}

/** Take a step over, or out again: its edits become a set of the variant's. */
async function act(row, way) {
  try {
    const answer = await get(`${variantPath()}/proposals/${row.step}`);
    if (!answer[way].length) return true;
    return await edit(
      answer[way],
      say("proposed.taken", { step: `${row.step}`, mast: row.mast_id }),
    );
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused(error);
    return false;
  }
}

async function takeAll() {
  for (const row of told.steps) if (row.state !== "built" && !(await act(row, "take"))) return;
}
