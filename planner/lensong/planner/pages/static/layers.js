// Which layer is shown, what its colours mean, and what every layer has at the pointer.
import { Refusal, get } from "./api.js";
import { classOf } from "./colours.js";
import { $, el, number, operatorName, say, serviceName, signed, tableHead } from "./dom.js";
import { knownRows, startKnown } from "./known.js";
import { contours, cover, found, hatch, lattice, map, setPoints, showOverlay } from "./map.js";
import { measuredRows } from "./measured.js";
import { emit, layerOf, on, state, variantPath } from "./plan.js";
import { tool } from "./tools.js";
import { keepView, pinPart } from "./view.js";

const DIGITS = { "Mbit/s": 2, dBm: 1, dB: 1 };
const DRAWS = ["path", "measure", "area"]; // tools that draw under it
const LEAST = -400; // dB: the first class has no lower end
const KNOWN = ["field", "interval"];
let pinned = null; // a place whose values stay

/** Return a value of a layer in words. */
export function valueText(layer, value) {
  if (value === null || value === undefined) return say("map.none");
  if (layer.quantity === "server" || layer.quantity === "second") {
    if (typeof value === "string") return value;
    return state.network.cells[value]?.cell_id ?? say("map.none");
  }
  if (layer.quantity === "chance") return `${number(100 * value, value > 0.99 ? 1 : 0)} %`;
  const entry = layer.legend[0]?.value !== undefined ? classOf(layer, value) : null;
  if (entry) return className(entry, layer);
  if (layer.quantity === "overlap") return number(value);
  return `${number(value, DIGITS[layer.unit] ?? 1)} ${layer.unit}`;
}

function className(entry, layer) {
  if (entry.key) return say(entry.key);
  if (entry.text) return entry.text;
  const scale = layer.quantity === "chance" ? 100 : 1;
  const unit = layer.quantity === "chance" ? "%" : layer.unit;
  const value = (v) => number(scale * v, 2, true);
  if (entry.low <= LEAST) return `< ${value(entry.high)} ${unit}`;
  if (entry.high === undefined || entry.high === null) return `≥ ${value(entry.low)} ${unit}`;
  return `${value(entry.low)} … ${value(entry.high)} ${unit}`;
}

const quantityName = (quantity) => say(`quantity.${quantity}`);

/** Return what a layer is called. */
export const layerName = (layer) =>
  [
    quantityName(layer.quantity),
    layer.technology,
    layer.service && serviceName(layer.service),
    layer.operator !== null && layer.operator !== undefined && operatorName(layer.operator),
  ]
    .filter(Boolean)
    .join(" · ");

const PARTS = ["technology", "service", "operator"];

/** Show a layer, and offer what else there is of its quantity; of servers, `only` those of a cell. */
export function showLayer(layerId, { only = null } = {}) {
  const layer = layerOf(layerId) ?? state.plan.layers[0];
  if (!layer) return;
  $("quantity").value = layer.quantity;
  const same = state.plan.layers.filter((l) => l.quantity === layer.quantity);
  for (const part of PARTS) {
    const values = [...new Set(same.map((l) => l[part] ?? ""))];
    const box = $(`layer-${part}`);
    box.closest("label").hidden = values.length < 2;
    const name = (value) =>
      value === ""
        ? say(`any.${part}`)
        : part === "service"
          ? serviceName(value)
          : part === "operator"
            ? operatorName(value)
            : value;
    box.replaceChildren(...values.map((value) => el("option", { value }, name(value))));
    box.value = layer[part] ?? "";
  }
  cover.footprint(only && new Set([only]));
  cover.show(layer.layer_id);
  hatch.over(layer);
  fillLegend(layer);
  emit("shown");
  keepView({ l: layer.layer_id });
}

function chosenLayer() {
  const quantity = $("quantity").value;
  const same = state.plan.layers.filter((l) => l.quantity === quantity);
  const wanted = Object.fromEntries(PARTS.map((part) => [part, $(`layer-${part}`).value]));
  const fits = (l) => PARTS.reduce((n, part) => n + ((l[part] ?? "") === wanted[part] ? 1 : 0), 0);
  return same.reduce((a, b) => (fits(b) > fits(a) ? b : a));
}

