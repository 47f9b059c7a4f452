// The plan's events, heard as they come; a server that does not answer, a session that has ended.
import { Refusal, get, renewToken } from "./api.js";
import { ROOT, say, tell } from "./dom.js";
import { keep, kept } from "./kept.js";
import * as plan from "./plan.js";
import { whatText } from "./told_edits.js";

const { emit, on, planPath, state } = plan;
const AGAIN_MS = 2000;
const KINDS = [
  "variant",
  "settled",
  "progress",
  "state",
  "job",
  "failed",
  "measurements",
  "antennas",
];
let source = null;
let later = 0;
const meanwhile = []; // what was heard of variants while a change of ours was on its way

/** Follow the plan's events; after a break everything is asked again, and what waited is sent. */
export function follow() {
  source?.close();
  source = new EventSource(`${planPath()}/events`);
  for (const name of KINDS)
    source.addEventListener(name, ({ data }) => heard(name, JSON.parse(data)));
  source.onopen = () => state.online || resume();
  source.onerror = lost;
}

on("sent", () => {
  for (const data of meanwhile.splice(0)) changed(data, { quiet: true });
});
on("signed-out", () => {
  signedOut();
  source?.close();
  lost();
});
addEventListener("beforeunload", (event) => state.waiting.length && event.preventDefault());

/** Send what waited before this page was loaded again. */
export async function sendKept() {
  const { variantId, waiting } = kept(state);
  if (!waiting.length || !plan.mayEdit()) return;
  if (state.variants.some((v) => v.variant_id === variantId) && variantId !== state.variantId)
    await plan.choose(variantId);
  state.waiting.push(...waiting);
  send();
}

function send() {
  const waited = state.waiting.splice(0);
  keep(state);
  for (const [edits, comment] of waited) plan.edit(edits, comment);
  if (waited.length) tell(say("state.sent", { n: waited.length }));
}

/** Go on after a break: ask everything again, and send what waited. */
async function resume() {
  try {
    const now = await get(planPath());
    if (state.online) return; // it was told meanwhile that it is ready
    if (now.state === "opening") {
      // a server that was started anew; its `state` tells when there is something to ask for
      Object.assign(state.plan, { state: now.state, progress: now.progress });
      emit("state");
      return;
    }
    const other = await renewToken();
    state.plan = now;
    state.online = true;
    if (state.signedOut) tell("");
    state.signedOut = false;
    emit("connection");
    emit("state");
    await plan.loadVariants();
    await plan.loadNetwork();
    emit("chosen");
    const n = state.waiting.length;
    // somebody else may have signed in
    if (!other || !n || confirm(say("state.sent_as", { n, who: other }))) send();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    source.close(); // open or not, its server does not answer: try again from the start
    lost();
  }
}

function lost() {
  if (state.online) {
    state.online = false;
    emit("connection");
  }
  // a browser tries again by itself unless it was refused
  if (source.readyState === EventSource.CLOSED) soon();
}

function soon() {
  clearTimeout(later);
  later = setTimeout(again, AGAIN_MS);
}

/** Follow again, unless nobody is signed in. */
async function again() {
  try {
    if (!state.online) await get(planPath());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) signedOut();
    return soon();
  }
  follow();
}

function signedOut() {
  if (state.signedOut) return;
  state.signedOut = true;
  emit("connection");
  const act = [say("state.sign_in"), () => open(`${ROOT}/sign-in?next=/planner`, "_blank")];
  tell(say("state.signed_out"), { bad: true, reload: false, act });
}

/** Follow what somebody did to a variant; what we did ourselves is known already. */
function changed(data, { quiet = false } = {}) {
  if (data.variant_id === state.variantId && data.revision !== null) {
    if (data.revision <= state.network.revision) return;
    plan.loadNetwork().catch(ignored);
    const who = data.changed_by || say("state.somebody");
    if (!quiet) tell(say("state.changed_by", { who, what: whatText(data.what) }));
  }
  followVariants().catch(ignored);
}

function heard(name, data) {
  if (name === "variant") {
    if (plan.isSending()) meanwhile.push(data);
    else changed(data);
  } else if (name === "settled") {
    state.plan.progress = null; // of what comes next there is another
    const found = state.variants.find((v) => v.variant_id === data.variant_id);
    if (found && data.revision >= found.revision)
      Object.assign(found, { settled: data.settled, revision: data.revision });
  } else if (name === "state") {
    Object.assign(state.plan, data);
    if (!state.online && data.state !== "opening") resume();
  } else if (name === "progress") state.plan.progress = data;
  else if (name === "antennas") plan.loadAntennas().catch(ignored);
  else if (name === "failed") tell(say("state.failed", { why: data.why }), { bad: true });
  emit(name, data);
}

/** Bring the list up to date; where the variant in hand was deleted by somebody, go to the base. */
async function followVariants() {
  const held = state.variantId;
  await plan.loadVariants();
  if (state.variantId === held) return;
  await plan.loadNetwork();
  emit("chosen");
}

const ignored = (error) => {
  if (!(error instanceof Refusal)) throw error; // the next event asks again
};
