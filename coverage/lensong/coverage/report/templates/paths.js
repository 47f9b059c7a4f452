// The profile from a village's best cell: unpacked, drawn and shown when somebody asks.
const PATHS = DATA.paths;
const hasPath = (i) => PATHS.villages[i] !== undefined;
const EARTH_M = 6371000;
const PATH_COLOURS = {
  ground: "#b8a58a",
  clutter: "#7fae7a",
  zone: "#7fa8d1",
  line: "#17212b",
  edge: "#a3123a",
  low: "#6b5a40",
};

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const wordsOf = (text) => {
  const bytes = bytesOf(text);
  return Array.from({ length: bytes.length / 2 }, (_, k) => bytes[2 * k] + 256 * bytes[2 * k + 1]);
};

/** Return the points of a path: distance, ground and top above sea level, in metres. */
function pathPoints(path) {
  const ground = wordsOf(path.ground);
  const clutter = bytesOf(path.clutter);
  return wordsOf(path.at).map((at, k) => ({
    at: (at / 65535) * path.path_m,
    ground: path.base_m + ground[k] / 10,
    top: path.base_m + ground[k] / 10 + (clutter[k] ?? 0) / 2,
  }));
}

const bulge = (path, at, k) => (at * (path.path_m - at)) / (2 * k * EARTH_M);
const rayAt = (path, at) => path.tx_m + ((path.rx_m - path.tx_m) * at) / path.path_m;
const zoneAt = (path, at) =>
  Math.sqrt(((299.792458 / path.freq_mhz) * at * (path.path_m - at)) / path.path_m);

/** Return round ticks within a range. */
function roundTicks(low, high, most) {
  const raw = (high - low) / most;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * magnitude).find((s) => s >= raw);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k += 1) ticks.push(k * step);
  return ticks;
}

function svgEl(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return what the edge that decides does, in words. */
function edgeText({ edge }) {
  const values = { d: edge.at_m / 1000, h: Math.abs(edge.above_m), r: edge.radii };
  return say(edge.above_m >= 0 ? "path.above" : "path.below", values);
}

/** Draw a path at a width in pixels. */
function pathFigure(path, width) {
  const height = width < 560 ? 260 : 350;
  const box = { left: 52, right: width - 12, top: 20, bottom: height - 40 };
  const points = pathPoints(path);
  const { median_k: median, low_k: low } = PATHS;
  const shares = Array.from({ length: 81 }, (_, k) => (k / 80) * path.path_m);
  const heights = [
    ...points.flatMap((p) => [p.ground, p.top].map((h) => h + bulge(path, p.at, median))),
    ...shares.flatMap((at) => [-1, 1].map((side) => rayAt(path, at) + side * zoneAt(path, at))),
  ];
  const [least, most] = [Math.min(...heights), Math.max(...heights)];
  const room = Math.max(most - least, 20) * 0.06;
  const [floor, roof] = [least - room, most + 3 * room];
  const x = (at) => box.left + (at / path.path_m) * (box.right - box.left);
  const y = (h) => box.bottom - ((h - floor) / (roof - floor)) * (box.bottom - box.top);
  const way = (list) => list.map(([at, h]) => `${x(at).toFixed(1)} ${y(h).toFixed(1)}`).join("L");
  const area = (list, attributes) => svgEl("path", { d: `M${way(list)}Z`, ...attributes });
  const stroke = (list, colour, attributes = {}) =>
    svgEl("path", { d: `M${way(list)}`, fill: "none", stroke: colour, ...attributes });
  const ground = points.map((p) => [p.at, p.ground + bulge(path, p.at, median)]);
  const tops = points.map((p) => [p.at, p.top + bulge(path, p.at, median)]);
  const zone = [1, -1].map((side) =>
    shares.map((at) => [at, rayAt(path, at) + side * zoneAt(path, at)]),
  );
  const feet = [
    [0, path.tx_m - path.tx_agl_m, path.tx_m],
    [path.path_m, points.at(-1).ground, path.rx_m],
  ];
  const edgeTop = path.edge.top_m + bulge(path, path.edge.at_m, median);
  const late = path.edge.at_m > path.path_m / 2;
  const text = (words, tx, ty, anchor, attributes = {}) =>
    svgEl("text", { x: tx, y: ty, "text-anchor": anchor, ...attributes }, words);
  const upright = `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)`;
  return svgEl(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `${path.cell}: ${edgeText(path)}`,
    },
    ...roundTicks(floor, roof, 5).flatMap((h) => [
      svgEl("line", { x1: box.left, x2: box.right, y1: y(h), y2: y(h), stroke: "#e3e8ed" }),
      text(number(h, 0), box.left - 6, y(h) + 4, "end"),
    ]),
    ...roundTicks(0, path.path_m / 1000, width < 560 ? 4 : 8).map((d) =>
      text(number(d, 2, true), x(d * 1000), box.bottom + 15, "middle"),
    ),
    text(
      say("path.distance", { mast: path.mast }),
      (box.left + box.right) / 2,
      height - 6,
      "middle",
    ),
    svgEl("text", { transform: upright, "text-anchor": "middle" }, say("path.height")),
    area([[0, floor], ...ground, [path.path_m, floor]], { fill: PATH_COLOURS.ground }),
    area([...ground, ...tops.toReversed()], { fill: PATH_COLOURS.clutter }),
    stroke(
      points.map((p) => [p.at, p.top + bulge(path, p.at, low)]),
      PATH_COLOURS.low,
      { "stroke-dasharray": "2 3" },
    ),
    area([...zone[0], ...zone[1].toReversed()], { fill: PATH_COLOURS.zone, "fill-opacity": 0.4 }),
    stroke(
      [
        [0, path.tx_m],
        [path.path_m, path.rx_m],
      ],
      PATH_COLOURS.line,
      { "stroke-width": 1.4 },
    ),
    ...path.horizons.map(([at, top], k) =>
      stroke(
        [feet[k].filter((_, n) => n !== 1), [at, top + bulge(path, at, median)]],
        PATH_COLOURS.edge,
      ),
    ),
    ...feet.map(([at, foot, head]) =>
      stroke(
        [
          [at, foot],
          [at, head],
        ],
        PATH_COLOURS.line,
        { "stroke-width": 3 },
      ),
    ),
    svgEl("circle", { cx: x(path.edge.at_m), cy: y(edgeTop), r: 4.5, fill: PATH_COLOURS.edge }),
    text(
      edgeText(path),
      x(path.edge.at_m) + (late ? -4 : 4),
      Math.max(y(edgeTop) - 12, box.top - 6),
      late ? "end" : "start",
      { class: "edge" },
    ),
  );
}

