// The profile of a path: ground, what stands on it, the line, the first Fresnel zone.
import { el, number, say, svg } from "./dom.js";

const COLOURS = {
  ground: "#b8a58a",
  clutter: "#7fae7a",
  zone: "#7fa8d1",
  line: "#17212b",
  edge: "#a3123a",
};

/** Return round ticks within a range. */
function ticks(low, high, most) {
  const raw = (high - low) / most;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * magnitude).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k += 1) found.push(k * step);
  return found;
}

/** Return what the edge that decides does, in words. */
export function edgeText({ clearance }) {
  const edge = clearance.median_k.decides;
  const values = {
    d: edge.distance_m / 1000,
    h: Math.abs(edge.above_line_m),
    r: edge.clearance_share ?? 0,
  };
  return say(edge.above_line_m >= 0 ? "path.above" : "path.below", values);
}

/** Draw a path at a width in pixels; `point(index or null)` hears what is pointed at. */
export function profileFigure(path, width, point = () => {}) {
  const { profile, path_m: length } = path;
  const height = Math.round(Math.max(210, Math.min(340, 0.52 * width)));
  const box = { left: 46, right: width - 10, top: 22, bottom: height - 36 };
  const at = profile.distance_m;
  const bulge = profile.bulge_median_k_m;
  const ground = at.map((d, k) => [d, profile.ground_amsl_m[k] + bulge[k]]);
  const tops = at.map((d, k) => [d, ground[k][1] + profile.clutter_m[k]]);
  const line = at.map((d, k) => [d, profile.line_amsl_m[k]]);
  const zone = [1, -1].map((side) =>
    at.map((d, k) => [d, profile.line_amsl_m[k] + side * profile.fresnel_m[k]]),
  );
  const heights = [...ground, ...tops, ...zone[0], ...zone[1]].map(([, h]) => h);
  const [least, most] = [Math.min(...heights), Math.max(...heights)];
  const room = Math.max(most - least, 20) * 0.06;
  const [floor, roof] = [least - room, most + 3 * room];
  const x = (d) => box.left + (d / length) * (box.right - box.left);
  const y = (h) => box.bottom - ((h - floor) / (roof - floor)) * (box.bottom - box.top);
  const way = (list) => list.map(([d, h]) => `${x(d).toFixed(1)} ${y(h).toFixed(1)}`).join("L");
  const area = (list, attributes) => svg("path", { d: `M${way(list)}Z`, ...attributes });
  const stroke = (list, attributes) =>
    svg("path", { d: `M${way(list)}`, fill: "none", ...attributes });
  const text = (words, tx, ty, anchor, attributes = {}) =>
    svg("text", { x: tx, y: ty, "text-anchor": anchor, ...attributes }, words);
  const edge = path.clearance.median_k.decides;
  const edgeTop = tops[nearest(at, edge.distance_m)][1];
  const LETTER = 6.8; // about, bold at 11 px
  const whole = edgeText(path);
  // what does not fit stands below the figure in full
  const words =
    LETTER * whole.length < box.right - box.left
      ? whole
      : `${number(edge.distance_m / 1000, 2)} km`;
  const long = LETTER * words.length;
  const fits = x(edge.distance_m) + 4 + long < box.right;
  const poles = [
    [0, ground[0][1], line[0][1]],
    [length, ground.at(-1)[1], line.at(-1)[1]],
  ];
  const hair = svg("path", { class: "hair", fill: "none" });
  const figure = svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      class: "profile",
      "aria-label": `${title(path)}: ${edgeText(path)}`,
    },
    ticks(floor, roof, 5).flatMap((h) => [
      svg("line", { x1: box.left, x2: box.right, y1: y(h), y2: y(h), class: "grid" }),
      text(number(h, 0), box.left - 6, y(h) + 4, "end"),
    ]),
    ticks(0, length / 1000, width < 560 ? 5 : 9).map((d) =>
      text(number(d, 2, true), x(d * 1000), box.bottom + 14, "middle"),
    ),
    text(say("profile.axes"), (box.left + box.right) / 2, height - 6, "middle"),
    area([[0, floor], ...ground, [length, floor]], { fill: COLOURS.ground }),
    area([...ground, ...tops.toReversed()], { fill: COLOURS.clutter }),
    area([...zone[0], ...zone[1].toReversed()], { fill: COLOURS.zone, "fill-opacity": 0.4 }),
    stroke(line, { stroke: COLOURS.line, "stroke-width": 1.4 }),
    poles.map(([d, foot, head]) =>
      stroke(
        [
          [d, foot],
          [d, head],
        ],
        { stroke: COLOURS.line, "stroke-width": 3 },
      ),
    ),
    svg("circle", { cx: x(edge.distance_m), cy: y(edgeTop), r: 4.5, fill: COLOURS.edge }),
    text(
      words,
      fits ? x(edge.distance_m) + 4 : Math.max(x(edge.distance_m) - 4, box.left + long),
      Math.max(y(edgeTop) - 10, box.top - 8),
      fits ? "start" : "end",
      { class: "edge" },
    ),
    hair,
  );
  figure.addEventListener("pointermove", (event) => {
    const { left, width: shown } = figure.getBoundingClientRect();
    const d = (((event.clientX - left) / shown) * width - box.left) / (box.right - box.left);
    const k = nearest(at, Math.max(0, Math.min(1, d)) * length);
    hair.setAttribute("d", `M${x(at[k])} ${box.top}V${box.bottom}`);
    point(k);
  });
  figure.addEventListener("pointerleave", () => {
    hair.removeAttribute("d");
    point(null);
  });
  return figure;
}

/** Return what stands at a point of the profile, in words. */
export function pointText({ profile }, k) {
  return say("profile.point", {
    d: profile.distance_m[k] / 1000,
    ground: profile.ground_amsl_m[k],
    clutter: profile.clutter_m[k],
    free: profile.clearance_median_k_m?.[k] ?? null,
    radius: profile.fresnel_m[k],
  });
}

export const title = (path) =>
  `${path.cell?.cell_id ?? (path.from.name || say("path_tool.a"))} → ${path.to.name || say("path_tool.b")}`;

export function profileKey(path) {
  const entries = [
    ["ground", say("path.ground", { k: path.clearance.median_k.k })],
    path.profile.clutter_m.some((h) => h > 0) && ["clutter", say("path.clutter")],
    ["zone", say("path.zone")],
    ["line", say("path.line")],
  ].filter(Boolean);
  return el(
    "ul",
    { class: "key" },
    entries.map(([name, words]) =>
      el("li", {}, el("i", { style: { background: COLOURS[name] }, "aria-hidden": "true" }), words),
    ),
  );
}

function nearest(sorted, value) {
  let best = 0;
  for (let k = 1; k < sorted.length; k += 1)
    if (Math.abs(sorted[k] - value) < Math.abs(sorted[best] - value)) best = k;
  return best;
}
