// The map: relief, one coverage layer at a time, gaps, boundaries, masts, villages.
const MAP = DATA.map;
const KINDS = [
  "level",
  "rsrp",
  "sinr",
  "rsrq",
  "downlink",
  "uplink",
  "probability",
  "reason",
  "server",
  "field",
  "half",
  "basis",
  "none",
];
const EMPTY = { type: "FeatureCollection", features: [] };
const OVERLAYS = {
  villages: ["villages", "village-labels", "footprints"],
  masts: ["wedges", "masts", "mast-labels", "link"],
  gaps: ["gap-fill", "gap-line"],
  measured: ["measured"],
  wide: ["wide"],
  communes: ["commune-line", "commune-labels"],
  lines: ["lines-casing", "lines", "lines-dashed"],
  proposals: ["proposals", "proposed-microwave", "proposed-fibre", "proposed-grid"],
};
const shown = {
  technology: DATA.technologies[0],
  kind: "level",
  operator: null, // null: any operator, by technology
  service: DATA.class_service,
  layer: null,
};
let map = null;
let popup = null;
let classFilter = "";

const points = (items, properties) => ({
  type: "FeatureCollection",
  features: items.map((item, i) => ({
    type: "Feature",
    properties: { i, ...properties(item) },
    geometry: { type: "Point", coordinates: [item.lon_deg, item.lat_deg] },
  })),
});

const CLASS_RANK = { beyond_radius: -1, unknown: -1, no_signal: 0, patchy: 1, covered: 2 };
const villagePoints = () =>
  points(DATA.villages, (v) => ({
    class: v.class,
    rank: CLASS_RANK[v.class] * 1e9 - (v.people ?? 0),
  }));
const mastPoints = () => points(MAP.masts, (m) => ({ uncertain: m.uncertain }));
const communePoints = () => ({
  type: "FeatureCollection",
  features: (MAP.communes ?? EMPTY).features.map((f, i) => ({
    type: "Feature",
    properties: { i },
    geometry: { type: "Point", coordinates: [f.properties.lon_deg, f.properties.lat_deg] },
  })),
});

/** One wedge per mast, technology and direction, however many carriers share it. */
function wedgePoints() {
  const features = new Map();
  for (const mast of MAP.masts) {
    for (const cell of mast.cells) {
      const icon = `wedge|${cell.technology}|${cell.omni}|${mast.uncertain}`;
      features.set(`${mast.mast_id} ${icon} ${cell.azimuth_deg}`, {
        type: "Feature",
        properties: { icon, azimuth: cell.azimuth_deg, rank: cell.technology === "5G" ? 0 : 1 },
        geometry: { type: "Point", coordinates: [mast.lon_deg, mast.lat_deg] },
      });
    }
  }
  return { type: "FeatureCollection", features: [...features.values()] };
}

/** Draw an icon when the map asks for it; its name says what it shows. */
function drawIcon(name) {
  const [kind, ...parts] = name.split("|");
  if (kind === "class") return classSymbol(parts[0], 20);
  if (kind === "wedge")
    return wedgeSymbol(parts[0], { omni: parts[1] === "true", uncertain: parts[2] === "true" });
  if (kind === "mast") return mastSymbol(parts[0] === "true");
  if (kind === "hatch") return hatchSymbol();
  if (kind === "wide") return wideSymbol();
  if (kind === "star") return starSymbol(parts[0]);
  const i = +parts[1];
  if (kind === "village") {
    const village = DATA.villages[i];
    const lines = [[village.name, `600 12.5px ${FONT}`, "#17212b"]];
    if (village.class !== "covered")
      lines.push([say(`class.${village.class}`), `600 11px ${FONT}`, COLOURS[village.class]]);
    return labelSymbol(lines);
  }
  if (kind === "mast-name")
    return labelSymbol([
      [MAP.masts[i].name || MAP.masts[i].mast_id, `500 11.5px ${FONT}`, "#0b4380"],
    ]);
  return labelSymbol([
    [MAP.communes.features[i].properties.commune.toUpperCase(), `600 11px ${FONT}`, "#4b5661"],
  ]);
}

