// A field with data-finder finds one site by a few letters, by mouse or keyboard. What is sent is its
// identifier, in a hidden field that takes over the name; without this script people type that.

const root = document.documentElement.dataset.root;
let made = 0;

async function found(query) {
  const answer = await fetch(`${root}/find/sites?${new URLSearchParams(query)}`);
  return answer.ok ? answer.json() : { sites: [], more: 0 };
}

function equip(field) {
  const box = field.parentElement;
  const sent = document.createElement("input");
  sent.type = "hidden";
  sent.name = field.name;
  sent.value = field.value;
  sent.disabled = field.disabled;
  if (field.dataset.optional !== undefined) sent.dataset.optional = "";
  field.removeAttribute("name");
  field.value = field.dataset.shown || field.value;
  const list = document.createElement("ul");
  list.id = `found-${++made}`;
  list.setAttribute("role", "listbox");
  list.hidden = true;
  box.append(sent, list);
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": list.id,
    "aria-autocomplete": "list",
  }))
    field.setAttribute(name, value);
  let at = -1,
    asked = 0,
    waiting = 0;

  const options = () => [...list.querySelectorAll("[role=option]")];

  function close() {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function mark(number) {
    const all = options();
    if (!all.length) return;
    at = (number + all.length) % all.length;
    all.forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
    field.setAttribute("aria-activedescendant", all[at].id);
    all[at].scrollIntoView({ block: "nearest" });
  }

  function take(siteId, shown) {
    const changed = sent.value !== siteId;
    sent.value = siteId;
    if (shown !== undefined) field.value = shown;
    field.setCustomValidity(siteId || !field.value.trim() ? "" : field.dataset.finder);
    if (changed) sent.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function show({ sites, more }) {
    list.replaceChildren(
      ...sites.map((site, number) => {
        const option = document.createElement("li");
        option.id = `${list.id}-${number}`;
        option.setAttribute("role", "option");
        option.dataset.siteId = site.site_id;
        option.textContent = site.shown;
        return option;
      }),
    );
    if (!sites.length || more) {
      const told = document.createElement("li");
      told.className = "soft";
      told.textContent = sites.length
        ? field.dataset.more.replace("{n}", more)
        : field.dataset.finder;
      list.append(told);
    }
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    at = -1;
    if (sites.length) mark(0);
  }

  async function look() {
    const number = ++asked;
    const told = await found({ q: field.value.trim() });
    if (number === asked && document.activeElement === field) show(told);
  }

  field.addEventListener("input", (event) => {
    event.stopPropagation(); // the form asks when a site is chosen
    take("");
    clearTimeout(waiting);
    waiting = setTimeout(look, 120);
  });
  field.addEventListener("focus", () => field.select());
  field.addEventListener("click", () => list.hidden && look());
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) look();
      else mark(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !list.hidden && at >= 0) {
      event.preventDefault();
      const chosen = options()[at];
      take(chosen.dataset.siteId, chosen.textContent);
      close();
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // of a dialog around it
      close();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const chosen = event.target.closest("[role=option]");
    if (!chosen) return;
    take(chosen.dataset.siteId, chosen.textContent);
    close();
  });
  field.addEventListener("blur", async () => {
    close();
    clearTimeout(waiting);
    asked++;
    const typed = field.value.trim();
    if (sent.value || !typed) return;
    // an identifier that was typed, or a text that finds one site alone
    let { sites, more } = await found({ site: typed });
    if (!sites.length) ({ sites, more } = await found({ q: typed }));
    if (field.value.trim() === typed && !sent.value && sites.length === 1 && !more)
      take(sites[0].site_id, sites[0].shown);
  });
  field.form?.addEventListener("reset", () => setTimeout(() => take("", "")));
}

for (const field of document.querySelectorAll("[data-finder]")) equip(field);
