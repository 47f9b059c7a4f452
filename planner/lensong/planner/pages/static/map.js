// The map: relief, contours, one coverage layer, roads and rivers, masts, villages, signs of tools.
import { Contours } from "./contours.js";
import { Cover } from "./cover.js";
import { Hatch } from "./known.js";
import { $, number, say } from "./dom.js";
import { GridLayer } from "./grid_layer.js";
import { Lattice } from "./lattice.js";
import { MAST_SIZES, WEDGE_SIZES, heldAt } from "./mast_signs.js";
import { planPath, state } from "./plan.js";
import { Sheet, followed } from "./sheet.js";
import * as signs from "./signs.js";

const EMPTY = { type: "FeatureCollection", features: [] };
export const LARGE = innerWidth >= 3000 ? 1.8 : 1; // signs on a wall of 4K
const RELIEF_PIXELS = [1024, 4096]; // along the longer side: at once, and as sharp as it is looked at
export const GROUND = "#f3f1ec"; // where there is nothing
export const OVERLAYS = {
  villages: ["villages", "village-labels"],
  masts: ["wedges", "masts", "mast-labels"],
  lines: ["lines-casing", "lines", "lines-dashed"],
  measurements: ["measurements"],
  sites: ["sites", "site-labels"],
  proposals: ["proposals", "proposal-lines"],
};
const LINES = {
  road: { colour: "#3a1d05", width: 1.5 },
  river: { colour: "#4fa0e4", width: 2.5 },
  other: { colour: "#4b5661", width: 1.1 },
};

export let map = null;
export let lattice = null;
export let cover = null;
export let hatch = null;
export let contours = null;
export let sheets = []; // below the map, the lowest first
let relief = null;

const geo = (data = EMPTY) => ({ type: "geojson", data });
const symbols = (id, source, layout, rest = {}) => ({
  id,
  type: "symbol",
  source,
  layout,
  ...rest,
});
const byKind = (property) => [
  "match",
  ["get", "kind"],
  ...Object.entries(LINES).flatMap(([kind, style]) => [kind, style[property]]),
  LINES.other[property],
];
const joined = (...parts) => ["concat", ...parts];

function style() {
  const [colour, width] = [byKind("colour"), byKind("width")];
  const line = (id, source, paint, rest = {}) => ({
    id,
    type: "line",
    source,
    layout: { "line-join": "round" },
    paint,
    ...rest,
  });
  const names = ["contours", "lines", "villages", "masts", "wedges", "links", "tool", "rims"];
  return {
    version: 8,
    sources: Object.fromEntries([...names, "measurements", "sites"].map((name) => [name, geo()])),
    layers: [
      line(
        "lines-casing",
        "lines",
        { "line-color": "#fff", "line-width": ["+", width, 2], "line-opacity": 0.75 },
        { filter: ["!=", ["get", "kind"], "boundary"] },
      ),
      line(
        "lines",
        "lines",
        { "line-color": colour, "line-width": width },
        { filter: ["in", ["get", "kind"], ["literal", ["road", "river"]]] },
      ),
      line(
        "lines-dashed",
        "lines",
        { "line-color": "#5b4a8a", "line-width": 1.3, "line-dasharray": [4, 2, 1, 2] },
        { filter: ["!", ["in", ["get", "kind"], ["literal", ["road", "river"]]]] },
      ),
      symbols("contour-heights", "contours", {
        "symbol-placement": "line",
        "symbol-spacing": 380,
        "icon-image": joined("height|", ["to-string", ["get", "level_m"]]),
        "icon-rotation-alignment": "map",
        "icon-keep-upright": true,
      }),
      {
        id: "tool-fill",
        type: "fill",
        source: "tool",
        filter: ["==", ["geometry-type"], "Polygon"],
        paint: { "fill-color": signs.COLOURS.accent, "fill-opacity": 0.12 },
      },
      line("tool-casing", "tool", { "line-color": "#fff", "line-width": 5 }),
      line("tool-line", "tool", { "line-color": signs.COLOURS.accent, "line-width": 2.2 }),
      line("links", "links", {
        "line-color": "#17212b",
        "line-width": 1.6,
        "line-dasharray": [2, 1.5],
      }),
      {
        id: "measurements",
        type: "circle",
        source: "measurements",
        paint: {
          "circle-radius": 4,
          "circle-color": ["coalesce", ["get", "colour"], "#9aa3ad"],
          "circle-stroke-color": "#17212b",
          "circle-stroke-width": 1,
        },
      },
      symbols("wedges", "wedges", {
        "icon-image": ["get", "icon"],
        "icon-rotate": ["get", "azimuth"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "rank"],
        "icon-size": ["interpolate", ["linear"], ["zoom"], ...WEDGE_SIZES],
      }),
      symbols(
        "mast-labels",
        "masts",
        {
          "icon-image": joined("mast-name|", ["get", "name"]),
          "icon-anchor": "bottom",
          "icon-offset": [0, -14],
          "icon-padding": 0,
        },
        { minzoom: 10.5 },
      ),
      symbols("village-labels", "villages", {
        "icon-image": joined("village|", ["get", "class"], "|", ["get", "name"]),
        "icon-anchor": "top",
        "icon-offset": [0, 13],
        "icon-padding": 0,
        "symbol-sort-key": ["get", "rank"],
      }),
      symbols("villages", "villages", {
        "icon-image": joined("class|", ["get", "class"], "|", ["get", "change"]),
        "icon-size": ["interpolate", ["linear"], ["zoom"], 8, 0.55, 11.5, 1],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["-", 0, ["get", "rank"]],
      }),
      symbols("masts", "masts", {
        "icon-image": ["get", "icon"],
        "icon-size": ["interpolate", ["linear"], ["zoom"], ...MAST_SIZES],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      }),
      symbols("site-labels", "sites", {
        "icon-image": joined("mast-name|", ["get", "name"]),
        "icon-anchor": "left",
        "icon-offset": [13, -12],
        "icon-padding": 0,
      }),
      symbols("sites", "sites", {
        "icon-image": joined("site|", ["get", "verdict"]),
        "icon-anchor": "bottom",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      }),
      {
        id: "rims",
        type: "circle",
        source: "rims",
        paint: {
          "circle-radius": 9,
          "circle-color": "#fff",
          "circle-stroke-color": signs.COLOURS.accent,
          "circle-stroke-width": 3,
        },
      },
    ],
  };
}

