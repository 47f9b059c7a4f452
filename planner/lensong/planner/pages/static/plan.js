// What is open: the plan, its variants, the network of the one in hand; and every change of it.
import { PLANS, Refusal, get, post, refusalText, remove } from "./api.js";
import { knows, say, tell, time } from "./dom.js";
import { keep } from "./kept.js";
import { whatText } from "./told_edits.js";

export const state = {
  plan: null,
  variants: [],
  variantId: "base",
  network: { revision: 0, masts: [], cells: [], removed_masts: [] },
  selected: new Set(), // of masts
  online: true,
  signedOut: false, // whoever sits here has to sign in again
  laying: false, // the layer shown takes long, and parts of it are not here yet
  waiting: [], // sets of edits that no server has heard of yet
};
const bus = new EventTarget();
/** Hear of something from now on; what it returns ends that. */
export function on(name, act) {
  const heard = ({ detail }) => act(detail);
  bus.addEventListener(name, heard);
  return () => bus.removeEventListener(name, heard);
}
export const emit = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

export const planPath = () => `${PLANS}/${encodeURIComponent(state.plan.plan_id)}`;
export const variantPath = (id = state.variantId) =>
  `${planPath()}/variants/${encodeURIComponent(id)}`;
export const variant = () => state.variants.find((v) => v.variant_id === state.variantId);
export const mastOf = (id) => state.network.masts.find((m) => m.mast_id === id);
export const cellsOf = (mastId) => state.network.cells.filter((c) => c.mast_id === mastId);
export const layerOf = (id) => state.plan.layers.find((l) => l.layer_id === id);
/** Whether the plan can be computed with, not shown from a result's files alone. */
export const hasInputs = () => state.plan.state !== "read_only";
export const mayEdit = () => state.plan.may_edit && state.plan.state === "ready";

export async function loadVariants() {
  state.variants = (await get(`${planPath()}/variants`)).variants;
  if (!variant()) state.variantId = "base";
  emit("variants");
}

/** Read the network of the variant in hand. */
export async function loadNetwork() {
  const id = state.variantId;
  const network = await get(`${variantPath(id)}/network`);
  if (id !== state.variantId) return; // another was chosen meanwhile
  state.network = network;
  const known = new Set(state.plan.antennas.map((a) => a.antenna_id));
  if (network.cells.some((cell) => !known.has(cell.antenna))) await loadAntennas(); // a tilt makes one
  for (const mast of [...state.selected]) if (!mastOf(mast)) state.selected.delete(mast);
  emit("network");
}

/** Bring the list of antennas up to date. */
export async function loadAntennas() {
  state.plan.antennas = (await get(planPath())).antennas;
  emit("antennas-known");
}

/** Take another variant in hand. */
export async function choose(id) {
  state.variantId = id;
  await loadVariants();
  await loadNetwork();
  emit("chosen");
}

export function select(ids, { add = false } = {}) {
  if (!add) state.selected.clear();
  for (const id of ids) {
    if (add && state.selected.has(id) && ids.length === 1) state.selected.delete(id);
    else state.selected.add(id);
  }
  emit("selection");
}

let last = Promise.resolve(); // edits go one after the other
let sending = 0;
export const isSending = () => sending > 0;

/** Let a change begin or end; what was heard before it was answered is looked at after it. */
function sends(more) {
  sending += more;
  if (!sending) emit("sent");
}

/** Let a set of edits wait for a server that answers, or for somebody who signs in. */
function waits(edits, comment) {
  state.waiting.push([edits, comment]);
  keep(state);
  emit("connection");
}

/** Send a set of edits; the first on the plan as read makes a variant for it. */
export function edit(edits, comment = "") {
  last = last.then(() => sent(edits, comment));
  return last;
}

/** Send edits in sets that the server takes; what was taken before a refusal stays, and is told.
 * Before each `goes` hears which of how many it is, and may end it; returns how many were sent. */
export async function editInParts(edits, name, goes = () => true) {
  const { edits_per_set: most, masts_per_set: masts } = state.plan.limits;
  const sets = [];
  let [set, named] = [[], new Set()];
  for (const one of edits) {
    const mast = one.mast_id ?? state.network.cells.find((c) => c.cell_id === one.cell_id)?.mast_id;
    if (set.length === most || (named.size === masts && !named.has(mast))) {
      sets.push(set);
      [set, named] = [[], new Set()];
    }
    set.push(one);
    named.add(mast);
  }
  sets.push(set);
  for (const [k, part] of sets.entries()) {
    const comment = sets.length > 1 ? `${name} ${k + 1}/${sets.length}` : name;
    if (!goes(k + 1, sets.length)) return k;
    if (!(await edit(part, comment))) return 0;
  }
  return sets.length;
}

/** Take back so many steps. */
export async function undoAll(steps) {
  for (let k = 0; k < steps; k += 1) await undo();
}

