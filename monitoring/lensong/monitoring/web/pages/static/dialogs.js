// Dialogs with a form: data-dialog="id" opens one, data-fill='{"name": …}' fills in what is there.
// data-when="kind=a b" shows a part only while the field `kind` has one of these values.

const language = document.documentElement.lang;

function open(dialog, given) {
  const form = dialog.querySelector("form");
  form.reset();
  for (const [name, value] of Object.entries(given ?? {})) {
    const field = form.elements.namedItem(name);
    if (!field || value === null) {
      if (field) field.value = "";
      continue;
    }
    if (Array.isArray(value)) {
      if (field.dataset?.several !== undefined) field.value = value.join(", ");
      else for (const box of field) box.checked = value.includes(box.value);
      continue;
    }
    const factor = Number(field.dataset.number || 1);
    field.value = typeof value === "number" ? Number((value / factor).toPrecision(12)) : value;
  }
  for (const field of form.querySelectorAll("[data-fixed]")) field.readOnly = Boolean(given);
  for (const part of dialog.querySelectorAll("[data-for]"))
    part.hidden = (part.dataset.for === "change") !== Boolean(given);
  follow(form);
  dialog.showModal();
}

function follow(form) {
  for (const part of form.querySelectorAll("[data-when]")) {
    const [name, wanted] = part.dataset.when.split("=");
    part.hidden = !wanted.split(" ").includes(form.elements.namedItem(name).value);
    for (const field of part.querySelectorAll("input, select")) field.disabled = part.hidden;
  }
  for (const field of form.querySelectorAll("[data-taken]")) {
    const taken = !field.readOnly && field.dataset.taken.split(" ").includes(field.value);
    field.setCustomValidity(taken ? field.dataset.takenText : "");
  }
  const needed = form.querySelector("[data-uplink]");
  if (needed) {
    const bps = [...form.querySelectorAll("[data-rate]")].reduce(
      (sum, field) => sum + field.value * field.dataset.number,
      0,
    );
    const mbps = (bps * needed.dataset.uplink) / 1e6,
      digits = mbps >= 9.95 ? 0 : mbps >= 0.95 ? 1 : 2;
    const text = new Intl.NumberFormat(language, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(mbps);
    needed.textContent = mbps > 0 ? `${text}\u00a0Mbit/s` : "–";
  }
}

addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener)
    open(
      document.getElementById(opener.dataset.dialog),
      opener.dataset.fill ? JSON.parse(opener.dataset.fill) : null,
    );
  event.target.closest("[data-close]")?.closest("dialog").close();
});

// an identifier follows the name it is made of, until somebody types one
const plain = (text) =>
  text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");
addEventListener("input", (event) => {
  const made = event.target.form?.querySelector("[data-identifier-of]");
  if (event.target === made) made.dataset.typed = "";
  else if (
    made &&
    made.dataset.typed === undefined &&
    made.dataset.identifierOf === event.target.name
  )
    made.value = (plain(event.target.value).match(/[a-z0-9]+/g) ?? [])
      .join("-")
      .slice(0, 64)
      .replace(/-$/, "");
});

addEventListener("input", (event) => {
  const form = event.target.closest("dialog form");
  if (form) follow(form);
});
