// The best place for a mast in an area: a search that is watched and can be ended, and its places.
import { Refusal, get, post } from "./api.js";
import { $, button, el, number, say, signed, stageName, tableHead, tell } from "./dom.js";
import { cancelJob, endText, isUnderWay, watchJob } from "./jobs.js";
import { flyTo, setPoints } from "./map.js";
import { freeId } from "./masts.js";
import { edit, mastOf, mayEdit, planPath, refused, select, state } from "./plan.js";

const SHOWN = 10;

/** Search an area, as the form has it. */
export async function bestPlace(area) {
  try {
    const job = await post(`${planPath()}/jobs`, {
      kind: "best_place",
      variant_id: state.variantId,
      polygon_deg: area,
      like_mast_id: $("best-like").value,
      tries: $("best-tries").valueAsNumber,
      seconds: $("best-seconds").valueAsNumber,
    });
    await watch(job);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    $("best-found").replaceChildren(el("p", { class: "bad" }, error.message));
  }
}

/** Go on watching a search that was under way when the page was loaded. */
export async function watchBestPlace() {
  try {
    const { jobs } = await get(`${planPath()}/jobs`);
    const job = jobs.find((j) => j.kind === "best_place" && isUnderWay(j));
    if (job && job.variant_id === state.variantId) await watch(job);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // then there is none to be watched
  }
}

async function watch(job) {
  const box = $("best-found");
  const bar = el("progress", { max: 1, "aria-label": say("job.running") });
  const told = el("span", {}, say("job.waiting"));
  box.replaceChildren(
    told,
    bar,
    button(say("job.cancel"), () => cancelJob(job).catch(refused)),
  );
  const done = await watchJob(job, ({ state: word, progress }) => {
    const counts = progress?.stage === "places" && say("place.count", progress);
    told.textContent = [say(`job.${word}`), progress && stageName(progress.stage), counts]
      .filter(Boolean)
      .join(" · ");
    if (progress?.total) Object.assign(bar, { max: progress.total, value: progress.done });
  });
  if (done.state === "done") drawPlaces(done.result);
  else box.replaceChildren(el("p", {}, endText(done)));
}

function drawPlaces({ places, tried, asked, seconds, like_mast_id: like }) {
  const shown = places.slice(0, SHOWN);
  setPoints("rims", shown, () => ({}));
  const gains = places.some((place) => place.gained_people >= 0.5);
  const row = (place, k) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        `${number(k + 1)}. `,
        button(`${number(place.lat_deg, 5)}°, ${number(place.lon_deg, 5)}°`, () => flyTo(place), {
          class: "link",
        }),
        el("small", {}, say("masts.ground", { n: place.ground_m })),
      ),
      el("td", { class: "n" }, signed(place.gained_people)),
      el(
        "td",
        {},
        button(say("why.try_this"), () => take(place, k, like), { disabled: !mayEdit() }),
      ),
    );
  $("best-found").replaceChildren(
    el(
      "p",
      { class: "hint" },
      say(tried < asked ? "place.out_of_time" : "place.tried", { n: tried, asked, seconds }),
      gains ? "" : ` ${say("place.none_gains")}`,
    ),
    el(
      "table",
      { class: "list" },
      tableHead(
        ["place.place", "why.people", "why.try"].map((key, k) =>
          el("th", { scope: "col", class: k === 1 ? "n" : null }, say(key)),
        ),
      ),
      el("tbody", {}, shown.map(row)),
    ),
  );
}

/** Let a mast stand at a place, under an id that is free now and a name that tells what it is. */
async function take(place, k, likeId) {
  const taken = new Set([
    ...state.network.masts.map((m) => m.mast_id),
    ...(state.network.removed_masts ?? []),
  ]);
  const id = taken.has(place.mast_id) ? freeId("BEST-", taken) : place.mast_id;
  const like = mastOf(likeId);
  const name = say("place.name", { id, like: like?.name || likeId });
  const edits = place.edits.map((one) => ({ ...one, new_mast_id: id, name }));
  if (!(await edit(edits, say("place.comment")))) return;
  select([id]);
  flyTo(place);
  tell(say("place.taken", { name, n: k + 1 }));
}