/** Return rows of the loss, from free space to the level. */
function pathLoss(path) {
  const rows = path.steps.map(([key, db]) => [say(`path.step.${key}`), db, "dB"]);
  rows.push([say("path.loss", { model: path.model.replace("itu_r_", "") }), path.loss_db, "dB"]);
  rows.push([say("path.antenna"), path.off_beam_db, "dB"]);
  rows.push([say("path.level"), path.rsrp_dbm, "dBm"]);
  return el(
    "table",
    {},
    el(
      "tbody",
      {},
      ...rows.map(([name, value, unit]) => line(name, `${number(value, 1)} ${unit}`)),
    ),
  );
}

/** Return, by service, what the uplink has over its need, and what it should have. */
function pathMargins(path) {
  const head = [say("map.service"), say("path.uplink"), say("path.wanted")];
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el("tr", {}, ...head.map((h, k) => el("th", { scope: "col", class: k ? "n" : null }, h))),
    ),
    el(
      "tbody",
      {},
      ...path.services.map(([name, uplink, , wanted]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, serviceName(name)),
          el("td", { class: "n" }, uplink === null ? say("path.never") : `${number(uplink, 1)} dB`),
          el("td", { class: "n" }, `${number(wanted, 1)} dB`),
        ),
      ),
    ),
  );
}

function pathKey(path) {
  const entries = [
    ["ground", "path.ground"],
    path.clutter && ["clutter", "path.clutter"],
    ["zone", "path.zone"],
    ["line", "path.line"],
    ["low", "path.low"],
    path.horizons.length && ["edge", "path.horizons"],
  ].filter(Boolean);
  return el(
    "ul",
    { class: "key" },
    ...entries.map(([name, key]) =>
      el(
        "li",
        {},
        el("i", {
          class: name,
          style: `${name === "low" ? "border-color" : "background"}:${PATH_COLOURS[name]}`,
          "aria-hidden": "true",
        }),
        say(key, { k: name === "low" ? PATHS.low_k : PATHS.median_k }),
      ),
    ),
  );
}

let pathShown = null; // the village whose profile is open

/** Open the profile of a village. */
function showPath(i) {
  const [path, village] = [PATHS.villages[i], DATA.villages[i]];
  const old = document.querySelector("dialog.path");
  const dialog = old ?? el("dialog", { class: "path", "aria-labelledby": "path-title" });
  if (!old) {
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      if (!dialog.open) pathShown = null; // the event comes late: it may be open again
    });
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  }
  pathShown = i;
  const width = Math.max(290, Math.min(940, innerWidth - 20) - 42);
  const facts = {
    km: path.path_m / 1000,
    mhz: path.freq_mhz,
    h: path.tx_agl_m,
    technology: path.technology,
  };
  dialog.replaceChildren(
    ...[
      el("h3", { id: "path-title" }, `${path.cell} → ${village.name}`),
      el(
        "button",
        { type: "button", class: "close", onclick: () => dialog.close() },
        say("path.close"),
      ),
      el("p", { class: "sub" }, say("path.facts", facts)),
      DATA.synthetic ? el("p", { class: "state patchy" }, say("synthetic")) : null,
      path.why ? el("p", { class: "hint" }, say(`path.${path.why}`, facts)) : null,
      pathFigure(path, width),
      pathKey(path),
      el("div", { class: "pair" }, pathLoss(path), pathMargins(path)),
      el("p", { class: "hint" }, say("path.note")),
      causeBars(village),
    ].filter(Boolean),
  );
  if (!dialog.open) dialog.showModal();
}

/** Return a button that opens a village's profile, nothing where it has none. */
const pathButton = (i) =>
  hasPath(i)
    ? el(
        "button",
        {
          type: "button",
          class: "link profile controls",
          onclick: (event) => {
            event.stopPropagation();
            showPath(i);
          },
        },
        say("path.show"),
      )
    : null;

onLanguage.push(() => pathShown !== null && showPath(pathShown));
