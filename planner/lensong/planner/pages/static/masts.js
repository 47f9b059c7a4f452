// Masts in hand: choose one or several, drag them, move them by keys, add, copy, remove.
import { Refusal, values } from "./api.js";
import { $, onFrame, say, tell } from "./dom.js";
import { distance_m, moved, placeOf } from "./geodesy.js";
import { cover, found, map, whileHeld } from "./map.js";
import * as mastSigns from "./mast_signs.js";
import {
  cellsOf,
  edit,
  editInParts,
  mastOf,
  mayEdit,
  on,
  select,
  state,
  variant,
  variantPath,
} from "./plan.js";
import { tool } from "./tools.js";

let drag = null; // {from, moved: Map of mast → place}
let asking = false;
let next = null;
let askedFor = ""; // the edits of the last question, as text
let answers = 0;
const LATE_MS = 900; // after a drop: the exact layers are nearly there

export function startMasts() {
  mastSigns.startMastSigns();
  map.on("mousedown", pressed);
  map.on("touchstart", pressed);
  map.on("mousemove", ({ point }) => {
    if (drag || tool.name !== "select") return;
    map.getCanvas().style.cursor = found(point) ? "pointer" : "";
  });
  $("map").addEventListener("keydown", keyed, true);
  on("chosen", () => (drag = null));
}

function pressed(event) {
  const original = event.originalEvent;
  if (tool.name !== "select" || original.button > 0 || original.touches?.length > 1) return;
  const hit = found(event.point, ["masts"]);
  if (!hit) {
    if (original.shiftKey) box(event);
    return;
  }
  event.preventDefault(); // the map stays
  const id = hit.mast_id;
  if (original.shiftKey || original.ctrlKey || original.metaKey) {
    select([id], { add: true });
    return;
  }
  if (!state.selected.has(id)) select([id]);
  if (!mayEdit()) return;
  drag = { from: event.lngLat, start: event.point, moved: new Map(), far: false };
  const draw = onFrame(() => drag && mastSigns.hold(drag.moved));
  const follow = ({ point, lngLat }) => {
    if (!drag) return;
    if (!drag.far && Math.hypot(point.x - drag.start.x, point.y - drag.start.y) < 4) return;
    drag.far = true;
    document.body.classList.add("dragging");
    map.getCanvas().style.cursor = "grabbing";
    for (const mastId of state.selected) {
      const mast = mastOf(mastId);
      if (!mast) continue;
      drag.moved.set(
        mastId,
        placeOf({
          lng: mast.lon_deg + lngLat.lng - drag.from.lng,
          lat: mast.lat_deg + lngLat.lat - drag.from.lat,
        }),
      );
    }
    draw();
    askCoarse(moves(drag.moved));
  };
  whileHeld(event, follow, (last) => {
    if (drag?.far) follow(last);
    drop();
  });
}

const moves = (places) =>
  [...places].map(([mast_id, place]) => ({ kind: "move_mast", mast_id, ...place }));

function drop() {
  const dropped = drag;
  drag = null;
  next = null;
  askedFor = "";
  mastSigns.drop();
  document.body.classList.remove("dragging");
  map.getCanvas().style.cursor = "";
  if (!dropped?.far) return;
  edit(moves(dropped.moved)).then((done) => !done && cover.dragged(null));
}

/** Ask for the coarse layer of a drag; of those that wait the last one is asked. */
async function askCoarse(edits) {
  const text = JSON.stringify([edits, cover.layerId, state.network.revision]);
  if (text === askedFor) return; // the hand rests
  askedFor = text;
  next = edits;
  if (asking) return;
  asking = true;
  try {
    while (next) {
      const [now, layerId] = [next, cover.layerId];
      next = null;
      const answer = await values("POST", `${variantPath()}/drag`, {
        body: { edits: now, layer_id: layerId },
      });
      if (!answer || layerId !== cover.layerId) continue;
      const turn = ++answers;
      if (drag || !cover.layer.pieces.has("drag")) show(answer, layerId);
      else setTimeout(() => turn === answers && show(answer, layerId), LATE_MS);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status !== 404) tell(error.message, { bad: true });
  } finally {
    asking = false;
  }
}

/** Show the coarse layer of a drag, unless the exact one is there already. */
function show(answer, layerId) {
  if (layerId === cover.layerId && (drag || variant()?.settled === "none")) cover.dragged(answer);
}