export function legendEntries(layer) {
  if (layer.quantity === "server" || layer.quantity === "second")
    return [
      {
        text: cover.only
          ? say("legend.footprint", { cell: [...cover.only].join(", ") })
          : say("legend.cells"),
      },
    ];
  const entries = layer.legend.map((entry) => ({
    colour: entry.colour,
    text: className(entry, layer),
    note: (entry.services ?? []).map(serviceName).join(", "),
  }));
  if (layer.legend[0]?.low !== undefined) {
    entries.reverse();
    const scale = layer.quantity === "chance" ? 100 : 1;
    const unit = layer.quantity === "chance" ? "%" : layer.unit;
    if (!KNOWN.includes(layer.quantity))
      // of these the first class has all that is below
      entries.push({ text: say("legend.below", { n: scale * layer.legend[0].low, unit }) });
  }
  return entries;
}

function fillLegend(layer) {
  $("legend-title").textContent = layerName(layer);
  $("legend").replaceChildren(
    ...legendEntries(layer).map(({ colour, text, note }) =>
      el(
        "li",
        {},
        colour && el("i", { style: { background: colour }, "aria-hidden": "true" }),
        el("span", {}, text, note && el("small", {}, ` ${note}`)),
      ),
    ),
  );
}

let asked = 0;
let later = 0;

/** Show what is known at a place: the shown layer at once, all others as soon as they answer. */
function read(lngLat, { pin = false } = {}) {
  const layer = layerOf(cover.layerId);
  const { row, col } = lattice.rowCol(lngLat);
  const inside = row >= 0 && col >= 0 && row < lattice.grid.rows && col < lattice.grid.cols;
  $("readout").hidden = !inside;
  if (!inside) return;
  $("readout-place").textContent = `${number(lngLat.lat, 5)}°, ${number(lngLat.lng, 5)}°`;
  const value = layer && cover.valueAt(lngLat);
  $("readout-value").textContent =
    layer && value !== undefined
      ? `${quantityName(layer.quantity)}: ${valueText(layer, value)}`
      : "";
  const turn = ++asked;
  clearTimeout(later);
  later = setTimeout(() => readAll(lngLat, turn), pin ? 0 : 140);
}

async function readAll({ lng, lat }, turn) {
  try {
    const point = await get(`${variantPath()}/point?lat_deg=${lat}&lon_deg=${lng}`);
    if (turn === asked) fillReadout(point, { lat_deg: lat, lon_deg: lng });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn === asked) $("readout-all").replaceChildren();
  }
}

const READ = ["rsrp", "level", "sinr", "rsrq", "downlink", "uplink"]; // a column per technology

function fillReadout(point, place) {
  const { technologies, layers } = state.plan;
  const find = (quantity, part, value) =>
    layers.find((l) => l.quantity === quantity && l[part] === value && noOperator(l));
  const cell = (layer, span = 1) => {
    if (!layer) return el("td", { class: "n" }, "");
    const late = layer.settles_with === "chances" && point.settled !== "chances";
    const now = late ? undefined : point.values[layer.layer_id];
    const before = point.base?.[layer.layer_id];
    return el(
      "td",
      { class: `n ${layer.layer_id === cover.layerId ? "now" : ""}`, colspan: span },
      shortText(layer, now),
      difference(layer, now, before),
    );
  };
  const row = (name, ...cells) => el("tr", {}, el("th", { scope: "row" }, name), ...cells);
  const rows = READ.filter((q) => technologies.some((t) => find(q, "technology", t))).map((q) =>
    row(
      [say(`brief.${q}`), el("small", {}, layers.find((l) => l.quantity === q).unit)],
      ...technologies.map((t) => cell(find(q, "technology", t))),
    ),
  );
  const servers = technologies.map((t) => {
    const server = point.server?.[t];
    return el(
      "td",
      { class: "n" },
      server ? server.cell_id : "–",
      server && el("small", {}, `${number(server.distance_m / 1000, 1)} km`),
    );
  });
  const serving = row(say("brief.server"), ...servers);
  serving.className = "server";
  const chances = state.plan.services.flatMap(({ name }) => {
    const own = layers.filter(
      (l) => l.quantity === "chance" && l.service === name && noOperator(l),
    );
    const any = own.find((l) => !l.technology);
    // a result has no chance by any technology together, but one of each
    return (any ? [any] : own).map((layer) => {
      const made = row(
        [serviceName(name), layer.technology].filter(Boolean).join(" "),
        cell(layer),
      );
      made.firstChild.colSpan = technologies.length; // names are long, one number is not
      return made;
    });
  });
  const other = layerOf(cover.layerId);
  const special =
    other && !noOperator(other) && row(layerName(other), cell(other, technologies.length));
  $("readout-all").replaceChildren(
    el(
      "table",
      { class: "facts" },
      tableHead(
        el("td", {}),
        technologies.map((t) => el("th", { scope: "col", class: "n" }, t)),
      ),
      el(
        "tbody",
        {},
        ...[
          serving,
          ...rows,
          ...measuredRows(point, technologies.length),
          ...knownRows(point, technologies),
          ...chances,
          special,
        ].filter(Boolean),
      ),
    ),
  );
  $("readout-place").textContent =
    `${number(place.lat_deg, 5)}°, ${number(place.lon_deg, 5)}°, ${number(point.place?.ground_m, 0)} m`;
  if (pinned) $("readout-actions").hidden = false;
}

