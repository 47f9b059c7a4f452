// A list is checked first and shown row by row; then all of it is taken in, or what is fine.

const words = JSON.parse(document.getElementById("words").textContent);
const language = document.documentElement.lang;
const token = document.querySelector('meta[name="csrf"]')?.content ?? "";
const form = document.getElementById("upload");
const preview = document.getElementById("preview");
const done = document.getElementById("done");
const buttons = {
  all: document.getElementById("take-all"),
  fine: document.getElementById("take-fine"),
};

const say = (key, values = {}) =>
  (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? "–"));

const KINDS = {
  ics: "text/calendar",
  ical: "text/calendar",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xls: "application/vnd.ms-excel",
  geojson: "application/geo+json",
  json: "application/geo+json",
  gpkg: "application/geopackage+sqlite3",
  zip: "application/zip",
  fgb: "application/flatgeobuf",
  kml: "application/vnd.google-earth.kml+xml",
};

async function send(options) {
  const file = form.file.files[0];
  const kind = KINDS[file.name.toLowerCase().split(".").pop()] ?? "text/csv";
  const query = new URLSearchParams(options);
  if (form.kind.value === "sessions")
    for (const name of ["site", "profile"]) if (form[name].value) query.set(name, form[name].value);
  if (form.kind.value === "communes" && form.layer.value) query.set("layer", form.layer.value);
  const answer = await fetch(
    `${document.documentElement.dataset.root}/api/v1/import/${form.kind.value}?${query}`,
    {
      method: "POST",
      headers: {
        "Content-Type": kind,
        "X-CSRF-Token": token,
        "Accept-Language": language,
      },
      body: file,
    },
  );
  const value = await answer.json();
  if (answer.ok) return value;
  const rows = (value.errors ?? []).map((error) => error.title ?? error.detail);
  throw new Error([value.title, ...(rows.length ? rows : [value.detail])].join(" · "));
}

function row(cells, className) {
  const made = document.createElement("tr");
  made.className = className;
  cells.forEach((text, at) => {
    const cell = document.createElement(at === 1 ? "th" : "td");
    if (at === 1) cell.scope = "row";
    if (at === 0) cell.className = "n";
    cell.textContent = text;
    made.append(cell);
  });
  return made;
}

const reason = (note) => (note.column ? `${note.column}: ${note.text}` : note.text);

function counted(told) {
  const parts = Object.entries(told.counts).map(([fate, n]) => `${n} ${say(`import.${fate}`)}`);
  if (told.refused.length) parts.push(`${told.refused.length} ${say("import.refused")}`);
  if (told.outlines) parts.push(say("import.outlines", { n: told.outlines }));
  if (told.over) parts.push(`${told.over} ${say("import.over")}`);
  return parts.join(" · ") || say("import.nothing");
}

function show(told) {
  document.getElementById("counts").textContent = counted(told);
  const noticed = document.getElementById("noticed");
  noticed.replaceChildren();
  const note = (text) => {
    const line = document.createElement("li");
    line.textContent = text;
    noticed.append(line);
  };
  if (told.ignored_columns.length)
    note(say("import.ignored", { columns: told.ignored_columns.join(", ") }));
  const about = new Map();
  for (const item of told.notes) {
    if (item.title) about.set(item.row, [...(about.get(item.row) ?? []), reason(item)]);
    else note(reason(item));
  }
  const rows = [
    ...told.refused.map((item) => [item.row, item.title, "refused", reason(item)]),
    ...told.items.map((item) => [
      item.row,
      item.name,
      item.fate,
      (about.get(item.row) ?? []).join(" · "),
    ]),
  ];
  // what is refused first: it is what has to be looked at
  document
    .querySelector("#rows tbody")
    .replaceChildren(
      ...rows.map(([line, title, fate, why]) =>
        row([line || "–", title || "–", say(`import.${fate}`), why], `fate-${fate}`),
      ),
    );
  const fine = told.items.filter((item) => item.fate !== "unchanged").length;
  buttons.all.hidden = told.refused.length > 0 || fine === 0;
  buttons.fine.hidden = told.refused.length === 0 || fine === 0;
  buttons.all.textContent = say("import.take_all", { n: fine });
  buttons.fine.textContent = say("import.take_fine", { n: fine });
  preview.hidden = false;
}

function tell(element, text) {
  element.querySelector("[role=alert]").textContent = text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  preview.hidden = done.hidden = true;
  tell(form, "");
  tell(preview, "");
  try {
    show(await send({ dry_run: true, skip_refused: true }));
    preview.scrollIntoView({ block: "start" });
  } catch (error) {
    tell(form, error.message);
  } finally {
    button.disabled = false;
  }
});

for (const [which, button] of Object.entries(buttons))
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const told = await send({ skip_refused: which === "fine" });
      done.querySelector(".lead").textContent = counted(told);
      preview.hidden = true;
      done.hidden = false;
      done.querySelector("a:not([hidden])")?.focus();
    } catch (error) {
      tell(preview, error.message);
    } finally {
      button.disabled = false;
    }
  });

// another file, or another kind: what was shown is of neither
form.addEventListener("input", () => {
  preview.hidden = done.hidden = true;
  follow();
});

function follow() {
  for (const part of document.querySelectorAll("[data-kind]"))
    part.hidden = part.dataset.kind !== form.kind.value;
}
follow();
