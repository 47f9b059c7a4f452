// The path tool: from a cell, a mast or a place to a village or a place, live while an end moves.
import { Refusal, post } from "./api.js";
import {
  $,
  button,
  el,
  facts,
  number,
  onFrame,
  refill,
  say,
  serviceName,
  tableHead,
  tell,
} from "./dom.js";
import { bearing_deg, distance_m, placeOf } from "./geodesy.js";
import { found, map, setPoints, setShapes, whileHeld } from "./map.js";
import { mastOf, on, state, variantPath } from "./plan.js";
import { edgeText, pointText, profileFigure, profileKey, title } from "./profile.js";
import { openTab } from "./tabs.js";
import { addTool, take, tool } from "./tools.js";
import { villageOf } from "./villages.js";

const ends = { from: null, to: null, shown: false };
const given = { from_m: 30, to_m: 1.5, freq_mhz: null };
let asking = false;
let waits = false;
let last = null;
let beside = null; // another path that is looked at with it

/** Show the path from a cell or a mast to what is chosen next, or to what was. */
export function showPathFrom(from) {
  ends.from = from;
  openTab("path");
  if (ends.to) show();
  else take("path");
}

/** Show the path from the strongest cell to a village. */
export function showPathTo(to) {
  Object.assign(ends, { from: null, to });
  openTab("path");
  show();
}

export function startPath() {
  addTool("path", {
    start: () => {
      if (!ends.from || ends.to) Object.assign(ends, { from: null, to: null });
      openTab("path");
      draw();
    },
    click: ({ point, lngLat }) => {
      const hit = found(point);
      const place = placeOf(lngLat);
      if (!ends.from) ends.from = hit?.kind === "mast" ? { mast_id: hit.mast_id } : place;
      else {
        ends.to = hit?.kind === "village" ? { village_id: hit.village_id } : place;
        take("select");
        show();
        return;
      }
      draw();
    },
  });
  map.on("mousedown", pressed);
  map.on("touchstart", pressed);
  on("clear", close);
  on("network", () => ends.shown && show());
  on("chosen", () => ends.shown && show());
  draw();
}

const body = (end, height_agl_m) => (end && "lat_deg" in end ? { ...end, height_agl_m } : end);

/** Ask for the path; while one is asked the newest of those that come waits. */
async function show() {
  ends.shown = true;
  drawEnds();
  if (asking) {
    waits = true;
    return;
  }
  asking = true;
  try {
    do {
      waits = false;
      const asked = { from: body(ends.from, given.from_m), to: body(ends.to, given.to_m) };
      if (ends.from && "lat_deg" in ends.from)
        asked.freq_mhz = given.freq_mhz ?? state.plan.carriers[0]?.downlink_freq_mhz ?? 1800;
      last = await post(`${variantPath()}/path`, asked);
      draw();
    } while (waits);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    last = null;
    draw(error.message);
  } finally {
    asking = false;
  }
}

// -- on the map ----------------------------------------------------------------

const placeAt = (end, answered) => {
  if (!end) return answered ?? null;
  if ("lat_deg" in end) return end;
  if (end.village_id) return answered ?? villageOf(end.village_id) ?? null;
  return mastOf(end.mast_id ?? state.network.cells.find((c) => c.cell_id === end.cell_id)?.mast_id);
};

function drawEnds() {
  const places = [placeAt(ends.from, last?.from), placeAt(ends.to, last?.to)].filter(Boolean);
  setPoints("rims", places, () => ({}));
  const lines = [places, beside && [beside.from, beside.to]].filter((line) => line?.length === 2);
  setShapes(
    "tool",
    lines.map((line) => ({
      type: "LineString",
      coordinates: line.map((p) => [p.lon_deg, p.lat_deg]),
    })),
  );
}

