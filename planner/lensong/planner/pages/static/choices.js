// What a cell may be given: carriers, antennas and operators of the plan, with their names.
import { number, operatorName, say } from "./dom.js";
import { state } from "./plan.js";

export const carrierShort = (carrier) => String(carrier).replace(/ at .*$/, "");

/** Return ids with names, short where one is enough to tell them apart. */
export function carrierNames(ids) {
  const full = (id) => String(id).replace(/ at /, ` ${say("setting.at")} `);
  const short = ids.map(carrierShort);
  return ids.map((id, k) => [
    id,
    short.filter((s) => s === short[k]).length > 1 ? full(id) : short[k],
  ]);
}

/** Return pairs of an id and a name of each list; what a cell has itself is among them. */
export function choices(cell) {
  const { plan } = state;
  return {
    carriers: carrierNames(plan.carriers.map((c) => c.carrier_id)),
    antennas: plan.antennas.map((a) => [
      a.antenna_id,
      `${a.antenna_id} (${number(a.gain_dbi, 1, true)} dBi)`,
    ]),
    operators: [...new Set([...plan.operators, cell.operator])].map((o) => [o, operatorName(o)]),
  };
}
