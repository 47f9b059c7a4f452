// A file dropped on the map: what became of each row, and then its edits as one set.
import { Refusal, ask } from "./api.js";
import { $, button, el, say, tell } from "./dom.js";
import { rowsOf, tableOfEntries, tableOfRows } from "./import_table.js";
import {
  editInParts,
  loadAntennas,
  mayEdit,
  planPath,
  state,
  undoAll,
  variantPath,
} from "./plan.js";

/** Say why a file was refused, with its name once. */
const refuse = (file, { message }) =>
  tell(message.includes(file.name) ? message : `${file.name}: ${message}`, { bad: true });

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
    readAll([...event.dataTransfer.files]);
  });
  $("import").addEventListener("change", ({ target }) => {
    readAll([...target.files]);
    target.value = "";
  });
}

/** Read files one after the other: the next when what became of the one before was looked at. */
async function readAll(files) {
  for (const file of files) {
    if (!(await read(file))) return;
    const dialog = $("import-dialog");
    if (dialog.open)
      await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  }
}

/** Read a file and show what became of it; false where it was refused. */
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
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refuse(file, error);
    return false;
  }
}

/** What can be done with a file of a kind: how that is called, doing it, and what is said then. */
const ACTIONS = {
  cells: ({ edits }, file) => ({
    label: say("import.apply", { n: edits.length }),
    may: edits.length > 0 && mayEdit(),
    act: (goes) => editInParts(edits, file.name, goes),
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

function kindText({ kind, rows, measured_rows: measured }) {
  const n = kind === "cells" ? rowsOf(rows).length : (measured ?? rows.length);
  return say(`import.kind.${kind}`, { n });
}

function show(file, answer) {
  const { kind, rows } = answer;
  const dialog = $("import-dialog");
  const action = ACTIONS[kind](answer, file);
  const go = button(
    action.label,
    async () => {
      go.disabled = true;
      try {
        const goes = (k, n) => {
          if (n > 1) go.textContent = say("import.sends", { k, n });
          return dialog.open; // who closes it ends it
        };
        const done = await action.act(goes);
        const whole = dialog.open;
        dialog.close(); // it would hide what is told
        const act = done > 1 && [say("import.back", { n: done }), () => undoAll(done)];
        if (done) tell(whole ? action.done : say("import.ended", { n: done }), { act });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        dialog.close();
        refuse(file, error);
      }
    },
    { class: "main", disabled: !action.may },
  );
  dialog.replaceChildren(
    el("h2", {}, say("import.title", { name: file.name })),
    el("p", { class: "hint" }, kindText(answer)),
    ...(kind === "cells" ? tableOfRows(rows) : tableOfEntries(rows)),
    el(
      "div",
      { class: "buttons" },
      go,
      button(say("action.close"), () => dialog.close()),
    ),
  );
  dialog.showModal();
}