/** Drag an end that is a place; one that is a village or a mast becomes a place. */
function pressed(event) {
  if (!ends.shown || tool.name !== "select" || event.originalEvent.button > 0) return;
  const near = (end, answered) => {
    const place = placeAt(end, answered);
    if (!place) return Infinity;
    const { x, y } = map.project([place.lon_deg, place.lat_deg]);
    return Math.hypot(x - event.point.x, y - event.point.y);
  };
  const [a, b] = [near(ends.from, last?.from), near(ends.to, last?.to)];
  if (Math.min(a, b) > 14) return; // asked of the places, for their rims may not be drawn yet
  const which = a < b ? "from" : "to";
  if (which === "from" && placeAt(ends.from, last?.from)?.mast_id) return; // masts move by themselves
  event.preventDefault();
  const ask = onFrame(show);
  const follow = ({ lngLat }) => {
    ends[which] = placeOf(lngLat);
    drawEnds();
    ask();
  };
  whileHeld(event, follow, follow);
}

// -- in the panel --------------------------------------------------------------

function draw(refused = "") {
  const box = $("path-panel");
  if (!ends.shown || refused || !last) {
    refill(
      box,
      ...[
        el(
          "div",
          { class: "titled" },
          el("h2", {}, say("path_tool.title")),
          ends.shown && button(say("action.close"), close, { class: "link" }),
        ),
        el("p", { class: "hint" }, say(ends.from && !ends.to ? "path_tool.then" : "path_tool.how")),
        refused && el("p", { class: "bad" }, refused),
        el(
          "div",
          { class: "buttons" },
          button(say("path_tool.start"), () => take("path"), {
            "aria-pressed": String(tool.name === "path"),
          }),
        ),
        fields(),
      ].filter(Boolean),
    );
    return;
  }
  drawEnds();
  refill(
    box,
    ...[
      ...figureOf(last, close),
      el(
        "div",
        { class: "buttons" },
        button(say("path_tool.keep"), () => keep(last)),
      ),
      ...(beside ? figureOf(beside, () => keep(null)) : []),
      profileKey(last),
      losses(last),
      margins(last),
      ranking(last),
      ...(last.notes ?? []).map((note) => el("p", { class: "hint" }, note)),
      fields(),
      el(
        "div",
        { class: "buttons" },
        button(say("path_tool.start"), () => take("path")),
      ),
    ].filter(Boolean),
  );
}

/** Keep a path beside those that are looked at next; null takes it away. */
function keep(path) {
  beside = path;
  draw();
}

