// Masts and their sectors on the map. Those that a hand moves lie over it as elements: it is not
// drawn again for each of their steps.
import { afterPaint, el } from "./dom.js";
import { LARGE, map, setPoints } from "./map.js";
import { cellsOf, mastOf, on, state, variant } from "./plan.js";
import * as signs from "./signs.js";

const held = new Map(); // mast → its element over the map
const NEAR = 14; // pixels
const MOST_MS = 800; // after a drop: from then on it is said that layers are still planned
let phase = ""; // "hand", then "sent", then "settling": the exact layers are awaited
let until = 0;
const after = new Set(); // what is done once they are seen

export function startMastSigns() {
  on("selection", () => draw());
  on("network", () => {
    if (phase === "hand") draw();
    // the exact layers are nearly there: they go first
    else if (phase === "sent" && ["none", "levels"].includes(variant()?.settled))
      phase = "settling";
    else letGo();
  });
  const settled = () => phase === "settling" && afterPaint(() => phase === "settling" && letGo());
  for (const name of ["covered", "failed"]) on(name, settled);
  on("settled", (event) => event.settled === "villages" && settled());
  on("chosen", letGo);
}

/** Show masts where a hand has them, mast → place; where they stood they are seen, too. */
export function hold(places) {
  phase = "hand";
  for (const [id, place] of places) {
    if (held.has(id)) held.get(id).setLngLat([place.lon_deg, place.lat_deg]);
    else if (mastOf(id)) held.set(id, markerOf(mastOf(id), place));
  }
}

/** Let masts stay where they are until the plan says where that is. */
export function drop() {
  phase = held.size ? "sent" : "";
  until = performance.now() + MOST_MS;
  if (phase) setTimeout(doneAfter, MOST_MS);
}

/** Run something once the layers of what a hand dropped are seen, or they are long in coming: each
 * change of the page is a picture of its own. At once where no hand dropped anything. */
export function onceSeen(act) {
  if (["sent", "settling"].includes(phase) && performance.now() < until) after.add(act);
  else act();
}

function doneAfter() {
  const acts = [...after];
  after.clear();
  for (const act of acts) act();
}

/** Give all masts back to the map. */
function letGo() {
  phase = "";
  for (const marker of held.values()) marker.remove();
  held.clear();
  draw();
  doneAfter();
}

/** Return the mast in hand at a point of the window, null for none. */
export function heldAt(point) {
  for (const [id, marker] of held)
    if (map.project(marker.getLngLat()).dist(point) < NEAR) return { kind: "mast", mast_id: id };
  return null;
}

function draw() {
  const { masts } = state.network;
  setPoints("masts", masts, (mast) => ({
    mast_id: mast.mast_id,
    name: mast.name || mast.mast_id,
    icon: `mast|${Boolean(mast.uncertain)}|${mast.state !== "as_read"}|${state.selected.has(mast.mast_id)}`,
  }));
  const wedges = masts.flatMap((mast) =>
    wedgesOf(mast).map(({ technology, omni, chosen, ...wedge }) => ({
      ...wedge,
      ...{ lat_deg: mast.lat_deg, lon_deg: mast.lon_deg },
      icon: `wedge|${technology}|${omni}|${chosen}`,
    })),
  );
  setPoints("wedges", wedges, ({ icon, azimuth, rank }) => ({ icon, azimuth, rank }));
}

/** Return the sectors of a mast, each once. */
function wedgesOf({ mast_id: id }) {
  const chosen = state.selected.has(id);
  const found = new Map();
  for (const { technology, antenna, azimuth_deg: azimuth } of cellsOf(id)) {
    const omni = isOmni(antenna);
    const rank = (technology === "5G" ? 0 : 1) + (chosen ? 2 : 0);
    found.set(`${technology} ${omni} ${azimuth}`, { technology, omni, chosen, azimuth, rank });
  }
  return [...found.values()];
}

const omni = new Map();
function isOmni(antennaId) {
  if (!omni.has(antennaId)) {
    const antenna = state.plan.antennas.find((a) => a.antenna_id === antennaId);
    omni.set(
      antennaId,
      antenna ? Math.max(...antenna.horizontal_loss_db) < 1 : antennaId.startsWith("omni"),
    );
  }
  return omni.get(antennaId);
}

/** Return an element over the map that looks like the map's own signs of a mast. */
function markerOf(mast, { lon_deg, lat_deg }) {
  const zoom = map.getZoom();
  const wedges = wedgesOf(mast)
    .sort((a, b) => a.rank - b.rank)
    .map(({ technology, omni: round, chosen, azimuth }) =>
      placed(signs.wedgeSymbol(technology, round, chosen), at(WEDGE_SIZES, zoom), azimuth),
    );
  const sign = signs.mastSymbol(Boolean(mast.uncertain), true, state.selected.has(mast.mast_id));
  const element = el(
    "div",
    { class: "held", "aria-hidden": "true" },
    wedges,
    placed(sign, at(MAST_SIZES, zoom)),
  );
  const marker = new maplibregl.Marker({ element }).setLngLat([lon_deg, lat_deg]).addTo(map);
  element.removeAttribute("aria-label");
  return marker;
}

function placed(sheet, size, turn = 0) {
  const share = (size * LARGE) / signs.SHARP;
  Object.assign(sheet.style, {
    width: `${sheet.width * share}px`,
    height: `${sheet.height * share}px`,
    transform: `translate(-50%, -50%) rotate(${turn}deg)`,
  });
  return sheet;
}

/** Sizes of signs by zoom: what lies between is in proportion. */
export const MAST_SIZES = [8, 0.6, 11.5, 1];
export const WEDGE_SIZES = [8, 0.35, 12, 0.95, 16, 1.2];

function at(sizes, zoom) {
  if (zoom <= sizes[0]) return sizes[1];
  for (let k = 2; k < sizes.length; k += 2)
    if (zoom <= sizes[k]) {
      const share = (zoom - sizes[k - 2]) / (sizes[k] - sizes[k - 2]);
      return sizes[k - 1] + share * (sizes[k + 1] - sizes[k - 1]);
    }
  return sizes.at(-1);
}
