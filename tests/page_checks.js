// What is wrong with the page that is open, in the manner of axe: a list of sentences.
(() => {
  const wrong = [];
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const unseen = (e) => {
    // for screen readers alone
    for (let p = e; p; p = p.parentElement)
      if (getComputedStyle(p).clipPath === "inset(50%)") return true;
    return false;
  };
  const say = (what, e) => wrong.push(`${what}: ${e.outerHTML.slice(0, 110)}`);

  // contrast, WCAG 2.2 1.4.3
  const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const colour = (text) => {
    const [r, g, b, a = 1] = numbers(text);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const part = (v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const grounds = (e) => {
    for (let p = e; p; p = p.parentElement) {
      const style = getComputedStyle(p);
      const stops = style.backgroundImage.match(/rgba?\([^)]*\)/g);
      if (stops) return stops.map(colour);
      if (p instanceof SVGRectElement || colour(style.backgroundColor).a === 1)
        return [colour(style.backgroundColor)];
    }
    return [colour(getComputedStyle(document.documentElement).backgroundColor)];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let smallest = Infinity,
    least = null;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(e) || unseen(e)) continue;
    if (
      ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION", "TITLE"].includes(e.tagName.toUpperCase()) ||
      e.closest(":disabled")
    )
      continue;
    const style = getComputedStyle(e),
      size = parseFloat(style.fontSize);
    const heat = /^heat-text(\d)/.exec(e.getAttribute("class") ?? "");
    const box = heat && document.querySelector(`.heat${heat[1]}`);
    const ink = colour(e instanceof SVGElement ? style.fill : style.color);
    const ground = box ? [colour(getComputedStyle(box).fill)] : grounds(e);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    for (const g of ground) {
      const r = ratio(ink, g);
      if (r < (large ? 3 : 4.5)) say(`contrast ${r.toFixed(2)}`, e);
    }
    const scale = e instanceof SVGElement ? e.ownerSVGElement.getScreenCTM().a : 1;
    if (size * scale < smallest) {
      smallest = size * scale;
      least = e;
    }
  }

  // names
  const nameOf = (e) =>
    (e.getAttribute("aria-label") ?? "") +
    e.textContent +
    [...e.querySelectorAll("img")].map((i) => i.alt).join("");
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (e.hidden || !shown(e)) continue;
    if (![...(e.labels ?? [])].some((l) => l.textContent.trim()) && !e.getAttribute("aria-label"))
      say("no label", e);
  }
  for (const e of document.querySelectorAll("a[href], button, summary")) {
    if (!nameOf(e).trim()) say("no name", e);
    const box = e.getBoundingClientRect();
    if (e.tagName === "BUTTON" && shown(e) && !e.closest("th") && box.height < 24)
      say("too small to hit", e);
  }
  for (const e of document.querySelectorAll("img"))
    if (e.getAttribute("alt") === null) say("no alt", e);
  for (const e of document.querySelectorAll("svg")) {
    if (
      e.getAttribute("aria-hidden") !== "true" &&
      !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))
    )
      say("svg without a name", e);
  }
  for (const e of document.querySelectorAll("[tabindex]")) {
    if (e.tabIndex > 0) say("tabindex", e);
    if (
      e.tabIndex === 0 &&
      !["A", "BUTTON", "INPUT"].includes(e.tagName) &&
      !e.getAttribute("aria-label")
    )
      say("can be focused, has no name", e);
  }
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    const ids =
      `${e.getAttribute("aria-labelledby") ?? ""} ${e.getAttribute("aria-describedby") ?? ""}`
        .trim()
        .split(/\s+/);
    for (const id of ids)
      if (!document.getElementById(id)) say(`names #${id}, which is not there`, e);
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids))
    if (ids.filter((other) => other === id).length > 1) wrong.push(`id ${id} twice`);

  // structure
  if (!document.documentElement.lang) wrong.push("no lang");
  if (!document.title.trim()) wrong.push("no title");
  for (const [tag, count] of [
    ["main", 1],
    ["h1", 1],
    ["header", 1],
  ]) {
    if (document.querySelectorAll(tag).length !== count)
      wrong.push(`${document.querySelectorAll(tag).length} of ${tag}`);
  }
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (!e.checkVisibility()) continue;
    const next = Number(e.tagName[1]);
    if (next > level + 1) say(`heading h${next} after h${level}`, e);
    level = next;
  }
  for (const table of document.querySelectorAll("table")) {
    for (const th of table.querySelectorAll("th"))
      if (!th.getAttribute("scope")) say("th without scope", th);
  }
  for (const e of document.querySelectorAll("ul, ol")) {
    for (const child of e.children) if (child.tagName !== "LI") say("no li in a list", child);
  }
  for (const e of document.querySelectorAll("*")) {
    for (const a of e.attributes) if (a.name.startsWith("on")) say("inline handler", e);
  }

  // what does not fit
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) wrong.push(`${wide} px wider than the window`);
  if (document.body.classList.contains("wall") && innerWidth >= 1900 && smallest < 16.9)
    say(`text of ${smallest} px on the wall`, least);
  if (!document.body.classList.contains("wall") && smallest < 5)
    say(`text of ${smallest} px`, least);
  return [...new Set(wrong)];
})();
