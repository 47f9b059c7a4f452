// Forms and buttons that call the API: data-api="POST /api/v1/…". The page itself says what follows.

const token = document.querySelector('meta[name="csrf"]')?.content ?? "";

// where the service is served under a path, every address begins with it
const root = document.documentElement.dataset.root;

const english = document.documentElement.lang === "en";

// details are English: another language has the title, which the API says in it
function story({ title, detail, code, errors, wait }) {
  if (errors?.length) return title;
  if (english) return detail ?? title;
  if (wait) return `${title}. ${wait}`;
  return code === "invalid" && detail ? `${title}: ${detail}` : title;
}

async function call(api, body) {
  const [method, template] = api.split(" ");
  const path = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(body[name]));
  const answer = await fetch(root + path, {
    method,
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": token,
      "Accept-Language": document.documentElement.lang,
    },
    body: method === "DELETE" ? undefined : JSON.stringify(body ?? {}),
  });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok)
    throw Object.assign(new Error(value ? story(value) : String(answer.status)), {
      errors: value?.errors ?? [],
    });
  return value;
}

// 1.1 Mbit/s is 1100000 bit/s, not 1100000.0000000002
const scaled = (text, factor) => Number((Number(text) * Number(factor || 1)).toPrecision(12));

function values(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "checkbox" && !field.checked)) continue;
    if (field.dataset.list !== undefined) (body[field.name] ??= []).push(field.value);
    else if (field.dataset.several !== undefined)
      body[field.name] = field.value
        .split(/[,;]/)
        .map((part) => part.trim())
        .filter(Boolean);
    else if (field.value === "" && field.dataset.optional !== undefined) continue;
    else
      body[field.name] =
        field.dataset.number !== undefined
          ? scaled(field.value, field.dataset.number)
          : field.value + (field.dataset.append ?? ""); // a local time gets its zone
  }
  // "options.to" is a field of the object options
  for (const name of Object.keys(body).filter((key) => key.includes("."))) {
    const [whole, part] = name.split(".");
    (body[whole] ??= {})[part] = body[name];
    delete body[name];
  }
  return body;
}

function tell(element, message) {
  let place = null;
  for (let at = element; at && !place; at = at.parentElement)
    place = at.querySelector("[role=alert]");
  if (place) place.textContent = message;
}

// what is wrong with a field stands beside it; returns what could not be placed
function point(form, errors) {
  for (const old of form.querySelectorAll(".wrong")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    const rest = field.getAttribute("aria-describedby").replace(/ ?wrong-\S+/, "");
    if (rest) field.setAttribute("aria-describedby", rest);
    else field.removeAttribute("aria-describedby");
  }
  const rest = [];
  for (const { pointer, title, detail } of errors) {
    const name = pointer.split("/").pop();
    const field = form.elements.namedItem(name);
    const box = field?.closest?.(".field:not([hidden])");
    if (!box) {
      const label = field?.labels?.[0]?.firstChild.textContent.trim();
      rest.push((label ? `${label}: ` : "") + (english ? detail : (title ?? detail)));
      continue;
    }
    if (box.querySelector(".wrong")) continue;
    const told = document.createElement("p");
    told.className = "wrong";
    told.id = `wrong-${name}`;
    told.textContent = title ?? detail;
    box.append(told);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute(
      "aria-describedby",
      `${field.getAttribute("aria-describedby") ?? ""} ${told.id}`.trim(),
    );
  }
  form.querySelector("[aria-invalid]")?.focus();
  return rest;
}

async function draw(text) {
  const answer = await fetch(`${root}/qr`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token },
    body: JSON.stringify({ text }),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return URL.createObjectURL(await answer.blob());
}

function show(value) {
  const dialog = document.getElementById("shown-once");
  const secret = value?.secret ?? value?.url ?? value?.link?.url;
  if (!dialog || !secret) return false;
  dialog.querySelector("output").textContent = secret;
  const picture = dialog.querySelector("img");
  picture.hidden = true;
  if (/^https?:/.test(secret)) {
    draw(secret).then(
      (url) => {
        picture.src = url;
        picture.hidden = false;
      },
      () => {},
    );
  }
  dialog.addEventListener("close", () => location.reload(), { once: true });
  dialog.showModal();
  return true;
}

function then(what, value) {
  if (!what && show(value)) return;
  if (what?.startsWith("goto:"))
    location.assign(root + what.slice(5).replace(/\{(\w+)\}/g, (_, name) => value?.[name] ?? ""));
  else location.reload();
}

addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit], button:not([type])");
  if (button) button.disabled = true;
  tell(form, "");
  point(form, []);
  try {
    then(form.dataset.then, await call(form.dataset.api, values(form)));
  } catch (error) {
    tell(form, [error.message, ...point(form, error.errors ?? [])].join(" · "));
  } finally {
    if (button) button.disabled = false;
  }
});

addEventListener("reset", (event) => {
  tell(event.target, "");
  point(event.target, []);
});

addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-api]");
  if (button) {
    if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
    button.disabled = true;
    try {
      then(
        button.dataset.then,
        await call(
          button.dataset.api,
          button.dataset.body ? JSON.parse(button.dataset.body) : undefined,
        ),
      );
    } catch (error) {
      tell(button, error.message);
      button.disabled = false;
    }
  }
  if (event.target.closest("[data-print]")) print();
  if (event.target.closest("[data-copy]")) {
    await navigator.clipboard?.writeText(document.querySelector("#shown-once output").textContent);
  }
});

const role = document.querySelector("select[data-role]");
if (role) {
  const choose = () => {
    for (const scope of document.querySelectorAll("[data-scope]")) {
      scope.hidden = scope.dataset.scope !== role.value;
      for (const field of scope.querySelectorAll("input, select")) field.disabled = scope.hidden;
    }
  };
  role.addEventListener("change", choose);
  choose();
}
