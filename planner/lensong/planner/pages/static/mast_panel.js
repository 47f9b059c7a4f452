// The panel of masts: a list, one mast with its cells, or several together.
import { carrierShort, choices } from "./choices.js";
import { $, button, el, fold, number, operatorName, refill, say, tableHead } from "./dom.js";
import { calibrationText } from "./known.js";
import { cover, flyTo } from "./map.js";
import { onceSeen } from "./mast_signs.js";
import { copySelected, freeId, removeSelected, settings } from "./masts.js";
import { severalPanel } from "./several.js";
import { patternFigure } from "./pattern.js";
import { cellsOf, edit, hasInputs, mastOf, mayEdit, on, select, state } from "./plan.js";
import { showLayer } from "./layers.js";
import { showPathFrom } from "./path.js";
import { openTab } from "./tabs.js";
import { keepView, mastsPart } from "./view.js";

let cellId = null; // the cell whose settings are open
let sought = "";

export function startMastPanel() {
  on("selection", () => {
    keepView(mastsPart([...state.selected]));
    if (state.selected.size) openTab("masts");
    draw();
  });
  for (const name of ["network", "antennas-known", "shown"]) on(name, () => onceSeen(draw));
  draw();
}

function draw() {
  const box = $("mast-panel");
  const ids = [...state.selected].filter((id) => mastOf(id));
  if (ids.length === 0) refill(box, ...list());
  else if (ids.length === 1) refill(box, ...one(mastOf(ids[0])));
  else refill(box, ...severalPanel(ids, draw));
}

// -- the list ------------------------------------------------------------------

function list() {
  const rows = el("tbody");
  const fill = () => {
    const masts = state.network.masts.filter((m) =>
      fold(`${m.mast_id} ${m.name}`).includes(fold(sought)),
    );
    rows.replaceChildren(
      ...masts.slice(0, 400).map((mast) =>
        el(
          "tr",
          {},
          el(
            "th",
            { scope: "row" },
            button(
              mast.name || mast.mast_id,
              () => {
                select([mast.mast_id]);
                flyTo(mast);
              },
              { class: "link" },
            ),
            el("small", {}, mast.name ? mast.mast_id : "", stateWord(mast)),
          ),
          el("td", { class: "n" }, number(cellsOf(mast.mast_id).length)),
          el("td", { class: "n" }, `${number(mast.height_agl_m, 1, true)} m`),
        ),
      ),
    );
  };
  fill();
  const removed = state.network.removed_masts ?? [];
  return [
    el("h2", {}, say("masts.title", { n: state.network.masts.length })),
    el("p", { class: "hint" }, say(mayEdit() ? "masts.how" : "state.may_not_edit")),
    el(
      "label",
      {},
      say("masts.filter"),
      el("input", {
        type: "search",
        value: sought,
        "data-field": "filter",
        oninput: ({ target }) => {
          sought = target.value;
          fill();
        },
      }),
    ),
    el(
      "table",
      { class: "list" },
      tableHead(
        el("th", { scope: "col" }, say("masts.mast")),
        el("th", { scope: "col", class: "n" }, say("masts.cells")),
        el("th", { scope: "col", class: "n" }, say("masts.height")),
      ),
      rows,
    ),
    removed.length
      ? el(
          "p",
          { class: "hint" },
          say("masts.removed", { names: removed.map((m) => m.name || m.mast_id || m).join(", ") }),
        )
      : null,
  ].filter(Boolean);
}

const stateWord = ({ state: word }) =>
  word && word !== "as_read" ? el("em", { class: "changed" }, ` ${say(`masts.${word}`)}`) : "";

// -- fields --------------------------------------------------------------------

/** Return a field that sends an edit when it was changed. */
function field(key, label, value, send, { type = "number", unit = "", ...rest } = {}) {
  const input = el("input", {
    type,
    value: value ?? "",
    "data-field": key,
    disabled: !mayEdit(),
    "aria-label": label + (unit ? `, ${unit}` : ""),
    ...rest,
    onchange: () => {
      const given = type === "number" ? input.valueAsNumber : input.value.trim();
      if (type === "number" && !Number.isFinite(given)) {
        input.value = value ?? "";
        return;
      }
      send(given);
    },
  });
  return input;
}

const labelled = (label, input, unit = "") =>
  el("label", {}, el("span", {}, label, unit && el("small", {}, ` ${unit}`)), input);

