// What became of a file: of each row of a list of cells, or of each entry of another file.
import { el, knows, say, tableHead } from "./dom.js";

const MOST_ROWS = 300;
const MOST_CELLS = 4; // named of a row
const FIRST = ["left out", "merged", "not used"]; // what somebody must know comes before the rest

const whereSaid = (where) => {
  const rows = /^(\d+) rows$/.exec(where ?? "");
  if (rows) return say("import.rows", { n: Number(rows[1]) });
  const line = /^line (\d+)$/.exec(where ?? "");
  return line ? say("import.line", { n: line[1] }) : where || say("import.whole");
};
const whySaid = (why) => {
  const key = `import.why.${why.replace(/ \(.*/, "").replace(/\d+/, "n").replace(/\W+/g, "_")}`;
  return knows(key) ? say(key, { n: /\d+/.exec(why)?.[0] ?? "" }) : why;
};
const fateSaid = (fate) => (fate ? say(`fate.${fate.replaceAll(" ", "_")}`) : "");
const fieldSaid = (field) =>
  [`cell.${field}`, `field.${field}`].filter(knows).map((key) => say(key))[0] ?? field;

/** Return the rows of a list of cells: what each became, the unusual first. */
export function rowsOf(entries) {
  const found = new Map();
  for (const entry of entries) {
    if (!found.has(entry.where))
      found.set(entry.where, { where: entry.where, cells: new Set(), given: 0, of: new Map() });
    const row = found.get(entry.where);
    for (const cell of entry.cells ?? []) row.cells.add(cell);
    if (entry.fate === "given") row.given += 1;
    else row.of.set(entry.fate, [...(row.of.get(entry.fate) ?? []), entry]);
  }
  const rank = ({ of }) => [...FIRST, ""].findIndex((fate) => !fate || of.has(fate));
  return [...found.values()].sort((a, b) => rank(a) - rank(b)); // else as in the file
}

/** Return what became of a row, and what of its values. */
function rowOf({ where, cells, given, of }) {
  const gone = of.get("left out") ?? of.get("merged");
  const ids = [...cells];
  const became = gone
    ? [fateSaid(gone[0].fate), gone[0].why && el("small", {}, whySaid(gone[0].why))]
    : ids.slice(0, MOST_CELLS).join(", ") +
      (ids.length > MOST_CELLS ? ` ${say("history.more", { n: ids.length - MOST_CELLS })}` : "");
  const values = (fate, told) => {
    const list = of.get(fate) ?? [];
    return list.length ? el("small", {}, el("b", {}, fateSaid(fate)), `: ${told(list)}`) : "";
  };
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, whereSaid(where)),
    el("td", {}, became),
    el(
      "td",
      {},
      gone ? el("small", {}, gone[0].text || gone[0].value) : "",
      given ? el("small", {}, say("import.given", { n: given })) : "",
      values("not used", (list) =>
        list.map(({ column, text, why }) => `${column} “${text}” (${whySaid(why)})`).join(", "),
      ),
      values("assumed", (list) =>
        list.map(({ field, value }) => `${fieldSaid(field)} ${value}`).join(", "),
      ),
    ),
  );
}

const table = (head, rows, n) => [
  el(
    "div",
    { class: "scroll tall" },
    el(
      "table",
      { class: "list" },
      tableHead(head.map((key) => el("th", { scope: "col" }, say(key)))),
      el("tbody", {}, rows),
    ),
  ),
  n > MOST_ROWS ? el("p", { class: "hint" }, say("import.more", { n: n - MOST_ROWS })) : "",
];

/** Return the table of a list of cells, a line for each of its rows. */
export function tableOfRows(entries) {
  const rows = rowsOf(entries);
  const head = ["import.where", "import.fate", "import.values"];
  return table(head, rows.slice(0, MOST_ROWS).map(rowOf), rows.length);
}

/** Return the table of another file, a line for each entry. */
export function tableOfEntries(entries) {
  const head = ["import.where", "import.field", "import.value", "import.fate"];
  const rows = entries
    .slice(0, MOST_ROWS)
    .map((entry) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, whereSaid(entry.where)),
        el("td", {}, [entry.field, entry.text && `“${entry.text}”`].filter(Boolean).join(" ")),
        el("td", {}, String(entry.value ?? (entry.cells ?? []).join(", "))),
        el(
          "td",
          {},
          fateSaid(entry.fate),
          entry.why ? el("small", {}, ` ${whySaid(entry.why)}`) : "",
        ),
      ),
    );
  return table(head, rows, entries.length);
}