/** Return the figure of a path with what it is, and a button that takes it away. */
function figureOf(path, away) {
  const told = el("p", { class: "hint told" }, edgeText(path));
  const width = Math.max(300, $("path-panel").clientWidth - 4);
  const figure = profileFigure(path, width, (k) => {
    told.textContent = k === null ? edgeText(path) : pointText(path, k);
    const { lat_deg: lat, lon_deg: lon } = path.profile;
    const at = k === null || !lat ? [] : [{ lat_deg: lat[k], lon_deg: lon[k] }];
    setPoints(
      "rims",
      [placeAt(ends.from, last?.from), placeAt(ends.to, last?.to), ...at].filter(Boolean),
      () => ({}),
    );
  });
  const { profile } = path;
  const end = (at) =>
    say("path_tool.end", {
      end: say(at ? "path_tool.b" : "path_tool.a"),
      top: profile.line_amsl_m.at(at),
      ground: profile.ground_amsl_m.at(at),
      height: profile.line_amsl_m.at(at) - profile.ground_amsl_m.at(at),
    });
  return [
    el(
      "div",
      { class: "titled" },
      el("h2", {}, title(path)),
      button(say("action.close"), away, { class: "link" }),
    ),
    el(
      "p",
      { class: "hint" },
      [
        `${number(path.path_m / 1000, 2)} km`,
        `${number(bearing_deg(path.from, path.to), 1)}°`,
        `${number(path.freq_mhz, 1, true)} MHz`,
        say(path.clearance.median_k.line_of_sight ? "path_tool.sight" : "path_tool.no_sight"),
        path.cell && `${number(path.cell.rsrp_dbm, 1)} dBm`,
        state.plan.synthetic && say("synthetic"),
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    el("p", { class: "hint" }, end(0), " · ", end(-1)),
    figure,
    told,
  ];
}

function close() {
  Object.assign(ends, { from: null, to: null, shown: false });
  last = beside = null;
  setShapes("tool", []);
  setPoints("rims", [], () => ({}));
  draw();
}

const STEPS = ["free_space", "terrain", "clutter", "earth"];

function losses(path) {
  const known = path.losses.filter((l) => l.path_loss_db !== null); // none by a model out of its range
  const loss = known.find((l) => l.steps?.length) ?? known[0] ?? path.losses[0];
  if (!loss) return null;
  const db = (value) => `${number(value, 1)} dB`;
  const named = loss.steps?.filter((step) => STEPS.includes(step.key)) ?? [];
  const rest = loss.path_loss_db - named.reduce((sum, step) => sum + step.loss_db, 0);
  return facts([
    ...named.map((step) => [say(`path.step.${step.key}`), db(step.loss_db)]),
    named.length > 0 && Math.abs(rest) >= 0.05 && [say("path.step.rest"), db(rest)],
    [
      say("path.loss", { model: loss.model.replace("itu_r_", "").toUpperCase() }),
      db(loss.path_loss_db),
    ],
    path.cell && [say("path.antenna"), db(path.cell.off_beam_db)],
    path.cell && [say("path.level"), `${number(path.cell.rsrp_dbm, 1)} dBm`],
  ]);
}

function margins(path) {
  if (!path.budget) return null;
  const never = (value) => (value === null ? say("path.never") : `${number(value, 1)} dB`);
  const head = ["totals.service", "path_tool.down", "path_tool.up", "path.wanted"];
  return el(
    "table",
    { class: "list" },
    tableHead(head.map((key, k) => el("th", { scope: "col", class: k ? "n" : null }, say(key)))),
    el(
      "tbody",
      {},
      path.budget.services.map((m) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, serviceName(m.service)),
          [m.downlink_db, m.uplink_db].map((value) =>
            el(
              "td",
              { class: `n ${value === null || value < m.wanted_db ? "less" : "more"}` },
              never(value),
            ),
          ),
          el("td", { class: "n" }, never(m.wanted_db)),
        ),
      ),
    ),
  );
}

/** The cells in reach of the place, strongest first; a click takes another. */
function ranking(path) {
  if (!path.cells?.length) return null;
  return el(
    "table",
    { class: "list" },
    tableHead(
      el("th", { scope: "col" }, say("cell.cell")),
      el("th", { scope: "col", class: "n" }, "RSRP"),
      el("th", { scope: "col", class: "n" }, "km"),
    ),
    el(
      "tbody",
      {},
      path.cells.slice(0, 12).map((cell) =>
        el(
          "tr",
          { class: cell.cell_id === path.cell?.cell_id ? "now" : null },
          el(
            "th",
            { scope: "row" },
            button(
              cell.cell_id,
              () => {
                ends.from = { cell_id: cell.cell_id };
                show();
              },
              { class: "link" },
            ),
          ),
          el("td", { class: "n" }, `${number(cell.rsrp_dbm, 1)} dBm`),
          el("td", { class: "n" }, number(cell.distance_m / 1000, 2)),
        ),
      ),
    ),
  );
}

/** Heights and frequency of ends that are places. */
function fields() {
  const input = (key, label, step) => {
    const box = el("input", {
      type: "number",
      step,
      value: given[key] ?? state.plan.carriers[0]?.downlink_freq_mhz ?? 1800,
      onchange: () => {
        if (!Number.isFinite(box.valueAsNumber)) return;
        given[key] = box.valueAsNumber;
        if (ends.shown) show();
      },
    });
    return el("label", {}, el("span", {}, label), box);
  };
  return el(
    "div",
    { class: "fields" },
    input("from_m", say("path_tool.from_m"), 1),
    input("to_m", say("path_tool.to_m"), 0.5),
    input("freq_mhz", say("path_tool.freq"), 1),
  );
}
