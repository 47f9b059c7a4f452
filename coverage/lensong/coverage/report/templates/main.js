// Controls of the map, and the start of everything.
const choice = (type, name, value, checked, text, change, disabled = false) =>
  el(
    "label",
    {},
    el("input", { type, name, value, checked, disabled, onchange: change }),
    el("span", {}, text),
  );

const hasLayer = (kind) =>
  kind === "none" || MAP.layers.some((l) => isOffered(l) && l.kind === kind);

/** Draw the controls anew: they depend on the language and on what the technology offers. */
function fillControls() {
  const keep = (id) => document.querySelector(`#${id} legend`);
  const focused = document.activeElement?.name && [
    document.activeElement.name,
    document.activeElement.value,
  ];
  document
    .getElementById("technologies")
    .replaceChildren(
      keep("technologies"),
      ...DATA.technologies.map((t) =>
        choice("radio", "technology", t, shown.operator === null && t === shown.technology, t, () =>
          change({ technology: t, operator: null }),
        ),
      ),
    );
  document.getElementById("operator-field").hidden = !DATA.operators.length;
  document
    .getElementById("operator")
    .replaceChildren(
      ...[null, ...DATA.operators.map((o) => o.name)].map((name, i) =>
        el(
          "option",
          { value: i - 1, selected: name === shown.operator },
          name === null ? say("operator.any") : operatorName(name),
        ),
      ),
    );
  document
    .getElementById("kinds")
    .replaceChildren(
      keep("kinds"),
      ...KINDS.filter((k) => MEASURED || !["field", "half", "basis"].includes(k)).map((k) =>
        choice(
          "radio",
          "kind",
          k,
          k === shown.kind,
          say(`layer.${k}`),
          () => change({ kind: k }),
          !hasLayer(k),
        ),
      ),
    );
  const services = MAP.layers.filter((l) => isChosen(l) && l.service).map((l) => l.service);
  document.getElementById("service-field").hidden = !services.length;
  document
    .getElementById("service")
    .replaceChildren(
      ...services.map((s) =>
        el("option", { value: s, selected: s === shown.service }, serviceName(s)),
      ),
    );
  if (focused) document.querySelector(`[name="${focused[0]}"][value="${focused[1]}"]`)?.focus();
}

const overlaysOff = new Set();

function fillOverlays() {
  document.getElementById("overlays").replaceChildren(
    document.querySelector("#overlays legend"),
    ...Object.keys(OVERLAYS)
      .filter((name) => name !== "communes" || MAP.communes)
      .filter((name) => name !== "lines" || MAP.lines.features.length)
      .filter((name) => name !== "proposals" || PROPOSALS)
      .filter((name) => name !== "measured" || MEASURED)
      .filter((name) => name !== "wide" || MAP.wide.features.length)
      .map((name) =>
        choice(
          "checkbox",
          "overlay",
          name,
          !overlaysOff.has(name),
          say(`map.${name}`),
          ({ target }) => {
            overlaysOff[target.checked ? "delete" : "add"](name);
            showOverlay(name, target.checked);
          },
        ),
      ),
  );
}

/** Take a choice of technology, kind or service and bring map, legend and table in line. */
function change(choices) {
  const before = shown.technology;
  Object.assign(shown, choices);
  if (!hasLayer(shown.kind)) shown.kind = "level";
  showLayer();
  fillControls();
  fillLegend();
  if (shown.technology !== before) fillVillages();
}

onLanguage.push(fillControls, fillOverlays, fillLegend, fillKey);
startTables();
shown.layer = MAP.layers.find(isChosen) ?? null;
readPicture(shown.layer);
setLanguage(language);
startMap();

for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => setLanguage(button.dataset.language));
document.getElementById("operator").addEventListener("change", ({ target }) => {
  const at = Number(target.value);
  change({ operator: at < 0 ? null : DATA.operators[at].name });
});
document
  .getElementById("service")
  .addEventListener("change", ({ target }) => change({ service: target.value }));
document
  .getElementById("opacity")
  .addEventListener("input", ({ target }) =>
    map?.setPaintProperty("cover", "raster-opacity", target.value / 100),
  );
document.getElementById("whole").addEventListener("click", () => flyToBounds(MAP.bounds_deg));
document
  .getElementById("save")
  .addEventListener(
    "click",
    () => map && figureCanvas().toBlob((blob) => download(fileName("map.png"), blob)),
  );