const noOperator = (layer) => layer.operator === null || layer.operator === undefined;

/** Return a value without its unit, which stands at the row's head; "…" while it is computed. */
const shortText = (layer, value) =>
  value === undefined
    ? "…"
    : layer.quantity === "chance" || value === null || value === undefined
      ? valueText(layer, value ?? null)
      : typeof value === "number" && DIGITS[layer.unit] !== undefined
        ? number(value, layer.unit === "Mbit/s" && value >= 10 ? 1 : DIGITS[layer.unit])
        : valueText(layer, value);

/** Return how a value differs from the plan as read, nothing where it does not. */
function difference(layer, now, before) {
  if (typeof now !== "number" || typeof before !== "number") return null;
  const percents = layer.quantity === "chance" ? 100 : 1;
  const change = percents * (now - before);
  if (Math.abs(change) < (percents === 100 ? 0.5 : 0.05)) return null;
  return el(
    "small",
    { class: change > 0 ? "more" : "less" },
    signed(change, percents === 100 ? 0 : 1),
  );
}

/** Keep the values of a place, with what can be asked of it. */
export function pin(lngLat) {
  pinned = lngLat;
  keepView(pinPart(lngLat));
  $("readout").classList.toggle("pinned", pinned !== null);
  $("readout-actions").hidden = true;
  const place = lngLat && { lat_deg: lngLat.lat, lon_deg: lngLat.lng };
  setPoints("rims", place ? [place] : [], () => ({}));
  if (lngLat) read(lngLat, { pin: true });
  else $("readout").hidden = true;
}
export const pinnedPlace = () => pinned && { lat_deg: pinned.lat, lon_deg: pinned.lng };

export function startLayers() {
  startKnown(hatch);
  if (innerWidth < 800) document.querySelector(".layers").open = false;
  const quantities = [...new Set(state.plan.layers.map((l) => l.quantity))].filter(
    (q) => q !== "wide", // it is hatched over all others
  );
  $("quantity").replaceChildren(
    ...quantities.map((q) => el("option", { value: q }, quantityName(q))),
  );
  for (const id of ["quantity", ...PARTS.map((part) => `layer-${part}`)])
    $(id).addEventListener("change", () => showLayer(chosenLayer().layer_id));
  $("opacity").addEventListener("input", ({ target }) => {
    cover.layer.opacity = Number(target.value) / 100;
    cover.layer.repaint();
  });
  cover.layer.opacity = Number($("opacity").value) / 100;
  for (const box of document.querySelectorAll("[data-overlay]"))
    box.addEventListener("change", () => {
      if (box.dataset.overlay === "contours") contours.show(box.checked);
      else if (box.dataset.overlay === "interval") hatch.hide(!box.checked);
      else showOverlay(box.dataset.overlay, box.checked);
    });
  let at = null;
  map.on("mousemove", ({ point, lngLat, originalEvent }) => {
    if (originalEvent.sourceCapabilities?.firesTouchEvents) return; // a finger does not hover
    at = lngLat;
    if (pinned || document.body.classList.contains("dragging")) return;
    if (found(point) || DRAWS.includes(tool.name))
      $("readout").hidden = true; // in the way of what is there
    else read(lngLat);
  });
  map.on("mouseout", () => !pinned && ($("readout").hidden = true));
  for (const name of ["covered", "settled"])
    on(name, () => !$("readout").hidden && (pinned ?? at) && read(pinned ?? at));
  on("clear", () => pinned && pin(null));
  on("tool", (name) => name !== "select" && pinned && pin(null)); // it would be in the way
  $("readout-close").addEventListener("click", () => pin(null));
}