/** Draw an icon when the map asks for it; its name says what it shows. */
function drawIcon(name) {
  const [kind, ...parts] = name.split("|");
  if (kind === "class") return signs.classSymbol(parts[0], 22, parts[1]);
  if (kind === "wedge")
    return signs.wedgeSymbol(parts[0], parts[1] === "true", parts[2] === "true");
  if (kind === "mast") return signs.mastSymbol(...parts.map((part) => part === "true"));
  if (kind === "mast-name") return signs.mastLabel(parts.join("|"));
  if (kind === "site") return signs.siteSymbol(parts[0]);
  if (kind === "height") return signs.heightLabel(number(Number(parts[0])));
  const [name_class, ...rest] = parts;
  return signs.villageLabel(
    rest.join("|"),
    name_class === "covered" ? "" : say(`class.${name_class}`),
    signs.COLOURS[name_class],
  );
}

const ROUND = { top: 24, right: 24, bottom: 24, left: 24 };

/** How much of the map the list of layers covers where it is opened, none where little is left. */
function besideLayers() {
  const { offsetWidth, offsetLeft, open } = document.querySelector(".layers");
  return open && innerWidth >= 1000 ? offsetLeft + offsetWidth : 0;
}

/** Start the map of the plan that is open; false where the browser cannot draw it. */
export async function startMap(view) {
  if (!document.createElement("canvas").getContext("webgl2")) {
    $("no-webgl").hidden = false;
    return false;
  }
  const { grid, view_deg: bounds } = state.plan;
  lattice = new Lattice(grid);
  map = new maplibregl.Map({
    container: "map",
    style: style(),
    ...(view
      ? { center: [view.lon, view.lat], zoom: view.zoom }
      : { bounds, fitBoundsOptions: { padding: { ...ROUND, left: ROUND.left + besideLayers() } } }),
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    boxZoom: false, // with shift one chooses masts
    maxPitch: 0,
    maxZoom: 18,
    renderWorldCopies: false,
    fadeDuration: 0,
    locale: {
      "Map.Title": say("planner.map"),
      "NavigationControl.ZoomIn": say("map.zoom_in"),
      "NavigationControl.ZoomOut": say("map.zoom_out"),
      "Popup.Close": say("action.close"),
    },
    // Lines, signs and cells are smooth or crisp by themselves; a picture is drawn when it is saved.
    canvasContextAttributes: { preserveDrawingBuffer: false, antialias: false },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 140 * LARGE }), "bottom-right");
  map.on("styleimagemissing", ({ id }) => {
    if (!map.hasImage(id))
      map.addImage(id, signs.pixelsOf(drawIcon(id)), { pixelRatio: signs.SHARP / LARGE });
  });
  map.on("error", ({ error }) => {
    if (error?.name !== "AbortError") console.error(error);
  });
  map.getContainer().style.background = GROUND;
  await map.once("load");
  relief = new GridLayer("relief", lattice, { opacity: 0.55 });
  const layer = new GridLayer("cover", lattice, { opacity: 0.62 });
  const lines = new GridLayer("hatch", lattice, { opacity: 0.75, hatched: true });
  contours = new Contours(map, lattice);
  sheets = [new Sheet(map, [relief]), new Sheet(map, [layer, lines])];
  for (const each of [followed(sheets), contours.layer]) map.addLayer(each, "lines-casing");
  cover = new Cover(map, lattice, layer);
  hatch = new Hatch(map, lattice, lines);
  window.lensongPlanner = { map, cover, state };
  drawRelief();
  contours.refresh();
  drawLines();
  return true;
}