const icon = (kind) => ["concat", `${kind}|${language}|`, ["to-string", ["get", "i"]]];
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

function mapStyle() {
  const [lineColour, lineWidth] = [byKind("colour"), byKind("width")];
  const geo = (data) => ({ type: "geojson", data });
  const picture = (url) => ({ type: "image", url, coordinates: MAP.corners_deg });
  const raster = (id, source, opacity, resampling) => ({
    id,
    type: "raster",
    source,
    paint: {
      "raster-opacity": opacity,
      "raster-fade-duration": 0,
      "raster-resampling": resampling,
    },
  });
  return {
    version: 8,
    sources: {
      base: picture(MAP.base),
      cover: picture(shown.layer?.url ?? MAP.base),
      area: geo(MAP.area),
      lines: geo(MAP.lines),
      gaps: geo(MAP.gaps),
      "commune-lines": geo(MAP.commune_lines),
      "commune-points": geo(communePoints()),
      footprints: geo(MAP.footprints),
      link: geo(EMPTY),
      wedges: geo(wedgePoints()),
      masts: geo(mastPoints()),
      villages: geo(villagePoints()),
      proposals: geo(proposalPoints()),
      "proposed-links": geo(proposalLines()),
      wide: geo(MAP.wide),
      measured: geo(measuredPoints()),
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": "#e4e8ec" } },
      raster("base", "base", 1, "linear"),
      raster("cover", "cover", 0.7, "nearest"),
      ...wideLayers(),
      {
        id: "lines-casing",
        type: "line",
        source: "lines",
        layout: { "line-join": "round" },
        paint: { "line-color": "#fff", "line-width": ["+", lineWidth, 2], "line-opacity": 0.8 },
      },
      {
        id: "lines",
        type: "line",
        source: "lines",
        filter: ["!=", ["get", "kind"], "other"],
        layout: { "line-join": "round" },
        paint: { "line-color": lineColour, "line-width": lineWidth },
      },
      {
        id: "lines-dashed",
        type: "line",
        source: "lines",
        filter: ["==", ["get", "kind"], "other"],
        paint: { "line-color": lineColour, "line-width": lineWidth, "line-dasharray": [3, 2] },
      },
      { id: "gap-fill", type: "fill", source: "gaps", paint: { "fill-pattern": "hatch|" } },
      {
        id: "gap-line",
        type: "line",
        source: "gaps",
        paint: { "line-color": COLOURS.gap, "line-width": 1.4 },
      },
      {
        id: "commune-line",
        type: "line",
        source: "commune-lines",
        paint: {
          "line-color": "#5b4a8a",
          "line-width": 1.5,
          "line-dasharray": [5, 3, 1, 3],
        },
      },
      {
        id: "area",
        type: "line",
        source: "area",
        paint: { "line-color": "#17212b", "line-width": 2, "line-dasharray": [1, 1.5] },
      },
      {
        id: "footprints",
        type: "line",
        source: "footprints",
        minzoom: 11,
        paint: { "line-color": "#17212b", "line-width": 1 },
      },
      {
        id: "link",
        type: "line",
        source: "link",
        paint: { "line-color": "#17212b", "line-width": 2, "line-dasharray": [2, 1.5] },
      },
      ...measuredLayers(),
      symbols("commune-labels", "commune-points", { "icon-image": icon("commune") }),
      symbols("wedges", "wedges", {
        "icon-image": ["get", "icon"],
        "icon-rotate": ["get", "azimuth"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "rank"],
        "icon-size": ["interpolate", ["linear"], ["zoom"], 8, 0.4, 12, 1],
      }),
      symbols(
        "mast-labels",
        "masts",
        {
          "icon-image": icon("mast-name"),
          "icon-anchor": "bottom",
          "icon-offset": [0, -11],
          "icon-padding": 0,
        },
        { minzoom: 10.5 },
      ),
      symbols("village-labels", "villages", {
        "icon-image": icon("village"),
        "icon-anchor": "top",
        "icon-offset": [0, 13],
        "icon-padding": 0,
        "symbol-sort-key": ["get", "rank"],
      }),
      symbols("masts", "masts", {
        "icon-image": ["concat", "mast|", ["to-string", ["get", "uncertain"]]],
        "icon-allow-overlap": true,
      }),
      symbols("villages", "villages", {
        "icon-image": ["concat", "class|", ["get", "class"]],
        "icon-size": ["interpolate", ["linear"], ["zoom"], 8, 0.55, 11.5, 1],
        "icon-allow-overlap": true,
        "symbol-sort-key": ["-", 0, ["get", "rank"]],
      }),
      ...proposalLayers(),
    ],
  };
}