/** Choose all masts in a box drawn with shift. */
function box(event) {
  event.preventDefault();
  const start = event.point;
  const frame = document.createElement("div");
  frame.className = "box";
  map.getContainer().append(frame);
  const rect = (point) => ({
    left: Math.min(start.x, point.x),
    top: Math.min(start.y, point.y),
    width: Math.abs(start.x - point.x),
    height: Math.abs(start.y - point.y),
  });
  const follow = ({ point }) => {
    for (const [name, value] of Object.entries(rect(point))) frame.style[name] = `${value}px`;
  };
  whileHeld(event, follow, ({ point }) => {
    frame.remove();
    const { left, top, width, height } = rect(point);
    const inside = state.network.masts.filter((mast) => {
      const { x, y } = map.project([mast.lon_deg, mast.lat_deg]);
      return x >= left && x <= left + width && y >= top && y <= top + height;
    });
    select(
      inside.map((mast) => mast.mast_id),
      { add: true },
    );
  });
}

const ARROWS = { ArrowUp: 0, ArrowRight: 90, ArrowDown: 180, ArrowLeft: 270 };
let nudged = new Map();
let nudging = 0;

/** Arrow keys move what is chosen: a cell of the grid, ten with shift. */
function keyed(event) {
  if (!state.selected.size || !mayEdit()) return;
  if (event.key === "Delete") {
    removeSelected();
    event.stopPropagation();
  }
  if (!(event.key in ARROWS) || event.altKey || event.ctrlKey) return;
  event.preventDefault();
  event.stopPropagation();
  const metres = state.plan.grid.cell_m * (event.shiftKey ? 10 : 1);
  for (const id of state.selected) {
    const mast = mastOf(id);
    const at = moved(nudged.get(id) ?? mast, metres, ARROWS[event.key]);
    nudged.set(id, placeOf({ lng: at.lon_deg, lat: at.lat_deg }));
  }
  mastSigns.hold(nudged);
  askCoarse(moves(nudged));
  clearTimeout(nudging);
  nudging = setTimeout(() => {
    const edits = moves(nudged);
    nudged = new Map();
    next = null;
    askedFor = "";
    mastSigns.drop();
    edit(edits).then((done) => !done && cover.dragged(null));
  }, 500);
}

/** Return an id that the network does not have. */
export function freeId(beginning, taken) {
  let n = 1;
  while (taken.has(`${beginning}${n}`)) n += 1;
  return `${beginning}${n}`;
}
const mastIds = () =>
  new Set(
    [...state.network.masts, ...(state.network.removed_masts ?? [])].map((m) => m.mast_id ?? m),
  );

/** Add a mast at a place, with cells like those of the nearest mast. */
export async function addMast(place) {
  const { masts } = state.network;
  const like = masts.length
    ? masts.reduce((a, b) => (distance_m(place, b) < distance_m(place, a) ? b : a))
    : null;
  const mast_id = freeId(say("mast.new_id"), mastIds());
  const cells = like ? cellsOf(like.mast_id) : [];
  const done = await edit([
    {
      kind: "add_mast",
      mast_id,
      name: "",
      ...place,
      height_agl_m: like?.height_agl_m ?? 40,
      cells: cells.map((cell, k) => ({
        ...settings(cell),
        cell_id: `${mast_id}-${k + 1}`,
      })),
    },
  ]);
  if (done) {
    select([mast_id]);
    if (like) tell(say("mast.added", { name: mast_id, like: like.name || like.mast_id }));
  }
}

const SETTINGS = [
  "operator", "carrier", "antenna", "azimuth_deg", "mechanical_downtilt_deg",
  "electrical_downtilt_deg", "total_power_dbm", "height_agl_m", "downlink_load",
  "uplink_noise_rise_db", "feeder_loss_db",
]; // prettier-ignore
export const settings = (cell) =>
  Object.fromEntries(SETTINGS.filter((k) => cell[k] !== undefined).map((k) => [k, cell[k]]));

/** Copy what is chosen, 300 m to the east. */
export async function copySelected() {
  const taken = mastIds();
  const copies = [...state.selected].map((id) => {
    const new_mast_id = freeId(`${id}-`, taken);
    taken.add(new_mast_id);
    const { name } = mastOf(id);
    const at = moved(mastOf(id), 300, 90);
    return {
      kind: "copy_mast",
      mast_id: id,
      new_mast_id,
      name: name && say("mast.copy_name", { name }),
      ...placeOf({ lng: at.lon_deg, lat: at.lat_deg }),
    };
  });
  if (copies.length && (await editInParts(copies, ""))) select(copies.map((c) => c.new_mast_id));
}

export async function removeSelected() {
  const edits = [...state.selected].map((mast_id) => ({ kind: "remove_mast", mast_id }));
  if (!edits.length) return;
  if (await editInParts(edits, "")) {
    select([]);
    tell(say("mast.removed", { n: edits.length }));
  }
}
