// Find: masts and villages, without diacritics too, and coordinates as people paste them.
import { Refusal, get } from "./api.js";
import { $, ROOT, button, el, fold, number, say } from "./dom.js";
import { pin } from "./layers.js";
import { flyTo, map } from "./map.js";
import { select, state } from "./plan.js";
import { chooseVillage, villages } from "./villages.js";

const MOST = 12;
let asked = 0;

export function startFind() {
  const input = $("find");
  input.addEventListener("input", () => search(input.value));
  input.addEventListener("keydown", (event) => {
    const first = $("found").querySelector("button");
    if (event.key === "Enter" && first) first.click();
    if (event.key === "ArrowDown" && first) first.focus();
    if (event.key === "Escape") hide();
    if (["Enter", "ArrowDown"].includes(event.key)) event.preventDefault();
  });
  $("found").addEventListener("keydown", (event) => {
    const all = [...$("found").querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      hide();
      input.focus();
    }
    if (!step) return;
    event.preventDefault();
    (all[all.indexOf(document.activeElement) + step] ?? input).focus();
  });
  addEventListener("keydown", (event) => {
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      input.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".find")) hide();
  });
}

const hide = () => ($("found").hidden = true);

async function search(text) {
  const turn = ++asked;
  const plain = (name) => fold(name ?? "").replace(/[-–_'’]+/g, " ");
  const wanted = plain(text).split(/\s+/).filter(Boolean);
  if (!wanted.length) return hide();
  const fits = (...names) => {
    const all = names.map(plain).join(" ");
    return wanted.every((word) => all.includes(word));
  };
  const hits = [
    ...state.network.masts
      .filter((m) => fits(m.name, m.mast_id))
      .map((m) => ({
        name: m.name || m.mast_id,
        kind: say("find.mast", { id: m.mast_id }),
        go: () => {
          flyTo(m);
          select([m.mast_id]);
        },
      })),
    ...villages.rows
      .filter((v) => fits(v.name, v.village_id, v.commune))
      .map((v) => ({
        name: v.name,
        kind: [say("find.village"), v.commune].filter(Boolean).join(", "),
        go: () => chooseVillage(v.village_id, { fly: true }),
      })),
  ];
  draw(hits);
  // no place without two numbers, but for plus codes and squares of the military grid
  if (!/\d.*[\s,;/!].*\d|\w{4}\+|^\s*\d{1,2}\s*[a-z]\s*[a-z]{2}\s*\d/i.test(text)) return;
  try {
    const [west, south, east, north] = state.plan.bounds_deg;
    const query = new URLSearchParams({
      text,
      crs: state.plan.grid.crs,
      near_lat_deg: (south + north) / 2,
      near_lon_deg: (west + east) / 2,
    });
    const place = await get(`${ROOT}/planner/place?${query}`);
    if (turn !== asked) return;
    draw([...places(place).map(placeHit), ...hits]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn === asked && !hits.length) draw([], error.message);
  }
}

const onPlan = ({ lat_deg, lon_deg }) => {
  const [west, south, east, north] = state.plan.bounds_deg;
  return lat_deg >= south && lat_deg <= north && lon_deg >= west && lon_deg <= east;
};

/** The place, and before it the one of turned coordinates where that alone lies on the plan. */
function places(place) {
  const turned = { lat_deg: place.lon_deg, lon_deg: place.lat_deg };
  return onPlan(place) || !onPlan(turned) ? [place] : [{ ...turned, turned: true }, place];
}

function placeHit(place) {
  const kind = place.turned ? "turned" : onPlan(place) ? "place" : "off_plan";
  return {
    name: `${number(place.lat_deg, 5)}°, ${number(place.lon_deg, 5)}°`,
    kind: say(`find.${kind}`),
    go: () => {
      flyTo(place);
      pin(new maplibregl.LngLat(place.lon_deg, place.lat_deg));
    },
  };
}

function draw(hits, refused = "") {
  const box = $("found");
  box.hidden = false;
  box.replaceChildren(
    ...hits.slice(0, MOST).map(({ name, kind, go }) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            onclick: () => {
              hide();
              go();
            },
          },
          name,
          el("small", {}, kind),
        ),
      ),
    ),
  );
  if (!hits.length) box.append(el("li", { class: "none" }, refused || say("find.none")));
  if (hits.length > MOST)
    box.append(el("li", { class: "none" }, say("find.more", { n: hits.length - MOST })));
}