function startMap() {
  const probe = document.createElement("canvas");
  if (!(probe.getContext("webgl2") ?? probe.getContext("webgl"))) {
    document.getElementById("no-webgl").hidden = false;
    document.querySelector(".north").hidden = true;
    window.lensongReady = Promise.resolve(false);
    return;
  }
  map = new maplibregl.Map({
    container: "map",
    style: mapStyle(),
    bounds: MAP.bounds_deg,
    fitBoundsOptions: { padding: 24 },
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxPitch: 0,
    cooperativeGestures: matchMedia("(pointer: coarse)").matches, // one finger scrolls the page
    renderWorldCopies: false,
    maxZoom: 17,
    fadeDuration: 0,
    locale: mapWords(),
    canvasContextAttributes: { preserveDrawingBuffer: true }, // so that the figure can be saved and printed
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(
    new maplibregl.FullscreenControl({ container: document.getElementById("figure") }),
    "top-right",
  );
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 140 }), "bottom-left");
  map.on("styleimagemissing", ({ id }) => {
    if (!map.hasImage(id)) map.addImage(id, pixels(drawIcon(id)), { pixelRatio: SHARP });
  });
  map.on("error", ({ error }) => {
    if (error?.name !== "AbortError") console.error(error); // aborted: another layer was chosen meanwhile
  });
  map.on("click", clicked);
  map.on("mousemove", ({ point, lngLat }) => {
    map.getCanvas().style.cursor = found(point) ? "pointer" : "";
    readValue(lngLat);
  });
  window.lensongMap = map;
  window.lensongReady = new Promise((resolve) => map.once("idle", () => resolve(true)));
}

function mapWords() {
  return {
    "Map.Title": say("map.label"),
    "NavigationControl.ZoomIn": say("ui.zoom_in"),
    "NavigationControl.ZoomOut": say("ui.zoom_out"),
    "FullscreenControl.Enter": say("ui.fullscreen"),
    "FullscreenControl.Exit": say("ui.leave_fullscreen"),
    "Popup.Close": say("ui.close"),
    "CooperativeGesturesHandler.MobileHelpText": say("ui.two_fingers"),
    "CooperativeGesturesHandler.WindowsHelpText": say("ui.ctrl_zoom"),
    "CooperativeGesturesHandler.MacHelpText": say("ui.ctrl_zoom"),
  };
}

/** What a click at this point means: a proposal before a village before a mast before a gap. */
function found(point) {
  const near = [
    [point.x - 4, point.y - 4],
    [point.x + 4, point.y + 4],
  ];
  for (const layer of [
    "proposals",
    "villages",
    "village-labels",
    "masts",
    "mast-labels",
    "measured",
    "gap-fill",
  ]) {
    const [feature] = map.queryRenderedFeatures(near, { layers: [layer] });
    if (feature) return { layer, feature };
  }
  return null;
}

function clicked({ point, lngLat }) {
  readValue(lngLat);
  const hit = found(point);
  if (!hit) return;
  const { i } = hit.feature.properties;
  if (hit.layer.startsWith("village")) selectVillage(i);
  else if (hit.layer === "proposals")
    showPopup(lngLat, proposalPopup(hit.feature.properties.mast_id));
  else if (hit.layer === "measured") showPopup(lngLat, measuredPopup(i));
  else if (hit.layer.startsWith("mast"))
    showPopup([MAP.masts[i].lon_deg, MAP.masts[i].lat_deg], mastPopup(MAP.masts[i]));
  else showPopup(lngLat, gapPopup(hit.feature.properties));
  fitPopup();
}

