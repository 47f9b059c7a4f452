// The verdict of a session before it is saved: asked again whenever the form changes.

const form = document.getElementById("new-session");
const part = document.getElementById("verdict");
const save = document.getElementById("save");
const root = document.documentElement.dataset.root;
let waiting = 0,
  asked = 0;

async function ask() {
  const number = ++asked;
  const query = new URLSearchParams({
    site: form.site.value,
    profile: form.profile.value,
    start: form.start.value,
    minutes: form.minutes.value,
    motion: form.motion.value,
    operator: form.operator.value.trim(),
    besides: form.dataset.besides,
  });
  if (!form.site.value || !form.start.value || !form.reportValidity()) return;
  part.setAttribute("aria-busy", "true");
  const answer = await fetch(`${root}/sessions/new/verdict?${query}`, {
    headers: { Accept: "text/html" },
  });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== asked) return;
  const fresh = page.getElementById("verdict-part") ?? page.querySelector("main");
  part.replaceChildren(...(fresh ? fresh.childNodes : []));
  part.removeAttribute("aria-busy");
  const times = fresh?.dataset ?? {};
  save.disabled = !answer.ok || times.over !== undefined;
  if (answer.ok) {
    save.form.starts_at.value = times.startsAt;
    save.form.ends_at.value = times.endsAt;
    save.form.site_id.value = form.site.value;
    save.form.profile_code.value = form.profile.value;
    save.form.motion.value = form.motion.value;
    save.form.lane.value = form.lane.value;
    save.form.operator.value = form.operator.value.trim();
  }
}

form.addEventListener("input", () => {
  save.disabled = true;
  clearTimeout(waiting);
  waiting = setTimeout(ask, 200);
});
form.addEventListener("submit", (event) => event.preventDefault());
ask();
