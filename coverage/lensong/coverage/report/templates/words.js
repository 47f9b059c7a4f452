// Data of the page, the two languages, numbers as each writes them.
const DATA = JSON.parse(document.getElementById("report-data").textContent);
const LOCALES = { vi: "vi-VN", en: "en-GB" };
let language = (navigator.languages ?? [navigator.language]).some((l) => l.startsWith("vi"))
  ? "vi"
  : "en";

/** Return a message; `{n:2}` takes a number with at most two decimals, strings go in as they are. */
function say(key, values = {}) {
  const entry = DATA.messages[key];
  if (!entry) return key.split(".").slice(1).join(".") || key;
  const text =
    values.n === 1 && entry[`${language}_one`] ? entry[`${language}_one`] : entry[language];
  return text.replace(/\{(\w+)(?::(\d))?\}/g, (_, name, digits) =>
    typeof values[name] === "number"
      ? number(values[name], +(digits ?? 0), true)
      : (values[name] ?? ""),
  );
}

/** Return a number in the language's form, "–" for none; `short` drops trailing zeros. */
function number(value, digits = 0, short = false) {
  if (value === null || value === undefined) return "–";
  const form = { minimumFractionDigits: short ? 0 : digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(LOCALES[language], form).format(value).replace("-", "−");
}

const percent = (share) =>
  share === null || share === undefined ? "–" : `${number(100 * share, 0)} %`;
const operatorName = (name) => name || say("operator.none");
const serviceName = (name) => say(`service.${name}`);

/** Return text without case and accents: "Bình Lư" is found by "binh lu". */
function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();
}

/** Return an element; attributes by name, children as text or elements. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return the date of the plan, or that of the file where the plan does not say. */
function dateText() {
  const date = new Date(DATA.generated_at ?? document.lastModified);
  if (Number.isNaN(date.getTime())) return DATA.generated_at ?? "";
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "long" }).format(date);
}

const onLanguage = [];

function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
  }
  for (const node of document.querySelectorAll("[data-say-label]"))
    node.setAttribute("aria-label", say(node.dataset.sayLabel));
  for (const node of document.querySelectorAll("[data-say-hint]"))
    node.placeholder = say(node.dataset.sayHint);
  for (const node of document.querySelectorAll("[data-date]"))
    node.textContent = say("map.date", { date: dateText() });
  for (const node of document.querySelectorAll("[data-origin]")) {
    node.textContent = say("map.origin", {
      origin: DATA.origin.map((s) => s.path).join(", ") || "–",
    });
  }
  for (const follow of onLanguage) follow();
}

/** Offer a file to the reader. */
function download(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = (ending) =>
  `${
    fold(DATA.title)
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "lensong"
  }-${ending}`;