async function drawRelief() {
  const { rows, cols } = lattice.grid;
  for (const most of RELIEF_PIXELS) {
    const answer = await fetch(`${planPath()}/land/hillshade.png?most_px=${most}`);
    if (!answer.ok) return;
    const image = await createImageBitmap(await answer.blob(), { premultiplyAlpha: "none" });
    const window = { row0: 0, col0: 0, rows, cols, step: 1 };
    relief.put("relief", { window, image, smooth: true });
    if (Math.max(rows, cols) <= most) return;
  }
}

async function drawLines() {
  const answer = await fetch(`${planPath()}/land/lines`);
  if (answer.ok) map.getSource("lines").setData(await answer.json());
}

const drawn = new Map(); // source → its features as text

/** Put features on the map; where they stand there already, nothing is drawn again. */
export function setFeatures(source, features) {
  if (!map) return;
  const text = JSON.stringify(features);
  if ((drawn.get(source) ?? "[]") === text) return;
  drawn.set(source, text);
  map.getSource(source).setData({ type: "FeatureCollection", features });
}

/** Put points on the map. */
export const setPoints = (source, items, properties) =>
  setFeatures(
    source,
    items.map((item) => ({
      type: "Feature",
      properties: properties(item),
      geometry: { type: "Point", coordinates: [item.lon_deg, item.lat_deg] },
    })),
  );

export const setShapes = (source, geometries) =>
  setFeatures(
    source,
    geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })),
  );

export const showOverlay = (name, visible) => {
  for (const layer of OVERLAYS[name] ?? [])
    map.setLayoutProperty(layer, "visibility", visible ? "visible" : "none");
};

export const flyTo = (place, zoom = 13) =>
  map?.flyTo({
    center: [place.lon_deg, place.lat_deg],
    zoom: Math.max(map.getZoom(), zoom),
    ...(matchMedia("(prefers-reduced-motion: reduce)").matches ? { duration: 0 } : {}),
  });

/** What lies under a point of the window: a mast before a village. */
export function found(
  point,
  layers = ["sites", "masts", "villages", "mast-labels", "village-labels"],
) {
  const inHand = layers.includes("masts") && heldAt(point);
  if (inHand) return inHand;
  const near = [
    [point.x - 6, point.y - 6],
    [point.x + 6, point.y + 6],
  ];
  for (const layer of layers) {
    const hits = map.queryRenderedFeatures(near, { layers: [layer] });
    if (hits.length) {
      const apart = ({ geometry: { coordinates } }) => {
        const { x, y } = map.project(coordinates);
        return Math.hypot(x - point.x, y - point.y);
      };
      const feature = hits.sort((a, b) => apart(a) - apart(b))[0];
      const kind = layer.startsWith("mast") ? "mast" : layer === "sites" ? "site" : "village";
      return { kind, ...feature.properties };
    }
  }
  return null;
}

/** Follow a press until it ends, also beyond the map: `move({point, lngLat})`, then `end(the last)`. */
export function whileHeld(event, move, end) {
  let last = { point: event.point, lngLat: event.lngLat };
  if (event.type === "touchstart") {
    const follow = ({ point, lngLat }) => move((last = { point, lngLat }));
    const stop = () => {
      map.off("touchmove", follow);
      map.off("touchend", stop);
      map.off("touchcancel", stop);
      end(last);
    };
    map.on("touchmove", follow);
    map.on("touchend", stop);
    map.on("touchcancel", stop);
    return;
  }
  const at = ({ clientX, clientY }) => {
    const { left, top } = map.getContainer().getBoundingClientRect();
    const point = new maplibregl.Point(clientX - left, clientY - top);
    return { point, lngLat: map.unproject(point) };
  };
  const follow = (moved) => move((last = at(moved)));
  addEventListener("mousemove", follow);
  addEventListener(
    "mouseup",
    (released) => {
      removeEventListener("mousemove", follow);
      last = at(released);
      end(last);
    },
    { once: true },
  );
}
