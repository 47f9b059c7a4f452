// Several masts together: one setting of all their cells, or of those on one carrier.
import { button, el, say } from "./dom.js";
import { carrierNames, choices } from "./choices.js";
import { copySelected, removeSelected } from "./masts.js";
import { editInParts, mastOf, mayEdit, select, state } from "./plan.js";

const NUMBERS = {
  height_agl_m: { step: 1 },
  azimuth_deg: { step: 5 },
  mechanical_downtilt_deg: { step: 0.5 },
  electrical_downtilt_deg: { step: 0.5 },
  total_power_dbm: { step: 0.5 },
  downlink_load: { step: 0.05 },
  uplink_noise_rise_db: { step: 0.5 },
  feeder_loss_db: { step: 0.1 },
};
const CHOICES = { carrier: "carriers", antenna: "antennas", operator: "operators" };
const given = { key: "total_power_dbm", amount: 1, choice: "", carrier: "" }; // stays after a change

/** Return a number without the dust of binary fractions; an azimuth stays within a turn. */
function plain(key, value) {
  const kept = Math.round(1000 * value) / 1000;
  return key === "azimuth_deg" ? ((kept % 360) + 360) % 360 : kept;
}

/** Return the edits that set one setting of cells, or add to it. */
function edits(ids, cells, by) {
  const { key, amount, choice, carrier } = given;
  if (key in CHOICES)
    return cells.map(({ cell_id }) => ({ kind: "set_cell", cell_id, [key]: choice }));
  const value = (old) => plain(key, by ? old + amount : amount);
  if (key === "height_agl_m" && !carrier)
    // of the mast, with all antennas on it
    return ids.map((mast_id) => ({
      kind: "set_mast",
      mast_id,
      height_agl_m: value(mastOf(mast_id).height_agl_m),
    }));
  return cells.map((cell) => ({
    kind: "set_cell",
    cell_id: cell.cell_id,
    [key]: value(cell[key]),
  }));
}

const labelled = (label, input) => el("label", {}, el("span", {}, label), input);

function choiceOf(name, options, redraw) {
  if (!options.some(([id]) => id === given[name])) given[name] = options[0][0];
  const made = el(
    "select",
    {
      onchange: () => {
        given[name] = made.value;
        redraw();
      },
      "data-field": `several ${name}`,
    },
    options.map(([id, text]) => el("option", { value: id }, text)),
  );
  made.value = given[name];
  return made;
}

/** Return the panel of the masts that are chosen; `redraw` draws it anew. */
export function severalPanel(ids, redraw) {
  const all = state.network.cells.filter((c) => state.selected.has(c.mast_id));
  const carriers = [...new Set(all.map((c) => c.carrier))].sort();
  const of = choiceOf("carrier", [["", say("masts.all_cells")], ...carrierNames(carriers)], redraw);
  const cells = all.filter((c) => !given.carrier || c.carrier === given.carrier);
  const which = choiceOf(
    "key",
    [...Object.keys(NUMBERS), ...Object.keys(CHOICES)].map((key) => [key, say(`cell.${key}`)]),
    redraw,
  );
  const chooses = given.key in CHOICES;
  const value = chooses
    ? choiceOf("choice", choices(cells[0])[CHOICES[given.key]], redraw)
    : el("input", {
        type: "number",
        step: NUMBERS[given.key].step,
        value: given.amount,
        "data-field": "several amount",
        onchange: ({ target }) => {
          if (Number.isFinite(target.valueAsNumber)) given.amount = target.valueAsNumber;
          else target.value = given.amount;
        },
      });
  const change = (by) => () =>
    editInParts(
      edits(ids, cells, by),
      say("masts.together_of", { what: say(`cell.${given.key}`) }),
    );
  const off = { disabled: !mayEdit() || !cells.length };
  return [
    el(
      "div",
      { class: "titled" },
      el("h2", {}, say("masts.several", { n: ids.length, cells: all.length })),
      button(say("masts.none"), () => select([]), { class: "link" }),
    ),
    el("p", { class: "hint" }, ids.map((id) => mastOf(id).name || id).join(", ")),
    el(
      "div",
      { class: "fields" },
      labelled(say("masts.together"), which),
      labelled(say("masts.value"), value),
      labelled(say("masts.of_cells", { n: cells.length }), of),
    ),
    el(
      "div",
      { class: "buttons" },
      button(say("masts.set_to"), change(false), off),
      !chooses && button(say("masts.add_to"), change(true), off),
      button(say("masts.copy"), copySelected, { disabled: !mayEdit() }),
      button(say("masts.remove"), removeSelected, { disabled: !mayEdit() }),
    ),
  ];
}
