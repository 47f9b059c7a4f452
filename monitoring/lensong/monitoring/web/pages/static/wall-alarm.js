// A wall that may call: a tone and a flash when a site gets into trouble that nobody has taken on.
// Both are off until somebody turns them on at this screen, as browsers allow no sound before a touch.

const live = document.getElementById("live");
const NAME = `lensong${document.documentElement.dataset.root}-wall-`;
let audio = null;

const troubled = () =>
  new Set([...live.querySelectorAll("[data-trouble]")].map((row) => row.dataset.trouble));
let before = troubled();

const wanted = (what) => localStorage.getItem(NAME + what) === "on";

function tone() {
  audio ??= new AudioContext();
  audio.resume();
  for (const [number, hertz] of [880, 660, 880].entries()) {
    const from = audio.currentTime + 0.25 * number;
    const sound = audio.createOscillator();
    const loud = audio.createGain();
    sound.frequency.value = hertz;
    loud.gain.setValueAtTime(0.0001, from);
    loud.gain.exponentialRampToValueAtTime(0.4, from + 0.02);
    loud.gain.exponentialRampToValueAtTime(0.0001, from + 0.2);
    sound.connect(loud).connect(audio.destination);
    sound.start(from);
    sound.stop(from + 0.22);
  }
}

function flash() {
  document.body.classList.remove("is-alarmed");
  void document.body.offsetWidth; // begins the animation anew
  document.body.classList.add("is-alarmed");
}

function show() {
  for (const button of document.querySelectorAll("[data-alarm]"))
    button.setAttribute("aria-pressed", String(wanted(button.dataset.alarm)));
}

// the buttons are drawn anew with the page
addEventListener("click", (event) => {
  const what = event.target.closest("[data-alarm]")?.dataset.alarm;
  if (!what) return;
  localStorage.setItem(NAME + what, wanted(what) ? "off" : "on");
  show();
  if (wanted(what)) ({ sound: tone, flash })[what]();
});
show();

live?.addEventListener("fresh", () => {
  show();
  const now = troubled();
  const fresh = [...now].filter((name) => !before.has(name));
  before = now;
  if (!fresh.length) return;
  for (const row of live.querySelectorAll("[data-trouble]"))
    row.classList.toggle("is-new", fresh.includes(row.dataset.trouble));
  if (wanted("sound")) tone();
  if (wanted("flash")) flash();
});
