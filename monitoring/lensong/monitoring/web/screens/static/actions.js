// Forms and buttons that call the API: data-api="POST /api/v1/…". The page itself says what follows.

const token = document.querySelector('meta[name="csrf"]')?.content ?? "";

async function call(api, body) {
  const [method, path] = api.split(" ");
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token, "Accept-Language": document.documentElement.lang },
    body: method === "DELETE" ? undefined : JSON.stringify(body ?? {}),
  });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(value?.detail ?? value?.title ?? String(answer.status));
  return value;
}

function values(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "checkbox" && !field.checked)) continue;
    if (field.dataset.list !== undefined) (body[field.name] ??= []).push(field.value);
    else if (field.value === "" && field.dataset.optional !== undefined) continue;
    else body[field.name] = field.dataset.number !== undefined ? Number(field.value) * Number(field.dataset.number || 1) : field.value;
  }
  return body;
}

function tell(element, message) {
  const place = element.closest("form, section, article, main")?.querySelector("[role=alert]")
    ?? document.querySelector("[role=alert]");
  if (place) place.textContent = message;
}

async function draw(text) {
  const answer = await fetch("/qr", {
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
    draw(secret).then((url) => { picture.src = url; picture.hidden = false; }, () => {});
  }
  dialog.addEventListener("close", () => location.reload(), { once: true });
  dialog.showModal();
  return true;
}

function then(what, value) {
  if (show(value)) return;
  if (what?.startsWith("goto:")) location.assign(what.slice(5).replace("{session_id}", value?.session_id ?? ""));
  else location.reload();
}

addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit], button:not([type])");
  if (button) button.disabled = true;
  tell(form, "");
  try {
    then(form.dataset.then, await call(form.dataset.api, values(form)));
  } catch (error) {
    tell(form, error.message);
  } finally {
    if (button) button.disabled = false;
  }
});

addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-api]");
  if (button) {
    if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
    button.disabled = true;
    try {
      then(button.dataset.then, await call(button.dataset.api, button.dataset.body ? JSON.parse(button.dataset.body) : undefined));
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

// search without accents: "binh lu" finds Bình Lư
const plain = (text) => text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");
for (const search of document.querySelectorAll("[data-search]")) {
  search.addEventListener("input", () => {
    const wanted = plain(search.value.trim());
    let shown = 0;
    for (const row of document.querySelectorAll(`${search.dataset.search} [data-row]`)) {
      row.hidden = !plain(row.dataset.row).includes(wanted);
      shown += !row.hidden;
    }
    const count = document.querySelector("[data-count]");
    if (count) count.textContent = shown;
  });
}

const role = document.querySelector("select[data-role]");
if (role) {
  const choose = () => {
    for (const scope of document.querySelectorAll("[data-scope]")) {
      scope.hidden = scope.dataset.scope !== role.value;
      scope.querySelector("select").disabled = scope.hidden;
    }
  };
  role.addEventListener("change", choose);
  choose();
}
