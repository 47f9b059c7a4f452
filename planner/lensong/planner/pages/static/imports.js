// A file dropped on the map: what became of each row, and then its edits as one set.
import { Refusal, ask } from "./api.js";
import { $, button, el, knows, say, tell } from "./dom.js";
import { editInParts, loadAntennas, mayEdit, planPath, state, variantPath } from "./plan.js";

const MOST_ROWS = 300;

export function startImports() {
  const area = $("map-area");
  for (const kind of ["dragenter", "dragover"])
    area.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      area.classList.add("drop");
    });
  for (const kind of ["dragleave", "drop"])
    area.addEventListener(kind, () => area.classList.remove("drop"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) read(file);
  });
  $("import").addEventListener("change", ({ target }) => {
    if (target.files[0]) read(target.files[0]);
    target.value = "";
  });
}

async function read(file) {
  tell(say("import.reads", { name: file.name }));
  try {
    const answer = await ask(
      "POST",
      `${variantPath()}/read?name=${encodeURIComponent(file.name)}`,
      {
        raw: file,
      },
    );
    show(file, await answer.json());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    tell(`${file.name}: ${error.message}`, { bad: true });
  }
}

/** What can be done with a file of a kind: how that is called, doing it, and what is said then. */
const ACTIONS = {
  cells: ({ edits }, file) => ({
    label: say("import.apply", { n: edits.length }),
    may: edits.length > 0 && mayEdit(),
    act: () => editInParts(edits, file.name),
    done: say("import.done", { n: edits.length, name: file.name }),
  }),
  antenna: (answer, file) => ({
    label: say("import.antenna.take"),
    may: mayEdit(),
    act: async () => {
      await keep("antennas", file);
      await loadAntennas();
      return true;
    },
    done: say("import.antenna.done", { name: file.name }),
  }),
  measurements: (answer, file) => ({
    label: say("import.measurements.take"),
    may: state.plan.may_measure,
    act: () => keep("measurements", file),
    done: say("import.measurements.done", { name: file.name, n: answer.places }),
  }),
};

const keep = (what, file) =>
  ask("POST", `${planPath()}/${what}?name=${encodeURIComponent(file.name)}`, { raw: file });

function show(file, answer) {
  const { kind, rows } = answer;
  const dialog = $("import-dialog");
  const head = ["import.where", "import.field", "import.value", "import.fate"];
  const action = ACTIONS[kind](answer, file);
  const go = button(
    action.label,
    async () => {
      go.disabled = true;
      try {
        if (await action.act()) {
          dialog.close();
          tell(action.done);
          return;
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        dialog.close(); // it would hide what is told
        tell(`${file.name}: ${error.message}`, { bad: true });
      }
      go.disabled = false;
    },
    { class: "main", disabled: !action.may },
  );
  dialog.replaceChildren(
    el("h2", {}, say("import.title", { name: file.name })),
    el(
      "p",
      { class: "hint" },
      say(`import.kind.${kind}`, { n: answer.measured_rows ?? rows.length }),
    ),
    el(
      "div",
      { class: "scroll tall" },
      el(
        "table",
        { class: "list" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            head.map((key) => el("th", { scope: "col" }, say(key))),
          ),
        ),
        el(
          "tbody",
          {},
          rows
            .slice(0, MOST_ROWS)
            .map((row) =>
              el(
                "tr",
                {},
                el("th", { scope: "row" }, whereSaid(row.where)),
                el("td", {}, [row.field, row.text && `“${row.text}”`].filter(Boolean).join(" ")),
                el("td", {}, String(row.value ?? (row.cells ?? []).join(", "))),
                el(
                  "td",
                  {},
                  fateSaid(row.fate),
                  row.why ? el("small", {}, ` ${whySaid(row.why)}`) : "",
                ),
              ),
            ),
        ),
      ),
      rows.length > MOST_ROWS
        ? el("p", { class: "hint" }, say("import.more", { n: rows.length - MOST_ROWS }))
        : "",
    ),
    el(
      "div",
      { class: "buttons" },
      go,
      button(say("action.close"), () => dialog.close()),
    ),
  );
  dialog.showModal();
}

const whereSaid = (where) => {
  const rows = /^(\d+) rows$/.exec(where ?? "");
  return rows ? say("import.rows", { n: Number(rows[1]) }) : String(where ?? "");
};
const whySaid = (why) => {
  const key = `import.why.${why.replace(/ \(.*/, "").replace(/\W+/g, "_")}`;
  return knows(key) ? say(key) : why;
};
const fateSaid = (fate) => (fate ? say(`fate.${fate.replaceAll(" ", "_")}`) : "");
