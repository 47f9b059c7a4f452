// What was measured, beside what was predicted: points on the map, hatching, a village's basis.
const MEASURED = DATA.measured;
const WIDE_COLOUR = "#3d2b56";
const SHOWN_BELOW = 9; // a zoom at which points no longer hide the ground

const basisKey = (evidence) => `basis.${evidence.replaceAll(" ", "_")}`;

/** The class of what is left of the error at a point, as an index into the legend. */
const leftClass = (left) =>
  MEASURED.classes.findIndex((c) => c.high === undefined || left < c.high);

function measuredPoints() {
  const { lon_deg: lon, lat_deg: lat, left_db: left } = MEASURED?.points ?? { lon_deg: [] };
  return {
    type: "FeatureCollection",
    features: lon.map((_, i) => ({
      type: "Feature",
      properties: { i, colour: MEASURED.classes[leftClass(left[i])].colour },
      geometry: { type: "Point", coordinates: [lon[i], lat[i]] },
    })),
  };
}

/** Lines the other way than those of gaps: both may lie upon each other. */
const wideSymbol = (size = 9) =>
  canvas(size, size, (pen) => {
    pen.strokeStyle = WIDE_COLOUR;
    pen.globalAlpha = 0.75;
    pen.lineWidth = 0.9;
    for (const shift of [-size, 0, size]) {
      pen.beginPath();
      pen.moveTo(shift, 0);
      pen.lineTo(shift + size, size);
      pen.stroke();
    }
  });

const wideRule = () => ["==", ["get", "technology"], shown.technology];

const wideLayers = () => [
  {
    id: "wide",
    type: "fill",
    source: "wide",
    filter: wideRule(),
    paint: { "fill-pattern": "wide|" },
  },
];

const measuredLayers = () => [
  {
    id: "measured",
    type: "circle",
    source: "measured",
    paint: {
      "circle-color": ["get", "colour"],
      "circle-radius": ["interpolate", ["linear"], ["zoom"], SHOWN_BELOW, 1.5, 13, 4.5],
      "circle-stroke-color": "#17212b",
      "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], SHOWN_BELOW, 0.3, 13, 0.9],
    },
  },
];

function measuredPopup(i) {
  const of = (name) => MEASURED.points[name][i];
  const level = (name) => `${number(of(name), 1)} dBm`;
  return el(
    "div",
    { class: "popup" },
    el("h3", {}, say("map.measured")),
    el("p", { class: "sub" }, [of("cell_id"), of("phone")].filter(Boolean).join(" · ")),
    of("at_floor") ? el("p", { class: "hint" }, say("measured.at_floor")) : null,
    el(
      "table",
      {},
      el(
        "tbody",
        {},
        line(say("measured.level"), level("measured_dbm")),
        line(say("measured.predicted"), level("predicted_dbm")),
        line(say("measured.calibrated"), level("calibrated_dbm")),
        line(say("measured.left"), `${number(of("left_db"), 1)} dB`),
      ),
    ),
  );
}

const dot = (colour) =>
  canvas(16, 16, (pen) => {
    pen.beginPath();
    pen.arc(8, 8, 5, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.fill();
    pen.strokeStyle = "#17212b";
    pen.stroke();
  });

const wideBox = () =>
  canvas(22, 14, (pen) => {
    pen.fillStyle = pen.createPattern(wideSymbol(), "repeat");
    pen.fillRect(0, 0, 22, 14);
    pen.strokeStyle = WIDE_COLOUR;
    pen.strokeRect(0.5, 0.5, 21, 13);
  });

/** What points and hatching mean: only the classes that occur. */
function measuredKey() {
  if (!MEASURED) return [];
  const met = new Set(MEASURED.points.left_db.map(leftClass));
  return [
    ...MEASURED.classes
      .filter((_, k) => met.has(k))
      .map((c) => [
        { sheet: dot(c.colour), width: 16, height: 16 },
        say("measured.points", { range: className(c, "dB") }),
      ]),
    MAP.wide.features.length && [
      { sheet: wideBox(), width: 22, height: 14 },
      say("map.wide_from", { n: MEASURED.wide_db }),
    ],
  ].filter(Boolean);
}

const halfOf = (v, technology) => {
  const half = v[`rsrp_half_db_${technology.toLowerCase()}`];
  return half === null || half === undefined ? "" : `± ${number(half, 1)} dB (90 %)`;
};

/** On what a village's level rests, and how sure it is; nothing without a calibration. */
function villageBasis(v) {
  if (!v.evidence) return null;
  const sure = DATA.technologies.filter((t) => halfOf(v, t)).map((t) => `${t} ${halfOf(v, t)}`);
  return el(
    "p",
    { class: "hint" },
    `${say("measured.basis")}: `,
    el("b", {}, say(basisKey(v.evidence))),
    sure.length ? ` · ${sure.join(", ")}` : "",
  );
}

/** Column of the village table; nothing without a calibration. */
function basisColumns() {
  if (!MEASURED) return [];
  return [
    {
      id: "evidence",
      head: say("measured.basis"),
      class: "nowrap",
      value: (v) => (v.evidence ? say(basisKey(v.evidence)) : ""),
      show: (v) =>
        v.evidence
          ? [
              el("i", { class: `basis ${v.evidence.replaceAll(" ", "_")}`, "aria-hidden": "true" }),
              ` ${say(basisKey(v.evidence))}`,
              el("small", {}, halfOf(v, shown.technology)),
            ]
          : ["–"],
    },
  ];
}