function showPopup(place, content) {
  popup?.remove();
  popup = new maplibregl.Popup({ offset: 12, maxWidth: "380px" })
    .setLngLat(place)
    .setDOMContent(content)
    .addTo(map);
}

/** Move the map just so far that the popup lies inside it. */
function fitPopup() {
  const [box, view] = [
    popup.getElement().getBoundingClientRect(),
    map.getContainer().getBoundingClientRect(),
  ];
  const past = (low, high, from, to) =>
    low < from + 8 ? low - from - 8 : high > to - 8 ? high - to + 8 : 0;
  const [x, y] = [
    past(box.left, box.right, view.left, view.right),
    past(box.top, box.bottom, view.top, view.bottom),
  ];
  if (x || y) map.panBy([x, y]);
}

/** Select a village everywhere: popup, line to its server, row of the table. */
function selectVillage(i, { fly = false } = {}) {
  const village = DATA.villages[i];
  markRow(i);
  if (!map) return;
  const place = [village.lon_deg, village.lat_deg];
  showPopup(place, villagePopup(village, i));
  // The place goes into the lower part of the map: the popup stands above it.
  if (fly)
    map.flyTo({
      center: place,
      zoom: Math.max(map.getZoom(), 13),
      offset: [0, 0.3 * map.getContainer().clientHeight],
    });
  else fitPopup();
  drawLink(village);
}

function drawLink(village) {
  const server = village[`best_server_${shown.technology.toLowerCase()}`];
  const mast = server && MAP.masts.find((m) => m.cells.some((c) => c.cell_id === server));
  const line = mast && {
    type: "Feature",
    properties: {},
    geometry: {
      type: "LineString",
      coordinates: [
        [village.lon_deg, village.lat_deg],
        [mast.lon_deg, mast.lat_deg],
      ],
    },
  };
  map.getSource("link").setData(line ? { type: "FeatureCollection", features: [line] } : EMPTY);
}

/** Whether a layer is of the chosen operator (over all technologies), or of the technology. */
const isOffered = (l) =>
  l.operator === shown.operator && (shown.operator !== null || l.technology === shown.technology);
const isChosen = (l) => isOffered(l) && l.kind === shown.kind;

/** Show the layer of the chosen technology, kind and service; fall back to what there is. */
function showLayer() {
  const candidates = MAP.layers.filter(isChosen);
  shown.layer =
    candidates.find((l) => l.service === shown.service) ??
    candidates.find((l) => !l.service) ??
    candidates[0] ??
    null;
  if (shown.layer?.service) shown.service = shown.layer.service;
  readPicture(shown.layer);
  if (!map) return;
  if (shown.layer) map.getSource("cover").updateImage({ url: shown.layer.url });
  map.setLayoutProperty("cover", "visibility", shown.layer ? "visible" : "none");
  if (map.getLayer("wide")) map.setFilter("wide", wideRule());
}

/** Ask something of the style as soon as it is there. */
const whenLoaded = (act) => (map.isStyleLoaded() ? act() : map.once("load", act));

function filterMap(chosen) {
  classFilter = chosen;
  if (!map) return;
  const rule = chosen ? ["==", ["get", "class"], chosen] : null;
  for (const layer of ["villages", "village-labels"]) map.setFilter(layer, rule);
}

function showOverlay(name, visible) {
  for (const layer of OVERLAYS[name])
    map?.setLayoutProperty(layer, "visibility", visible ? "visible" : "none");
}

const flyToBounds = ([west, south, east, north]) =>
  map?.fitBounds(
    [
      [west, south],
      [east, north],
    ],
    { padding: 32 },
  );

onLanguage.push(() => {
  if (!map) return;
  whenLoaded(() => {
    for (const [layer, kind] of [
      ["village-labels", "village"],
      ["mast-labels", "mast-name"],
      ["commune-labels", "commune"],
    ]) {
      map.setLayoutProperty(layer, "icon-image", icon(kind));
    }
  });
  popup?.remove();
  map.getCanvas().setAttribute("aria-label", say("map.label"));
});
