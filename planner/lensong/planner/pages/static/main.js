// Starts the page: opens a plan, waits until it is ready, and joins the parts.
import { PLANS, Refusal, get, renewToken } from "./api.js";
import { $, number, percent, say, stageName, tell } from "./dom.js";
import { follow, sendKept } from "./connection.js";
import { startExports } from "./exports.js";
import { startFind } from "./find.js";
import { placeOf } from "./geodesy.js";
import { startImports } from "./imports.js";
import { pin, pinnedPlace, showLayer, startLayers } from "./layers.js";
import { siteOf, siteText, startLive } from "./live.js";
import { found, map, startMap } from "./map.js";
import { onceSeen } from "./mast_signs.js";
import { addMast, copySelected, removeSelected, startMasts } from "./masts.js";
import { startMastPanel } from "./mast_panel.js";
import { startMeasure } from "./measure.js";
import { measuredText, startMeasured } from "./measured.js";
import * as plan from "./plan.js";
import { startProposals } from "./proposals.js";
import { showPathTo, startPath } from "./path.js";
import { isTab, openTab, startTabs } from "./tabs.js";
import { addTool, startTools, take } from "./tools.js";
import { startSaving, startVariants, swipeWith } from "./variants.js";
import { viewOf } from "./view.js";
import { chooseVillage, startVillages, loadVillages } from "./villages.js";
import { showWhy } from "./why.js";

const { state } = plan;

