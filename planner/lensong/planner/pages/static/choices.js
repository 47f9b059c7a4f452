// What a cell may be given: carriers, antennas and operators of the plan, with their names.
import { number, operatorName } from "./dom.js";
import { state } from "./plan.js";

export const carrierShort = (carrier) => String(carrier).replace(/ at .*$/, "");

/** Return pairs of an id and a name of each list; what a cell has itself is among them. */
export function choices(cell) {
  const { plan } = state;
  return {
    carriers: plan.carriers.map((c) => [
      c.carrier_id,
      `${c.technology} ${carrierShort(c.carrier_id)}`.replace(/^(\S+) \1/, "$1"),
    ]),
    antennas: plan.antennas.map((a) => [
      a.antenna_id,
      `${a.antenna_id} (${number(a.gain_dbi, 1, true)} dBi)`,
    ]),
    operators: [...new Set([...plan.operators, cell.operator])].map((o) => [o, operatorName(o)]),
  };
}
