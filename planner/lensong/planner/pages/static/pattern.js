// The pattern of an antenna in two cuts, as it hangs: turned by azimuth and tilt.
import { number, say, svg } from "./dom.js";

const RINGS = [3, 10, 20, 30];
const MOST_DB = 40;
const SIZE = 150;

/** Return a polar drawing of losses [dB] at each degree, `turn` degrees clockwise. */
function cut(losses, turn, title, marks) {
  const [middle, radius] = [SIZE / 2, SIZE / 2 - 16];
  const at = (degrees, loss) => {
    const r = radius * Math.max(0, 1 - loss / MOST_DB);
    const a = ((degrees + turn - 90) * Math.PI) / 180;
    return [middle + r * Math.cos(a), middle + r * Math.sin(a)];
  };
  const way = losses.map((loss, k) =>
    at(k, loss)
      .map((v) => v.toFixed(1))
      .join(" "),
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE + 14}`, role: "img", "aria-label": title, class: "pattern" },
    RINGS.map((ring) =>
      svg("circle", {
        cx: middle,
        cy: middle,
        r: radius * (1 - ring / MOST_DB),
        class: "ring",
      }),
    ),
    svg("circle", { cx: middle, cy: middle, r: radius, class: "ring" }),
    svg("path", { d: `M${way.join("L")}Z`, class: "lobe" }),
    svg("text", { x: middle + 3, y: middle - radius * (1 - 10 / MOST_DB) + 9 }, "−10"),
    svg("text", { x: middle + 3, y: middle - radius * (1 - 20 / MOST_DB) + 9 }, "−20 dB"),
    marks.map(([text, degrees]) => {
      const a = ((degrees - 90) * Math.PI) / 180;
      return svg(
        "text",
        {
          x: middle + (radius + 9) * Math.cos(a),
          y: middle + (radius + 9) * Math.sin(a) + 3.5,
          "text-anchor": "middle",
        },
        text,
      );
    }),
    svg("text", { x: middle, y: SIZE + 10, "text-anchor": "middle", class: "title" }, title),
  );
}

const beamWidth = (losses) => losses.filter((loss) => loss <= 3).length;

/** Return both cuts of a cell's antenna; null where the plan has no pattern of that name. */
export function patternFigure(antenna, cell) {
  if (!antenna) return null;
  const { horizontal_loss_db: across, vertical_loss_db: along } = antenna;
  // a parametric pattern turns with the electrical tilt, that of a file hangs as it is
  const built = along.indexOf(Math.min(...along));
  const turn = antenna.parametric ? (cell.electrical_downtilt_deg ?? 0) - built : 0;
  const tilt = (cell.mechanical_downtilt_deg ?? 0) + turn + (built > 180 ? built - 360 : built);
  const north = say("north.letter");
  return [
    cut(across, cell.azimuth_deg, say("pattern.horizontal", { n: beamWidth(across) }), [
      [north, 0],
    ]),
    cut(
      along,
      90 + (cell.mechanical_downtilt_deg ?? 0) + turn,
      say("pattern.vertical", { n: beamWidth(along), tilt }),
      [[`${number(tilt)}°`, 90 + tilt]],
    ),
  ];
}
