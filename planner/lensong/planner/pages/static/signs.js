// Symbols and labels drawn on canvas: without internet there is no server for glyphs and sprites.
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
export const COLOURS = {
  covered: "#00734f",
  patchy: "#a85400",
  no_signal: "#a3123a",
  beyond_radius: "#59636e",
  unknown: "#59636e",
  mast: "#17212b",
  accent: "#0b5cad",
  "4G": "#0b5cad",
  "5G": "#7b2fb0",
};
export const SHARP = 2; // pixels drawn per CSS pixel

function canvas(width, height, draw) {
  const sheet = document.createElement("canvas");
  sheet.width = Math.ceil(width * SHARP);
  sheet.height = Math.ceil(height * SHARP);
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.scale(SHARP, SHARP);
  draw(pen, width, height);
  return sheet;
}

/** Full disc, half disc, triangle, square, diamond: each class has its own shape as well as its colour. */
export function classSymbol(name, size = 18, change = "same") {
  return canvas(size, size, (pen) => {
    const middle = size / 2;
    const radius = size * 0.3;
    const outline = new Path2D();
    if (name === "no_signal") {
      outline.moveTo(middle, size * 0.16);
      outline.lineTo(size * 0.86, size * 0.8);
      outline.lineTo(size * 0.14, size * 0.8);
      outline.closePath();
    } else if (name === "beyond_radius")
      outline.rect(size * 0.2, size * 0.2, size * 0.6, size * 0.6);
    else if (name === "unknown") {
      outline.moveTo(middle, size * 0.14);
      outline.lineTo(size * 0.86, middle);
      outline.lineTo(middle, size * 0.86);
      outline.lineTo(size * 0.14, middle);
      outline.closePath();
    } else outline.arc(middle, middle, radius, 0, 2 * Math.PI);
    if (change !== "same") {
      pen.beginPath();
      pen.arc(middle, middle, size * 0.47, 0, 2 * Math.PI);
      pen.strokeStyle =
        change === "gained" || change === "better" ? COLOURS.covered : COLOURS.no_signal;
      pen.lineWidth = size * 0.08;
      if (change === "lost" || change === "worse") pen.setLineDash([size * 0.16, size * 0.1]);
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.lineJoin = "round";
    pen.strokeStyle = "#fff";
    pen.lineWidth = size * 0.22;
    pen.stroke(outline);
    pen.fillStyle = name === "covered" ? COLOURS.covered : "#fff";
    pen.fill(outline);
    pen.strokeStyle = COLOURS[name] ?? COLOURS.beyond_radius;
    pen.lineWidth = size * 0.11;
    pen.stroke(outline);
    if (name === "patchy") {
      pen.fillStyle = COLOURS.patchy;
      pen.beginPath();
      pen.arc(middle, middle, radius, -Math.PI / 2, Math.PI / 2);
      pen.fill();
    }
  });
}

/** A wedge that points north, to be turned by the azimuth; a ring for an omni antenna. */
export function wedgeSymbol(technology, omni, chosen) {
  const size = 76;
  const middle = size / 2;
  const radius = (technology === "5G" ? 34 : 25) * (omni ? 0.62 : 1);
  const half = (28 * Math.PI) / 180;
  const colour = COLOURS[technology] ?? COLOURS.mast;
  return canvas(size, size, (pen) => {
    pen.beginPath();
    if (omni) pen.arc(middle, middle, radius, 0, 2 * Math.PI);
    else {
      pen.moveTo(middle, middle);
      pen.arc(middle, middle, radius, -Math.PI / 2 - half, -Math.PI / 2 + half);
      pen.closePath();
    }
    pen.fillStyle = `${colour}${chosen ? "aa" : "55"}`;
    pen.strokeStyle = colour;
    pen.lineWidth = chosen ? 2.4 : 1.5;
    if (!omni) pen.fill();
    pen.stroke();
  });
}

/** A square; estimated positions are hollow, edited ones have a corner, chosen ones a ring. */
export function mastSymbol(uncertain, changed, chosen, size = 26) {
  return canvas(size, size, (pen) => {
    const edge = size * 0.32;
    const side = size - 2 * edge;
    if (chosen) {
      pen.beginPath();
      pen.arc(size / 2, size / 2, size * 0.44, 0, 2 * Math.PI);
      pen.fillStyle = "#ffffffcc";
      pen.fill();
      pen.strokeStyle = COLOURS.accent;
      pen.lineWidth = 2.2;
      pen.stroke();
    }
    pen.fillStyle = uncertain ? "#fff" : changed ? COLOURS.accent : COLOURS.mast;
    pen.strokeStyle = "#fff";
    pen.lineWidth = 4;
    pen.strokeRect(edge, edge, side, side);
    pen.fillRect(edge, edge, side, side);
    pen.strokeStyle = changed ? COLOURS.accent : COLOURS.mast;
    pen.lineWidth = 1.8;
    pen.strokeRect(edge, edge, side, side);
  });
}

const VERDICTS = {
  ready: ["#00734f", "✓"],
  at_risk: ["#a85400", "!"],
  not_ready: ["#a3123a", "×"],
  unknown: ["#59636e", "?"],
  idle: ["#59636e", "▸"],
};

/** A pin whose tip is the site, with a sign of its own for each verdict. */
export function siteSymbol(verdict) {
  const [colour, sign] = VERDICTS[verdict] ?? VERDICTS.unknown;
  return canvas(24, 30, (pen) => {
    pen.beginPath();
    pen.arc(12, 12, 9.5, 0.8 * Math.PI, 0.2 * Math.PI);
    pen.lineTo(12, 29);
    pen.closePath();
    pen.fillStyle = colour;
    pen.fill();
    pen.strokeStyle = "#fff";
    pen.lineWidth = 1.8;
    pen.stroke();
    pen.fillStyle = "#fff";
    pen.font = `700 13px ${FONT}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(sign, 12, 12.5);
  });
}

/** A dot for a measurement, in the colour of its class. */
export const dotSymbol = (colour) =>
  canvas(12, 12, (pen) => {
    pen.beginPath();
    pen.arc(6, 6, 4, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.fill();
    pen.strokeStyle = "#17212b";
    pen.lineWidth = 1;
    pen.stroke();
  });

/** Lines of text with a halo; each line is [text, css font, colour]. */
export function labelSymbol(lines) {
  const probe = document.createElement("canvas").getContext("2d");
  const width =
    Math.max(...lines.map(([text, font]) => ((probe.font = font), probe.measureText(text).width))) +
    8;
  const step = 15;
  return canvas(width, step * lines.length + 4, (pen) => {
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    lines.forEach(([text, font, colour], line) => {
      const height = 2 + step * (line + 0.5);
      pen.font = font;
      pen.lineWidth = 3.5;
      pen.strokeStyle = "rgba(255,255,255,0.9)";
      pen.strokeText(text, width / 2, height);
      pen.fillStyle = colour;
      pen.fillText(text, width / 2, height);
    });
  });
}

export const villageLabel = (name, word, colour) =>
  labelSymbol(
    [[name, `600 12.5px ${FONT}`, "#17212b"], word && [word, `600 11px ${FONT}`, colour]].filter(
      Boolean,
    ),
  );
export const mastLabel = (name) => labelSymbol([[name, `500 11.5px ${FONT}`, "#0b4380"]]);
export const heightLabel = (text) => labelSymbol([[text, `500 10px ${FONT}`, "#5b4a33"]]);

export const pixelsOf = (sheet) =>
  sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
