// A file dropped on the map: what became of each row, and then its edits as one set.
import { Refusal, ask } from "./api.js";
import { $, button, el, number, say, tell } from "./dom.js";
import { edit, mayEdit, on, state, variantPath } from "./plan.js";
import { map, setPoints } from "./map.js";

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
  on("chosen", drawMeasurements);
  drawMeasurements();
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

function show(file, { kind, rows, edits = [] }) {
  const dialog = $("import-dialog");
  const head = ["import.where", "import.field", "import.value", "import.fate"];
  const go = button(
    say("import.apply", { n: edits.length }),
    async () => {
      go.disabled = true;
      if (await edit(edits, file.name)) {
        dialog.close();
        tell(say("import.done", { n: edits.length, name: file.name }));
      } else go.disabled = false;
    },
    { class: "main", disabled: !edits.length || !mayEdit() },
  );
  dialog.replaceChildren(
    el("h2", {}, say("import.title", { name: file.name })),
    el("p", { class: "hint" }, say(`import.kind.${kind}`, { n: rows.length })),
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
                el("th", { scope: "row" }, String(row.where ?? "")),
                el("td", {}, [row.field, row.text && `“${row.text}”`].filter(Boolean).join(" ")),
                el("td", {}, String(row.value ?? (row.cells ?? []).join(", "))),
                el("td", {}, fateSaid(row.fate), row.why ? el("small", {}, ` ${row.why}`) : ""),
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

const fateSaid = (fate) => (fate ? say(`fate.${fate.replaceAll(" ", "_")}`) : "");

/** Measured places, coloured by how far they are from what is predicted there. */
async function drawMeasurements() {
  let found = { features: [] };
  try {
    if (state.plan.measurements)
      found = await (await ask("GET", `${variantPath()}/measurements`)).json();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  const box = document.querySelector('[data-overlay="measurements"]').closest("label");
  box.hidden = !found.features.length;
  $("measured-key").hidden = !found.features.length;
  for (const feature of found.features) {
    const { measured, predicted } = feature.properties;
    const off = measured - predicted;
    feature.properties.colour =
      predicted === null || Number.isNaN(off)
        ? "#9aa3ad"
        : off < -6
          ? "#a3123a"
          : off > 6
            ? "#0b5cad"
            : "#00734f";
  }
  map?.getSource("measurements").setData({ type: "FeatureCollection", ...found });
}

/** Return what a measured place says, for the pointer. */
export const measuredText = ({ measured, predicted, unit, source }) =>
  say("measured.told", {
    measured,
    predicted,
    unit,
    off: measured - predicted,
    source: source ?? "",
  });
