// Variants: made, copied, named, told of; their history; two side by side; saved and planned.
import { Refusal, get, patch, post, remove } from "./api.js";
import { $, button, el, number, say, stageName, tell, time } from "./dom.js";
import { cancelJob, endText, jobPath, watchJob } from "./jobs.js";
import { cover, hatch, map } from "./map.js";
import { onceSeen } from "./mast_signs.js";
import {
  choose,
  loadVariants,
  mayEdit,
  on,
  planPath,
  redo,
  refused,
  state,
  undo,
  variant,
  variantPath,
} from "./plan.js";
import { openTabName } from "./tabs.js";
import { stepText } from "./told_edits.js";
import { keepView } from "./view.js";

export const nameOf = (v) => (v.variant_id === "base" ? say("variant.base") : v.name);
const tried = async (act) => {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused(error);
    return null;
  }
};

export function startVariants() {
  $("variant").addEventListener("change", ({ target }) => tried(() => choose(target.value)));
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || isText(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) undo();
    else if (key === "y" || (key === "z" && event.shiftKey)) redo();
    else return;
    event.preventDefault();
  });
  on("variants", () => onceSeen(draw));
  on("chosen", drawHistory);
  let isLate = false; // what is looked at goes first
  const late = () => isLate && ((isLate = false), drawHistory());
  on("network", () => {
    if (drawnAt === `${state.variantId} ${state.network.revision}`) return;
    isLate = true; // by whoever changed it
    if (openTabName() === "variants") late();
  });
  on("covered", () => onceSeen(late));
  document.addEventListener("tab", ({ detail }) => detail === "variants" && late());
  $("swipe").addEventListener("change", ({ target }) => swipe(target.value || null));
  startHandle();
  draw();
  drawHistory();
}

const isText = (node) =>
  node instanceof HTMLTextAreaElement ||
  (node instanceof HTMLInputElement && ["text", "search", "number"].includes(node.type));

function draw() {
  const now = variant();
  $("variant").replaceChildren(
    ...state.variants.map((v) => el("option", { value: v.variant_id }, nameOf(v))),
  );
  $("variant").value = state.variantId;
  $("undo").disabled = !mayEdit() || !now?.can_undo;
  $("redo").disabled = !mayEdit() || !now?.can_redo;
  const others = state.variants.filter((v) => v.variant_id !== state.variantId);
  const held = $("swipe").value;
  $("swipe").replaceChildren(
    el("option", { value: "" }, say("swipe.none")),
    ...others.map((v) => el("option", { value: v.variant_id }, nameOf(v))),
  );
  $("swipe").value = others.some((v) => v.variant_id === held) ? held : "";
  if (held && !$("swipe").value) swipe(null);
  $("variant-list").replaceChildren(...state.variants.map(row));
  drawForm(now);
}

function row(v) {
  const here = v.variant_id === state.variantId;
  return el(
    "li",
    { class: here ? "now" : null },
    button(nameOf(v), () => tried(() => choose(v.variant_id)), {
      class: "link",
      "aria-current": here ? "true" : null,
    }),
    el(
      "small",
      {},
      [
        say("variant.edits", { n: v.edits ?? 0 }),
        v.changed_by && say("variant.by", { who: v.changed_by, when: time(v.changed_at) }),
        v.comment,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}

function drawForm(now) {
  const box = $("variant-form");
  if (!now || box.contains(document.activeElement)) return;
  const base = now.variant_id === "base";
  const name = el("input", {
    type: "text",
    value: nameOf(now),
    maxlength: 80,
    disabled: base || !mayEdit(),
  });
  const comment = el("textarea", { rows: 2, maxlength: 2000, disabled: base || !mayEdit() });
  comment.value = now.comment ?? "";
  const keep = (key, field) =>
    field.addEventListener("change", () =>
      tried(async () => {
        await patch(variantPath(now.variant_id), { [key]: field.value.trim() });
        await loadVariants();
      }),
    );
  keep("name", name);
  keep("comment", comment);
  box.replaceChildren(
    el("label", {}, el("span", {}, say("variant.name")), name),
    el("label", {}, el("span", {}, say("variant.comment")), comment),
    el(
      "div",
      { class: "buttons" },
      button(say("variant.copy"), () => copy(now), { disabled: !mayEdit() }),
      button(say("variant.delete"), () => drop(now), { disabled: base || !mayEdit() }),
    ),
  );
}

const copy = (v) =>
  tried(async () => {
    const names = new Set(state.variants.map((other) => other.name));
    let n = state.variants.length;
    while (names.has(say("variant.default", { n }))) n += 1;
    const made = await post(`${planPath()}/variants`, {
      name: say("variant.default", { n }),
      comment: "",
      copy_of: v.variant_id,
    });
    await choose(made.variant_id);
    tell(say("variant.made", { name: made.name }));
  });

const drop = (v) => {
  if (!confirm(say("variant.sure", { name: v.name }))) return;
  tried(async () => {
    await remove(variantPath(v.variant_id));
    await choose("base");
  });
};

let drawnAt = ""; // variant and revision of the history that is seen

async function drawHistory() {
  const id = state.variantId;
  try {
    const { steps, revision } = await get(`${variantPath(id)}/history`);
    if (id !== state.variantId) return;
    drawnAt = `${id} ${revision}`;
    $("history").replaceChildren(
      ...steps
        .toReversed()
        .map((step) =>
          el(
            "li",
            { class: step.undone ? "undone" : null },
            el("b", {}, number(step.step ?? step.revision)),
            ` ${stepText(step)}`,
            el(
              "small",
              {},
              [step.by, time(step.at), step.undone && say("history.undone")]
                .filter(Boolean)
                .join(" · "),
            ),
          ),
        ),
    );
    $("history-none").hidden = steps.length > 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

// -- side by side --------------------------------------------------------------

/** Show another variant on the right of a divider, which stands at a share of the width. */
export function swipeWith(id, share) {
  $("swipe").value = id;
  swipe(id);
  split(share);
  keepDivider();
}

const keepDivider = () => keepView({ d: cover.layer.split?.toFixed(3) ?? null });

function swipe(id) {
  keepView({ s: id, ...(id ? {} : { d: null }) });
  hatch.beside(id, cover.layer.split ?? 0.5);
  cover.beside(id, cover.layer.split ?? 0.5);
  $("divider").hidden = !id;
  if (!id) return;
  const other = state.variants.find((v) => v.variant_id === id);
  $("side-a").textContent = nameOf(variant());
  $("side-b").textContent = nameOf(other);
  split(cover.layer.split);
}

function split(share) {
  cover.layer.split = Math.max(0.02, Math.min(0.98, share));
  hatch.layer.split = cover.layer.split;
  $("divider").style.left = `${100 * cover.layer.split}%`;
  $("divider-handle").setAttribute("aria-valuenow", String(Math.round(100 * cover.layer.split)));
  cover.layer.repaint(); // the hatching is on the same sheet
}

function startHandle() {
  const handle = $("divider-handle");
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left, width } = map.getContainer().getBoundingClientRect();
    split((event.clientX - left) / width);
  });
  handle.addEventListener("lostpointercapture", keepDivider);
  handle.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[key];
    if (!step) return;
    split(cover.layer.split + step);
    keepDivider();
  });
  for (const name of ["chosen", "branched"])
    on(name, () => !$("divider").hidden && ($("side-a").textContent = nameOf(variant())));
}

