// Why a village lacks its service: bars of decibels that add up, and what would mend it.
const CAUSES = [
  "distance",
  "terrain",
  "clutter",
  "antenna",
  "interference",
  "load",
  "uplink",
  "indoor",
];
const hasCauses = (v) => typeof v.shortfall_db === "number";
const signed = (value, digits = 1) => `${value > 0 ? "+" : ""}${number(value, digits)}`;

/** Return the row of one part: its name, a bar from zero to either side, its decibels. */
function causeRow(name, value, most, { main, assumed }) {
  const width = `${((50 * Math.abs(value)) / most).toFixed(1)}%`;
  const bar = el("i", {
    class: value < 0 ? "less" : "more",
    style: value < 0 ? `right:50%;width:${width}` : `left:50%;width:${width}`,
  });
  return el(
    "tr",
    { class: main ? "main" : null },
    el(
      "th",
      { scope: "row" },
      say(`term.${name}`),
      assumed ? el("small", {}, ` ${say("assumed")}`) : null,
    ),
    el("td", { class: "bar-cell", "aria-hidden": "true" }, el("span", {}, bar)),
    el("td", { class: "n" }, signed(value)),
  );
}

/** Return what changes of the network bring a village, nothing where none was tried. */
function mendTable(v) {
  const tried = DATA.mend.filter((row) => row.village_id === v.village_id);
  if (!tried.length) return null;
  const heads = [say("mend"), say("mend.gained"), say("mend.people")];
  return el(
    "table",
    { class: "mend" },
    el(
      "thead",
      {},
      el("tr", {}, ...heads.map((h, k) => el("th", { scope: "col", class: k ? "n" : null }, h))),
    ),
    el(
      "tbody",
      {},
      ...tried.map((row) =>
        el(
          "tr",
          {},
          el(
            "th",
            { scope: "row" },
            say(`change.${row.change}`),
            el("small", {}, [row.before, row.after].filter(Boolean).join(" → ")),
          ),
          el("td", { class: "n" }, signed(row.gained_db)),
          el("td", { class: "n" }, signed(row.gained_people, 0)),
        ),
      ),
    ),
  );
}

/** Return the bars of a village, nothing where its shortfall has no number. */
function causeBars(v) {
  if (!hasCauses(v)) return null;
  const parts = CAUSES.map((name) => [name, v[`cause_${name}_db`]]);
  const most = Math.max(...parts.map(([, value]) => Math.abs(value)), 1);
  const service = serviceName(DATA.class_service);
  const assumed = (v.cause_assumed ?? "").split(", ");
  return el(
    "div",
    { class: "causes" },
    el("p", {}, say("shortfall", { service, db: v.shortfall_db, cell: v.cause_cell })),
    v.cause_note === "nearest_cell" ? el("p", { class: "hint" }, say("shortfall.nearest")) : null,
    el(
      "table",
      {},
      el(
        "tbody",
        {},
        ...parts
          .filter(([, value]) => Math.abs(value) >= 0.05)
          .map(([name, value]) =>
            causeRow(name, value, most, {
              main: name === v.main_cause,
              assumed: assumed.includes(name),
            }),
          ),
      ),
      el(
        "tfoot",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "row" }, say("shortfall.sum")),
          el("td", {}),
          el("td", { class: "n" }, signed(v.shortfall_db)),
        ),
      ),
    ),
    el("p", { class: "hint" }, say("shortfall.note")),
    mendTable(v),
  );
}

/** Return the bars folded away under their sum. */
function causeDetails(v) {
  const bars = causeBars(v);
  if (!bars) return null;
  const summary = say("shortfall.short", {
    db: v.shortfall_db,
    term: say(`term.${v.main_cause}`),
  });
  return el("details", {}, el("summary", {}, summary), bars);
}
