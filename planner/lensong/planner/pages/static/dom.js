// Elements, words and numbers: what every other script says things with.
export const ROOT = document.documentElement.dataset.root;
export const language = document.documentElement.lang;
const WORDS = JSON.parse(document.getElementById("words").textContent);
export const LOCALE = { vi: "vi-VN", en: "en-GB" }[language];

export const $ = (id) => document.getElementById(id);

/** Return a message; `{n:2}` takes a number with at most two decimals. */
export function say(key, values = {}) {
  const text = (values.n === 1 && WORDS[`${key}.one`]) || WORDS[key];
  if (text === undefined) return key.split(".").slice(1).join(".") || key;
  return text.replace(/\{(\w+)(?::(\d))?\}/g, (_, name, digits) =>
    typeof values[name] === "number"
      ? number(values[name], +(digits ?? 0), true)
      : (values[name] ?? ""),
  );
}

/** Whether there is such a message. */
export const knows = (key) => WORDS[key] !== undefined;

/** Return what is being done, in the page's language. */
export const stageName = (stage) => {
  const key = `stage.${stage.replaceAll(" ", "_")}`;
  return knows(key) ? say(key) : stage;
};

const forms = new Map(); // a form of numbers takes longer to make than to use

/** Return a number in the language's form, "–" for none; `short` drops trailing zeros. */
export function number(value, digits = 0, short = false) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const name = `${digits} ${short}`;
  if (!forms.has(name))
    forms.set(
      name,
      new Intl.NumberFormat(LOCALE, {
        minimumFractionDigits: short ? 0 : digits,
        maximumFractionDigits: digits,
        signDisplay: "negative", // no −0
      }),
    );
  return forms.get(name).format(value).replace("-", "−");
}

/** Return a number with its sign, for differences. */
export const signed = (value, digits = 0) =>
  value > 0 ? `+${number(value, digits)}` : number(value, digits);

export const percent = (share) =>
  share === null || share === undefined ? "–" : `${number(100 * share, 0)} %`;
export const serviceName = (name) => say(`service.${name}`);
export const operatorName = (name) => name || say("operator.none");
export const time = (text) =>
  text
    ? new Intl.DateTimeFormat(LOCALE, { dateStyle: "short", timeStyle: "short" }).format(
        new Date(text),
      )
    : "–";

/** Return text without case and accents: "Bình Lư" is found by "binh lu". */
export const fold = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();

/** Return an element; attributes by name, `on…` as listeners, `style` as an object. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return the head of a table, a row of cells. */
export const tableHead = (...cells) => el("thead", {}, el("tr", {}, ...cells));

/** Return an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style")
      Object.assign(made.style, value); // no style attribute: the policy forbids it
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return made;
}

export const button = (text, onclick, attributes = {}) =>
  el("button", { type: "button", onclick, ...attributes }, text);

/** Return a table of rows with a head each, for facts. */
export const facts = (rows) =>
  el(
    "table",
    { class: "facts" },
    el(
      "tbody",
      {},
      rows
        .filter(Boolean)
        .map(([name, value]) =>
          el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "n" }, value)),
        ),
    ),
  );

/** Offer a file to the reader. */
export function download(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Say something to everybody, also to those who do not see the page; bad news stays, with what can
 * be done about it: `act`, its words and a function. */
export function tell(text, { bad = false, reload = bad, act = null } = {}) {
  const box = $("told");
  $("reload").hidden = !reload; // no page loaded anew mends a value
  $("told-act").hidden = !act;
  if (act) {
    $("told-act").textContent = act[0];
    $("told-act").onclick = () => {
      tell("");
      act[1]();
    };
  }
  box.classList.toggle("bad", bad);
  box.querySelector("span").textContent = text;
  box.hidden = !text;
  clearTimeout(tell.later);
  if (text && !bad && !act) tell.later = setTimeout(() => (box.hidden = true), 6000);
}

/** Put children into a box; who was in it with the keyboard stays: in the same control, or at its head. */
export function refill(box, ...children) {
  const held = box.contains(document.activeElement) ? document.activeElement : null;
  const nameOf = (e) => e.dataset.field ?? e.textContent;
  const name = held && nameOf(held);
  box.replaceChildren(...children);
  if (!held) return;
  const controls = [...box.querySelectorAll("button, input, select, textarea, summary")];
  const same = controls.find((e) => nameOf(e) === name && !e.disabled);
  const head = box.querySelector("h2");
  if (!same && head) head.tabIndex = -1;
  (same ?? head)?.focus();
}

/** Run something at most once a frame. */
export function onFrame(act) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      act();
    });
  };
}

/** Run something once what was drawn until now is seen. */
export const afterPaint = (act) => requestAnimationFrame(() => requestAnimationFrame(act));
