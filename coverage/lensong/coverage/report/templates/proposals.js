// What a siting study chose, on the map: stars, and the lines that feed and power them.
const PROPOSALS = DATA.proposals;
const PROPOSAL_COLOURS = { open: "#ffd447", built: "#00734f", changed: "#7b2fb0" };
const LINK_STYLES = {
  microwave: { colour: "#b3005e", dash: [4, 2] },
  fibre: { colour: "#0b5cad", dash: [] },
  grid: { colour: "#a85400", dash: [1, 2] },
};

function starSymbol(state, size = 24) {
  return canvas(size, size, (pen) => {
    pen.beginPath();
    for (let k = 0; k < 10; k += 1) {
      const radius = size * (k % 2 ? 0.19 : 0.44);
      const turn = (k * Math.PI) / 5;
      pen.lineTo(size / 2 + radius * Math.sin(turn), size / 2 - radius * Math.cos(turn));
    }
    pen.closePath();
    pen.lineJoin = "round";
    pen.strokeStyle = "#fff";
    pen.lineWidth = 4;
    pen.stroke();
    pen.fillStyle = PROPOSAL_COLOURS[state];
    pen.fill();
    pen.strokeStyle = "#17212b";
    pen.lineWidth = 1.4;
    pen.stroke();
  });
}

/** One star a mast, of the state of its last step; several steps may be at one mast. */
function proposalPoints() {
  const masts = new Map();
  for (const row of PROPOSALS?.rows ?? []) {
    const seen = masts.get(row.mast_id);
    masts.set(row.mast_id, seen ? [...seen, row] : [row]);
  }
  return {
    type: "FeatureCollection",
    features: [...masts.values()].map((rows) => ({
      type: "Feature",
      properties: {
        mast_id: rows[0].mast_id,
        state:
          rows.find((row) => row.state !== rows[0].state) === undefined ? rows[0].state : "changed",
      },
      geometry: { type: "Point", coordinates: [rows[0].lon_deg, rows[0].lat_deg] },
    })),
  };
}

function proposalLines() {
  return {
    type: "FeatureCollection",
    features: (PROPOSALS?.links ?? []).map((link) => ({
      type: "Feature",
      properties: { link: link.link },
      geometry: {
        type: "LineString",
        coordinates: [
          [link.from_lon_deg, link.from_lat_deg],
          [link.to_lon_deg, link.to_lat_deg],
        ],
      },
    })),
  };
}

const proposalLayers = () => [
  ...Object.entries(LINK_STYLES).map(([link, { colour, dash }]) => ({
    id: `proposed-${link}`,
    type: "line",
    source: "proposed-links",
    filter: ["==", ["get", "link"], link],
    paint: {
      "line-color": colour,
      "line-width": 2.4,
      ...(dash.length ? { "line-dasharray": dash } : {}),
    },
  })),
  symbols("proposals", "proposals", {
    "icon-image": ["concat", "star|", ["get", "state"]],
    "icon-allow-overlap": true,
    "icon-offset": [0, -6],
  }),
];

const changeOf = (row) => (row.change ? ` ${row.value_before} → ${row.value_after}` : "");

/** The steps at a mast, for a popup. */
function proposalPopup(mastId) {
  const rows = PROPOSALS.rows.filter((row) => row.mast_id === mastId);
  const money = PROPOSALS.money ? ` ${PROPOSALS.money}` : "";
  return el(
    "div",
    { class: "popup" },
    el("h3", {}, mastId),
    ...rows.map((row) =>
      el(
        "p",
        {},
        el("b", {}, `${row.step}. ${say(`proposal.${row.kind}`)}${changeOf(row)}`),
        ` · ${say("people.count", { n: row.people })}`,
        row.cost === null ? "" : ` · ${number(row.cost)}${money}`,
        el(
          "small",
          {},
          [
            say(`proposal.${row.state}`),
            row.backhaul_way ? `${say(`link.${row.backhaul}`)}: ${row.backhaul_way}` : "",
            row.power ? `${say("proposals.power")}: ${say(`link.${row.power}`)}` : "",
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
    ),
  );
}

/** What the signs mean, as far as they are on the map. */
function proposalKey() {
  const states = new Set((PROPOSALS?.rows ?? []).map((row) => row.state));
  const links = new Set((PROPOSALS?.links ?? []).map((link) => link.link));
  return [
    ...[...states].map((state) => [
      { sheet: starSymbol(state), width: 20, height: 20 },
      `${say("map.proposals")}: ${say(`proposal.${state}`)}`,
    ]),
    ...Object.entries(LINK_STYLES)
      .filter(([link]) => links.has(link))
      .map(([link, { colour, dash }]) => [
        {
          sheet: lineBox(
            dash.map((d) => d * 2.4),
            2.4,
            colour,
          ),
          width: 22,
          height: 14,
        },
        say(`link.${link}`),
      ]),
  ];
}
