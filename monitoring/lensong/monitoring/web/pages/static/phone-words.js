// The page's words and numbers, in the language that the server chose.

const words = JSON.parse(document.getElementById("words").textContent);
export const language = document.documentElement.lang;

export function number(value, digits = 0) {
  return value === null || value === undefined || !Number.isFinite(value)
    ? "–"
    : new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)(?::(\d))?\}/g, (_, name, digits) => {
    const value = values[name];
    return typeof value === "number" || value === null || value === undefined
      ? number(value, Number(digits ?? 0))
      : String(value);
  });
}

export const mbps = (bps) =>
  bps === null || bps === undefined ? "–" : `${number(bps / 1e6, bps < 9.95e6 ? 1 : 0)} Mbit/s`;
