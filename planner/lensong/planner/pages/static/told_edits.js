// Edits in words: of a step of the history, and of what somebody else did.
import { knows, number, operatorName, say } from "./dom.js";

const IDS = ["kind", "mast_id", "cell_id", "new_mast_id", "lat_deg", "lon_deg", "cell", "cells"];
const MOST = 3; // edits that are told one by one

/** Return what fields an edit sets: "azimuth 40, power 43 dBm". */
function fields(edit) {
  return Object.entries(edit)
    .filter(([key]) => !IDS.includes(key))
    .map(([key, value]) => {
      const [name, unit] = (knows(`cell.${key}`) ? say(`cell.${key}`) : say(`masts.${key}`)).split(
        ", ",
      );
      const told =
        typeof value === "number"
          ? number(value, 2, true)
          : key === "operator"
            ? operatorName(value)
            : value;
      return [name, told, unit].filter(Boolean).join(" ");
    })
    .join(", ");
}

function editText(edit) {
  const what = edit.cell_id ?? edit.new_mast_id ?? edit.mast_id ?? edit.cell?.cell_id ?? "";
  const told = say(`history.${edit.kind}`, { what });
  const set = edit.kind.startsWith("set_") ? fields(edit) : "";
  return set ? `${told} (${set})` : told;
}

/** Return what a step of the history did. */
export function stepText({ edits, comment }) {
  const list = Array.isArray(edits) ? edits : [];
  const told = list.slice(0, MOST).map(editText);
  if (list.length > MOST) told.push(say("history.more", { n: list.length - MOST }));
  return [comment, told.join(", ")].filter(Boolean).join(": ");
}

/** Return what the server says in short of somebody's change, "move_mast K1 and 3 more". */
export function whatText(what = "") {
  const more = / and (\d+) more$/.exec(what);
  const told = (more ? what.slice(0, more.index) : what).split(", ").map((one) => {
    const [kind, ...rest] = one.split(" ");
    return knows(`history.${kind}`) ? say(`history.${kind}`, { what: rest.join(" ") }) : one;
  });
  if (more) told.push(say("history.more", { n: Number(more[1]) }));
  return told.join(", ");
}