async function sent(edits, comment) {
  if (!state.online && state.plan.may_edit) {
    waits(edits, comment); // no use to ask
    emit("network");
    return false;
  }
  if (!mayEdit()) {
    tell(say("state.may_not_edit"), { bad: true });
    emit("network");
    return false;
  }
  sends(+1);
  let made = null;
  try {
    if (state.variantId === "base") made = await branch();
    const answer = await post(`${variantPath()}/edits`, {
      revision: state.network.revision,
      comment,
      edits,
    });
    taken(answer);
    if (document.getElementById("told").classList.contains("bad")) tell(""); // it is mended
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 0 || error.status === 401) {
      waits(edits, comment);
      if (error.status === 401) refused(error);
    } else {
      if (made) await dropped(made); // nobody asked for an empty variant
      refused(error, () => edit(edits, comment));
    }
    emit("network"); // back to what is
    return false;
  } finally {
    sends(-1);
  }
}

/** Make a variant of the plan as read, and take it in hand. */
async function branch() {
  let n = state.variants.length;
  const names = new Set(state.variants.map((v) => v.name));
  while (names.has(say("variant.default", { n }))) n += 1;
  const name = say("variant.default", { n });
  const made = await post(`${planPath()}/variants`, { name, comment: "", copy_of: "base" });
  state.variants.push(made);
  state.variantId = made.variant_id;
  state.network.revision = made.revision;
  emit("variants");
  emit("branched"); // it is what was shown, under another name
  tell(say("variant.made", { name }));
  return made.variant_id;
}

/** Take a variant away again that was made for a change which was refused. */
async function dropped(id) {
  try {
    await remove(variantPath(id));
    await choose("base");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // then it stays, empty
  }
}

/** Take over what a set of edits, an undo or a redo changed. */
function taken(answer) {
  const { network } = state;
  network.revision = answer.revision;
  const idOf = (one) => one.cell_id ?? one.mast_id;
  const known = new Set([...network.masts, ...network.cells].map(idOf));
  const antennas = new Set(state.plan.antennas.map((a) => a.antenna_id));
  const others = // not only changed: what came or went stands in an order of its own
    answer.removed_masts.length > 0 ||
    answer.removed_cells.length > 0 ||
    [...answer.masts, ...answer.cells].some((one) => !known.has(idOf(one))) ||
    answer.cells.some((cell) => !antennas.has(cell.antenna));
  const merge = (list, key, changed) => {
    const by = new Map(changed.map((item) => [item[key], item]));
    const kept = list.map((item) => by.get(item[key]) ?? item);
    const known = new Set(list.map((item) => item[key]));
    return [...kept, ...changed.filter((item) => !known.has(item[key]))];
  };
  const gone = new Set([...answer.removed_masts, ...answer.removed_cells]);
  const stays = (one) => !gone.has(idOf(one));
  network.masts = merge(network.masts, "mast_id", answer.masts).filter(stays);
  network.cells = merge(network.cells, "cell_id", answer.cells).filter(stays);
  const now = variant();
  // where it was heard of before it was answered, it may be settled further by now
  if (now)
    Object.assign(
      now,
      answer.variant,
      now.revision < answer.revision ? {} : { settled: now.settled },
    );
  emit("variants");
  emit("network");
  emit("touched", answer.touched);
  if (others) refresh();
}

/** Bring lists up to date. */
const refresh = () =>
  Promise.all([loadVariants(), loadNetwork()]).catch((error) => {
    if (!(error instanceof Refusal)) throw error;
  });

/** Say why a change was refused; of a conflict also by whom, with a way to make it `again`. */
export function refused(error, again) {
  const { problem, status } = error;
  if (status === 401) return emit("signed-out");
  if (status === 409 && problem.code === "stale_revision") {
    const act = again && [say("state.again"), again];
    tell(
      say("state.conflict", {
        who: problem.changed_by || say("state.somebody"),
        when: time(problem.changed_at),
        what: whatText(problem.what),
        revision: problem.revision ?? 0,
      }),
      { bad: true, reload: false, act },
    );
    refresh();
    return;
  }
  const each = (problem.errors ?? []).map(refusedText).filter(Boolean);
  tell(each.length ? each.join(" ") : error.message, { bad: true, reload: false });
}

function refusedText({ key, values, field, value, least, most, detail, title }) {
  if (key && knows(`refused.${key}`)) return say(`refused.${key}`, values);
  const name = [`cell.${field}`, `field.${field}`].find(knows);
  if (!name || (least ?? most) === undefined)
    return refusalText({ code: "invalid", detail: detail ?? title });
  const what = say(name).split(",")[0]; // without its unit
  const kind = least === undefined ? "refused.most" : "refused.least";
  return say(kind, { what, value, limit: least ?? most });
}

async function step(kind, of_others = false) {
  sends(+1);
  try {
    const { revision } = state.network;
    taken(await post(`${variantPath()}/${kind}`, { revision, of_others }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, changed_by, changed_at, what } = error.problem;
    if (code === "of_another") {
      const told = { who: changed_by, when: time(changed_at), what: whatText(what) };
      if (confirm(say(`state.${kind}_of_another`, told))) await step(kind, true);
    } else refused(error);
  } finally {
    sends(-1);
  }
}
export function undo() {
  if (mayEdit() && variant()?.can_undo) last = last.then(() => step("undo"));
  return last;
}
export function redo() {
  if (mayEdit() && variant()?.can_redo) last = last.then(() => step("redo"));
  return last;
}
