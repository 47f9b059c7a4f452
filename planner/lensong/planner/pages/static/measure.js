// Tools that draw on the map: measure distance and bearing; an area for the best place.
import { bestPlace, watchBestPlace } from "./best_place.js";
import { $, el, number, say, tell } from "./dom.js";
import { bearing_deg, distance_m, placeOf } from "./geodesy.js";
import { setPoints, setShapes } from "./map.js";
import { mayEdit, on, state } from "./plan.js";
import { openTab } from "./tabs.js";
import { addTool, take } from "./tools.js";

let points = [];
const coordinates = (list) => list.map((p) => [p.lon_deg, p.lat_deg]);

export function startMeasure() {
  addTool("measure", {
    start: clear,
    stop: clear,
    click: ({ lngLat }) => {
      points.push(placeOf(lngLat));
      draw();
    },
    move: ({ lngLat }) => points.length && draw(placeOf(lngLat)),
  });
  addTool("area", {
    start: () => {
      clear();
      openTab("place");
    },
    stop: () => !area && clear(),
    click: ({ lngLat }) => {
      area = null;
      points.push(placeOf(lngLat));
      drawArea();
    },
    move: ({ lngLat }) => !area && points.length && drawArea(placeOf(lngLat)),
    double: closeArea,
  });
  on("clear", clear);
  $("area-close").addEventListener("click", closeArea);
  $("area-draw").addEventListener("click", () => take("area"));
  $("best").addEventListener("submit", (event) => {
    event.preventDefault();
    bestPlace(area);
  });
  watchBestPlace();
}

function clear() {
  points = [];
  area = null;
  $("measured").hidden = true;
  setShapes("tool", []);
  setPoints("rims", [], () => ({}));
  $("area-close").disabled = true;
  $("best-go").disabled = true;
}

function draw(pointer) {
  const all = pointer ? [...points, pointer] : points;
  setPoints("rims", points, () => ({}));
  setShapes("tool", all.length > 1 ? [{ type: "LineString", coordinates: coordinates(all) }] : []);
  let total = 0;
  for (let k = 1; k < all.length; k += 1) total += distance_m(all[k - 1], all[k]);
  $("measured").hidden = all.length < 2;
  if (all.length < 2) return;
  $("measured").textContent = say("measure.told", {
    total: total < 10_000 ? `${number(total)} m` : `${number(total / 1000, 2)} km`,
    last: `${number(distance_m(all.at(-2), all.at(-1)))} m`,
    bearing: number(bearing_deg(all.at(-2), all.at(-1)), 1),
  });
}

// -- the best place ------------------------------------------------------------

let area = null;

function drawArea(pointer) {
  const all = pointer ? [...points, pointer] : points;
  setPoints("rims", points, () => ({}));
  setShapes("tool", [
    all.length > 2
      ? { type: "Polygon", coordinates: [coordinates([...all, all[0]])] }
      : { type: "LineString", coordinates: coordinates(all) },
  ]);
  $("area-close").disabled = points.length < 3;
}

function closeArea() {
  // a double click is two clicks: the second point lies on the first
  const apart = points.filter((p, k) => k === 0 || distance_m(p, points[k - 1]) > 2);
  if (apart.length < 3) {
    tell(say("place.three"), { bad: true, reload: false });
    return;
  }
  points = apart;
  area = coordinates(points);
  drawArea();
  take("select");
  $("best-go").disabled = !mayEdit();
  const like = $("best-like");
  const { masts } = state.network;
  const held = like.value;
  like.replaceChildren(
    ...masts.map((m) => el("option", { value: m.mast_id }, m.name || m.mast_id)),
  );
  const near = (a, b) => (distance_m(points[0], b) < distance_m(points[0], a) ? b : a);
  like.value = masts.some((m) => m.mast_id === held) ? held : masts.reduce(near).mast_id;
}