// -- saved and planned ---------------------------------------------------------

export function startSaving() {
  $("save").addEventListener("submit", (event) => {
    event.preventDefault();
    tried(async () => {
      const folder = $("save-folder").value.trim();
      const answer = await post(`${variantPath()}/save`, {
        folder,
        revision: state.network.revision,
      });
      $("saved").textContent = say("save.done", { path: answer.scenario });
      tell(say("save.done", { path: answer.scenario }));
    });
  });
  $("plan").addEventListener("click", plan);
  planBefore();
}

const plan = () =>
  tried(async () => {
    const body = { kind: "plan", variant_id: state.variantId };
    await watchPlan(await post(`${planPath()}/jobs`, body));
  });

/** Show the last whole plan that somebody asked for, under way or done. */
const planBefore = () =>
  tried(async () => {
    const { jobs } = await get(`${planPath()}/jobs`);
    const job = jobs.find(({ kind, state: word }) => kind === "plan" && word !== "cancelled");
    if (job) await watchPlan(job);
  });

async function watchPlan(job) {
  const box = $("plan-job");
  const bar = el("progress", { max: 1, "aria-label": say("job.running") });
  const told = el("span", {}, say("job.waiting"));
  const planned = state.variants.find((v) => v.variant_id === job.variant_id);
  const name = planned ? nameOf(planned) : job.variant_id;
  box.replaceChildren(
    told,
    bar,
    button(say("job.cancel"), () => tried(() => cancelJob(job))),
  );
  const done = await watchJob(job, ({ state: word, progress }) => {
    told.textContent = [`${name}: ${say(`job.${word}`)}`, progress && stageName(progress.stage)]
      .filter(Boolean)
      .join(" · ");
    if (progress?.total) Object.assign(bar, { max: progress.total, value: progress.done });
  });
  if (done.state !== "done") {
    const bad = done.state === "failed" ? "bad" : "";
    box.replaceChildren(el("p", { class: bad }, `${name}: ${endText(done)}`));
    return;
  }
  const { files } = await get(`${jobPath(job)}/files`);
  const revision = done.result?.revision;
  box.replaceChildren(
    el("p", {}, say(revision === undefined ? "job.done" : "job.done_of", { name, n: revision })),
    fileList(job, files),
  );
}

const FIRST = ["report.html", "villages.gpkg", "coverage.kmz", "villages.csv"];

function fileList(job, files) {
  const names = files.map((file) => file.path ?? file);
  const link = (name) =>
    el(
      "li",
      {},
      el("a", { href: `${jobPath(job)}/files/${name}`, target: "_blank", rel: "noopener" }, name),
    );
  const rest = names.filter((name) => !FIRST.includes(name));
  return el(
    "div",
    {},
    el("ul", { class: "files" }, FIRST.filter((name) => names.includes(name)).map(link)),
    el(
      "details",
      {},
      el("summary", {}, say("job.files", { n: rest.length })),
      el("ul", { class: "files" }, rest.map(link)),
    ),
  );
}