function choice(key, label, value, options, send) {
  const known = options.some(([id]) => id === value) ? options : [[value, value], ...options];
  const made = el(
    "select",
    {
      "data-field": key,
      "aria-label": label,
      disabled: !mayEdit(),
      onchange: () => (made.value === "…" ? send(null) : send(made.value)),
    },
    known.map(([id, name]) => el("option", { value: id }, name)),
  );
  made.value = value;
  return made;
}

// -- one mast ------------------------------------------------------------------

function one(mast) {
  const cells = cellsOf(mast.mast_id);
  if (!cells.some((cell) => cell.cell_id === cellId)) cellId = cells[0]?.cell_id ?? null;
  const cell = cells.find((c) => c.cell_id === cellId);
  const set = (changes) => edit([{ kind: "set_mast", mast_id: mast.mast_id, ...changes }]);
  const move = (changes) =>
    edit([
      {
        kind: "move_mast",
        mast_id: mast.mast_id,
        lat_deg: mast.lat_deg,
        lon_deg: mast.lon_deg,
        ...changes,
      },
    ]);
  return [
    el(
      "div",
      { class: "titled" },
      el("h2", {}, mast.name || mast.mast_id, stateWord(mast)),
      button(say("masts.all"), () => select([]), { class: "link" }),
    ),
    el(
      "p",
      { class: "hint" },
      [
        mast.name && mast.mast_id,
        mast.operator && operatorName(mast.operator),
        mast.ground_m !== undefined && say("masts.ground", { n: mast.ground_m }),
        mast.uncertain && say("masts.uncertain"),
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    el(
      "div",
      { class: "fields" },
      labelled(
        say("masts.name"),
        field("name", say("masts.name"), mast.name, (name) => set({ name }), { type: "text" }),
      ),
      labelled(
        say("masts.height"),
        field(
          "height",
          say("masts.height"),
          mast.height_agl_m,
          (height_agl_m) => set({ height_agl_m }),
          { min: 1, max: 3000, step: 1, unit: "m" },
        ),
        "m",
      ),
      labelled(
        say("masts.lat"),
        field("lat", say("masts.lat"), mast.lat_deg, (lat_deg) => move({ lat_deg }), {
          step: 0.0001,
          unit: "°",
        }),
        "°",
      ),
      labelled(
        say("masts.lon"),
        field("lon", say("masts.lon"), mast.lon_deg, (lon_deg) => move({ lon_deg }), {
          step: 0.0001,
          unit: "°",
        }),
        "°",
      ),
    ),
    el(
      "div",
      { class: "buttons" },
      button(say("masts.copy"), copySelected, { disabled: !mayEdit() }),
      button(say("masts.remove"), removeSelected, { disabled: !mayEdit() }),
      button(say("masts.add_cell"), () => addCell(mast, cell), {
        disabled: !mayEdit() || !cell,
      }),
    ),
    cellTable(cells),
    cell && cellForm(cell),
  ].filter(Boolean);
}

const COLUMNS = [
  ["azimuth_deg", { min: 0, max: 360, step: 5 }],
  ["mechanical_downtilt_deg", { min: -30, max: 90, step: 0.5 }],
  ["electrical_downtilt_deg", { min: -30, max: 90, step: 0.5 }],
  ["total_power_dbm", { min: -30, max: 80, step: 0.5 }],
];

const setCell = (cell, changes) => edit([{ kind: "set_cell", cell_id: cell.cell_id, ...changes }]);

function cellTable(cells) {
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "list cells" },
      tableHead(
        el("th", { scope: "col" }, say("cell.cell")),
        COLUMNS.map(([key]) => el("th", { scope: "col", class: "n" }, say(`cell.short.${key}`))),
      ),
      el(
        "tbody",
        {},
        cells.map((cell) =>
          el(
            "tr",
            { class: cell.cell_id === cellId ? "now" : null },
            el(
              "th",
              { scope: "row" },
              button(
                cell.cell_id,
                () => {
                  cellId = cell.cell_id;
                  draw();
                },
                { class: "link", "aria-pressed": String(cell.cell_id === cellId) },
              ),
              el("small", {}, carrierShort(cell.carrier), stateWord(cell)),
            ),
            COLUMNS.map(([key, rest]) =>
              el(
                "td",
                { class: "n" },
                field(
                  `${cell.cell_id} ${key}`,
                  `${cell.cell_id}, ${say(`cell.${key}`)}`,
                  cell[key],
                  (value) => setCell(cell, { [key]: value }),
                  rest,
                ),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

function cellForm(cell) {
  const { plan } = state;
  const number_ = (key, rest, unit) =>
    labelled(
      say(`cell.${key}`),
      field(key, say(`cell.${key}`), cell[key], (value) => setCell(cell, { [key]: value }), {
        ...rest,
        unit,
      }),
      unit,
    );
  const { carriers, antennas, operators } = choices(cell);
  const antenna = plan.antennas.find((a) => a.antenna_id === cell.antenna);
  return el(
    "section",
    { class: "cell", "aria-label": cell.cell_id },
    el("h3", {}, cell.cell_id),
    el(
      "div",
      { class: "fields" },
      labelled(
        say("cell.carrier"),
        choice("carrier", say("cell.carrier"), cell.carrier, carriers, (carrier) =>
          setCell(cell, { carrier }),
        ),
      ),
      labelled(
        say("cell.operator"),
        choice("operator", say("cell.operator"), cell.operator, operators, (operator) =>
          setCell(cell, { operator }),
        ),
      ),
      labelled(
        say("cell.antenna"),
        choice("antenna", say("cell.antenna"), cell.antenna, antennas, (value) =>
          setCell(cell, { antenna: value }),
        ),
      ),
      number_("height_agl_m", { min: 1, max: 3000, step: 1 }, "m"),
      number_("downlink_load", { min: 0, max: 1, step: 0.05 }, "0 … 1"),
      number_("uplink_noise_rise_db", { min: 0, max: 40, step: 0.5 }, "dB"),
      number_("feeder_loss_db", { min: 0, max: 30, step: 0.1 }, "dB"),
    ),
    cell.calibration && el("p", { class: "hint" }, calibrationText(cell)),
    mayEdit() && writtenField(cell, "carrier"),
    mayEdit() && writtenField(cell, "antenna"),
    el("div", { class: "patterns" }, patternFigure(antenna, cell) ?? say("pattern.none")),
    el(
      "div",
      { class: "buttons" },
      button(say("cell.footprint"), () => footprint(cell), {
        "aria-pressed": String(Boolean(cover?.only?.has(cell.cell_id))),
      }),
      hasInputs() && button(say("cell.path"), () => showPathFrom({ cell_id: cell.cell_id })),
      button(say("cell.remove"), () => edit([{ kind: "remove_cell", cell_id: cell.cell_id }]), {
        disabled: !mayEdit(),
      }),
    ),
  );
}

let written = { of: "", text: "" }; // what was typed stays after a refusal

/** Return a field for a carrier or an antenna that is in no list, written as a scenario does. */
function writtenField(cell, key) {
  const of = `${cell.cell_id} ${key}`;
  const id = `write-${key}`;
  const typed = written.of === of && written.text !== cell[key] ? written.text : "";
  const input = el("input", {
    id,
    type: "text",
    maxlength: 120,
    required: true,
    value: typed || cell[key],
    "data-field": of,
  });
  const send = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    written = { of, text };
    if (text !== cell[key]) setCell(cell, { [key]: text });
  };
  return el(
    "details",
    { class: "write", open: Boolean(typed) },
    el("summary", {}, say(`cell.write_${key}`)),
    el(
      "form",
      { onsubmit: send },
      el("label", { for: id }, say(`cell.write.${key}`)),
      input,
      el("button", { type: "submit" }, say("cell.write_take")),
    ),
  );
}

let before = null; // the layer that was shown before a footprint was

/** Show where one cell serves the phones of its operator; again shows the layer of before. */
function footprint(cell) {
  const own = (l) => l.quantity === "server" && l.technology === cell.technology;
  const layers = state.plan.layers.filter(own);
  const layer = layers.find((l) => l.operator === cell.operator) ?? layers.find((l) => !l.operator);
  if (!layer) return;
  const isOn = cover.only?.has(cell.cell_id);
  if (isOn) showLayer(before ?? layer.layer_id);
  else {
    if (!cover.only) before = cover.layerId;
    showLayer(layer.layer_id, { only: cell.cell_id });
  }
}

function addCell(mast, like) {
  const taken = new Set(state.network.cells.map((c) => c.cell_id));
  const id = freeId(`${mast.mast_id}-`, taken);
  cellId = id;
  const azimuth_deg = (like.azimuth_deg + 120) % 360;
  edit([
    {
      kind: "add_cell",
      mast_id: mast.mast_id,
      cell: { ...settings(like), cell_id: id, azimuth_deg },
    },
  ]);
}