async function start() {
  const wanted = new URLSearchParams(location.search).get("plan");
  try {
    const id = wanted ?? (await get(PLANS)).plans[0]?.plan_id;
    if (!id) return fail(say("start.none"));
    state.plan = await get(`${PLANS}/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return fail(error.message);
  }
  drawState();
  renewToken().catch(ignored); // who sits here is known from now on
  startTabs();
  follow();
  for (const name of ["progress", "state"]) plan.on(name, opening);
  opening();
}

const ignored = (error) => {
  if (!(error instanceof Refusal)) throw error;
};

let started = false;
let refining = false; // what is seen is the first picture

/** Say how far the plan is opened; show it once there is a first picture of it. */
async function opening() {
  drawState();
  const { plan: now } = state;
  if (now.state === "failed") return fail(say("start.failed", { why: now.why ?? "" }));
  const isOpening = now.state === "opening";
  if (isOpening) drawOpening(now);
  try {
    if (started) {
      if (!isOpening) $("opening").hidden = true;
      if (refining && !isOpening) await refined();
      return;
    }
    if (isOpening && !now.has_picture) return;
    started = true;
    state.plan = await get(plan.planPath()); // what was not known while it opened
    refining = state.plan.state === "opening";
    await open();
    if (refining) drawOpening(state.plan); // out of the way of the map
    if (refining && state.plan.state !== "opening") await refined(); // it went on meanwhile
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    started = false;
    fail(error.message);
  }
}

/** Go on from the first picture to what is exact. */
async function refined() {
  refining = false;
  state.plan = await get(plan.planPath());
  $("opening").hidden = true;
  plan.emit("state");
  await plan.loadVariants();
  await plan.loadNetwork();
  plan.emit("chosen");
}

function drawOpening({ title, progress }) {
  const { stage, done = 0, total = 1 } = progress ?? {};
  $("opening").hidden = false;
  $("opening").classList.toggle("aside", started);
  $("opening-stage").textContent = [
    say(started ? "start.refines" : "start.opens", { title }),
    stage && stageName(stage),
  ]
    .filter(Boolean)
    .join(" ");
  Object.assign($("opening-bar"), { max: total || 1, value: done });
}

const fail = (why) => {
  $("opening").hidden = false;
  $("opening-bar").hidden = true;
  $("opening-stage").textContent = why;
};

async function open() {
  const view = viewOf(location.hash);
  document.title = `${state.plan.title} – lensong`;
  $("title").textContent = state.plan.title;
  $("synthetic").hidden = !state.plan.synthetic;
  if (view.variantId) state.variantId = view.variantId;
  if (!plan.hasInputs())
    for (const part of document.querySelectorAll("[data-inputs]")) part.hidden = true;
  const [drawn] = await Promise.all([startMap(view.place), plan.loadVariants()]);
  for (const name of ["variants", "settled", "network", "connection", "state", "progress"])
    plan.on(name, () => onceSeen(drawState));
  for (const name of ["covering", "covered"]) plan.on(name, () => onceSeen(drawState));
  startMastPanel();
  startVillages();
  startVariants();
  startSaving();
  if (drawn) {
    startTools();
    startMasts();
    startLayers();
    startPath();
    startMeasure();
    startExports();
    startImports();
    startMeasured();
    startClicks();
  }
  startFind();
  startLive();
  startProposals();
  await Promise.all([plan.loadNetwork(), loadVillages()]);
  if (drawn) showLayer(view.layerId ?? state.plan.layers[0]?.layer_id);
  bringBack(view, drawn);
  $("opening").hidden = !refining;
  document.body.dataset.ready = "true";
  if (!plan.hasInputs()) tell(state.plan.why, { bad: true }); // until it is closed
  await sendKept();
}

/** Bring back what an address says of the view: what is beside, chosen, pinned and opened. */
function bringBack(view, drawn) {
  const has = (id) => state.variants.some((v) => v.variant_id === id);
  const gone = [view.variantId, view.beside].filter((id) => id && !has(id));
  if (view.layerId && !plan.layerOf(view.layerId)) gone.push(view.layerId);
  if (drawn && view.beside && has(view.beside) && view.beside !== state.variantId)
    swipeWith(view.beside, view.split);
  const masts = view.masts.filter(plan.mastOf);
  if (masts.length) plan.select(masts);
  if (view.village) chooseVillage(view.village);
  if (drawn && view.pin) pin(new maplibregl.LngLat(view.pin.lng, view.pin.lat));
  if (isTab(view.tab)) openTab(view.tab);
  if (gone.length) tell(say("view.gone", { names: gone.join(", ") }), { bad: true, reload: false });
}

const dotAt = (point) => map.queryRenderedFeatures(point, { layers: ["measurements"] })[0];

/** What a click means when no tool is in hand. */
function startClicks() {
  addTool("select", {
    click: ({ point, lngLat, originalEvent }) => {
      const hit = found(point);
      if (hit?.kind === "site") tell(siteText(siteOf(hit.site_id)));
      else if (hit?.kind === "village") chooseVillage(hit.village_id);
      else if (hit?.kind === "mast") {
        if (originalEvent.shiftKey || originalEvent.ctrlKey || originalEvent.metaKey) return;
        plan.select([hit.mast_id]);
      } else pin(lngLat);
      if (!hit && originalEvent.sourceCapabilities?.firesTouchEvents) {
        const dot = dotAt(point); // a finger does not hover
        if (dot) tell(measuredText(dot.properties));
      }
    },
    move: ({ point }) => {
      const dot = dotAt(point);
      $("measured").hidden = !dot;
      if (dot) $("measured").textContent = measuredText(dot.properties);
    },
  });
  addTool("add", {
    click: ({ lngLat }) => {
      take("select");
      addMast(placeOf(lngLat));
    },
  });
  $("here-path").addEventListener("click", () => pinnedPlace() && showPathTo(pinnedPlace()));
  $("here-add").addEventListener("click", () => pinnedPlace() && addMast(pinnedPlace()));
  $("here-why").addEventListener("click", () => {
    const place = pinnedPlace();
    if (place) showWhy(place);
  });
}

const STAGES = { none: ["sweeps", "levels"], villages: ["chances"] };

/** How far something is that takes long, in words: levels after a large change, chances of a large
 * plan. */
function done({ settled, can_undo: undoes }) {
  const { stage, done = 0, total = 0 } = state.plan.progress ?? {};
  if (!total || !STAGES[settled]?.includes(stage)) return "";
  const told = ` (${settled === "none" ? `${stageName(stage)} ` : ""}${percent(done / total)})`;
  return settled === "none" && undoes ? `${told}, ${say("state.undo_ends")}` : told;
}

/** One line: what is seen is of which revision, and whether it is exact yet. */
function drawState() {
  const now = plan.variant();
  const parts = [];
  if (!state.online) {
    const why = state.plan.state === "opening" ? "reopens" : "lost";
    parts.push(say(`state.${state.signedOut ? "signed_out" : why}`));
  }
  if (state.waiting.length) parts.push(say("state.waiting", { n: state.waiting.length }));
  if (state.laying) parts.push(say("state.laying"));
  if (state.plan.state === "read_only") parts.push(say("state.read_only"));
  if (now) {
    parts.push(say("state.revision", { n: now.revision }));
    if (state.plan.state !== "read_only") parts.push(say(`state.${now.settled}`) + done(now));
    if (now.edits) parts.push(say("variant.edits", { n: now.edits }));
  }
  const line = $("state");
  if (line.textContent !== parts.join(" · ")) line.textContent = parts.join(" · ");
  line.dataset.settled = now?.settled ?? "";
  line.classList.toggle("bad", !state.online);
}

// the other language shows the same plan and view
document.querySelector(".language").addEventListener("click", ({ currentTarget: link }) => {
  const address = new URL(link.href);
  const shown = new URLSearchParams(location.search).get("plan");
  if (shown) address.searchParams.set("plan", shown);
  address.hash = location.hash;
  link.href = address;
});
// an address of the same page that is typed in
addEventListener("hashchange", () => location.reload());
$("told-close").addEventListener("click", () => tell(""));
$("reload").addEventListener("click", () => location.reload());
start();
