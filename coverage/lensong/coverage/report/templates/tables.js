// Tables that sort, the village table with search and filter, popups, and CSV.
const villageTable = document.getElementById("village-table");
const sorting = { column: "people", falling: true };

/** Make the headings of a table buttons that sort its rows by data-value, or else by text. */
function sortable(table) {
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = el("button", { type: "button", class: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const falling = heading.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      const key = (row) => row.cells[column].dataset.value ?? visibleText(row.cells[column]);
      rows.sort((a, b) => compare(key(a), key(b), falling));
      table.tBodies[0].append(...rows);
    });
  });
}

const visibleText = (cell) =>
  (cell.querySelector(`.l[lang="${language}"]`)?.textContent ?? cell.textContent).trim();

/** Order numbers as numbers and words as the language does; what is missing comes last. */
function compare(a, b, falling) {
  const missing = (v) => v === null || v === undefined || v === "" || v === "None";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order =
    Number.isNaN(+a) || Number.isNaN(+b)
      ? String(a).localeCompare(String(b), LOCALES[language], { numeric: true })
      : a - b;
  return falling ? -order : order;
}

const hasLevel = DATA.technologies.some(
  (t) => `level_p50_dbm_${t.toLowerCase()}` in (DATA.villages[0] ?? {}),
);
const column = (prefix, service) => `${prefix}_${service.replaceAll("-", "_")}`;
const ofTechnology = (name) => `${name}_${shown.technology.toLowerCase()}`;

/** The columns of the village table: heading, value to sort by, cell to show, heading above. */
function villageColumns() {
  const figure = (id, name, head, digits, over) => ({
    id,
    head,
    over,
    class: "n",
    value: (v) => v[name],
    show: (v) => number(v[name], digits),
  });
  const share = (name) => ({
    id: column("served_share", name),
    head: serviceName(name),
    over: say("shares"),
    class: "n share",
    value: (v) => v[column("served_share", name)],
    show: (v) => shareBar(v[column("served_share", name)]),
  });
  const cause = (v) => (v.reason && v.reason !== v.class ? say(`reason.${v.reason}`) : "");
  const isShort = (v) => v.class !== "covered" && shortChances(v).length > 0;
  const chance = (v) =>
    isShort(v) ? ` · ${percent(v[column("chance_p50", DATA.class_service)])}` : "";
  const radio = say("of_technology", { technology: shown.technology });
  const server = (v) => v[ofTechnology("best_server")] ?? "";
  return [
    { id: "name", head: say("village"), value: (v) => v.name, row: true },
    {
      id: "class",
      head: say("class.cause"),
      class: "state-cell",
      value: (v) => `${CLASS_RANK[v.class]} ${cause(v)}`,
      show: (v, i) =>
        [
          classMark(v.class),
          say(`class.${v.class}`),
          el("small", {}, cause(v), chance(v)),
          pathButton(i),
        ].filter((part) => part !== null),
      tone: true,
    },
    { id: "commune", head: say("commune"), value: (v) => v.commune, show: (v) => v.commune },
    figure("people", "people", say("people"), 0),
    ...DATA.services.map(({ name }) => share(name)),
    ...operatorColumns(),
    ...basisColumns(),
    figure(
      "level",
      ofTechnology(hasLevel ? "level_p50_dbm" : "rsrp_p50_dbm"),
      say("short.level"),
      0,
      radio,
    ),
    figure("downlink", ofTechnology("downlink_p50_mbps"), say("short.downlink"), 1, radio),
    figure("uplink", ofTechnology("uplink_p50_mbps"), say("short.uplink"), 1, radio),
    figure("uplink10", ofTechnology("uplink_p10_mbps"), say("short.uplink10"), 1, radio),
    {
      id: "server",
      head: say("server"),
      over: radio,
      class: "nowrap",
      value: server,
      show: (v) => (server(v) || "–") + (v[ofTechnology("best_server_uncertain")] ? " ?" : ""),
    },
    {
      id: "distance",
      head: say("short.distance"),
      over: radio,
      class: "n",
      value: (v) => v[ofTechnology("distance_m")],
      show: km,
    },
  ];
}

/** How many operators serve, and which; nothing where the plan has one. */
function operatorColumns() {
  if (!DATA.operators.length) return [];
  return [
    {
      id: "operators",
      head: say("operators.short"),
      class: "n",
      value: (v) => v.operators_serving,
      show: (v) => [number(v.operators_serving, 0), el("small", {}, v.operators)],
    },
  ];
}

/** Two rows of headings: what several columns share stands above them. */
function headingRows(columns, by) {
  const sorter = (c) =>
    el("button", { type: "button", class: "sort", "data-column": c.id }, c.head);
  const state = (c) => (c === by ? (sorting.falling ? "descending" : "ascending") : null);
  const [above, below] = [el("tr"), el("tr")];
  columns.forEach((c, i) => {
    if (!c.over)
      above.append(
        el("th", { scope: "col", rowspan: 2, class: c.class, "aria-sort": state(c) }, sorter(c)),
      );
    else {
      if (columns[i - 1]?.over !== c.over)
        above.append(
          el(
            "th",
            {
              scope: "colgroup",
              class: "over",
              colspan: columns.filter((o) => o.over === c.over).length,
            },
            c.over,
          ),
        );
      below.append(el("th", { scope: "col", class: c.class, "aria-sort": state(c) }, sorter(c)));
    }
  });
  return [above, below];
}

const km = (v) => {
  const metres = v[ofTechnology("distance_m")];
  return metres === null || metres === undefined ? "–" : number(metres / 1000, 1);
};
const shareBar = (share) => [
  percent(share),
  el("i", { "aria-hidden": "true" }, el("i", { style: `width:${100 * (share ?? 0)}%` })),
];

function fillVillages() {
  const columns = villageColumns();
  const by = columns.find((c) => c.id === sorting.column) ?? columns[0];
  const order = DATA.villages
    .map((_, i) => i)
    .sort((a, b) =>
      compare(by.value(DATA.villages[a]), by.value(DATA.villages[b]), sorting.falling),
    );
  const chosen = villageTable.querySelector('[aria-selected="true"]')?.dataset.i;
  const rows = order.map((i) => {
    const village = DATA.villages[i];
    return el(
      "tr",
      { "data-i": i, "aria-selected": String(i) === chosen ? "true" : null },
      ...columns.map((c) =>
        c.row
          ? el(
              "th",
              { scope: "row" },
              el("button", { type: "button", class: "link" }, village.name),
            )
          : el(
              "td",
              { class: [c.class, c.tone && village.class].filter(Boolean).join(" ") || null },
              ...[c.show(village, i)].flat(),
            ),
      ),
    );
  });
  villageTable.replaceChildren(
    el("thead", {}, ...headingRows(columns, by)),
    el("tbody", {}, ...rows),
  );
  filterVillages();
}

// What the search looks in, in both languages: "trang song" and "no signal" find the same rows.
const bothWords = (key) => Object.values(DATA.messages[key] ?? {}).join(" ");
const searchText = DATA.villages.map((v) =>
  fold(
    [
      v.name,
      v.commune,
      v.province,
      bothWords(`class.${v.class}`),
      bothWords(`reason.${v.reason}`),
      ...DATA.technologies.map((t) => v[`best_server_${t.toLowerCase()}`]),
    ]
      .filter(Boolean)
      .join(" "),
  ),
);

function filterVillages() {
  const words = fold(document.getElementById("search").value).split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of villageTable.tBodies[0].rows) {
    const i = +row.dataset.i;
    const fits =
      (!classFilter || DATA.villages[i].class === classFilter) &&
      words.every((word) => searchText[i].includes(word));
    row.hidden = !fits;
    count += fits;
  }
  document.getElementById("shown").textContent = count
    ? say("villages.shown", { n: count, villages: DATA.villages.length })
    : say("villages.nothing");
}

function markRow(i) {
  for (const row of villageTable.tBodies[0].rows) {
    if (+row.dataset.i === i) row.setAttribute("aria-selected", "true");
    else row.removeAttribute("aria-selected");
  }
}

/** Scroll to a village's row and put the focus there. */
function showRow(i) {
  const row = villageTable.querySelector(`tr[data-i="${i}"]`);
  row.hidden = false;
  row.scrollIntoView({ block: "center" });
  row.querySelector("button").focus();
}

const line = (name, value) =>
  el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "n" }, value));
/** A village's numbers: a row per quantity, a column per technology. */
function villageNumbers(v) {
  const row = (head, unit, show) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, head, unit ? el("small", {}, unit) : null),
      ...DATA.technologies.map((t) =>
        el("td", { class: "n" }, ...[show((name) => v[`${name}_${t.toLowerCase()}`])].flat()),
      ),
    );
  const pair = (name, unit, digits) => (get) => [
    number(get(`${name}_p50_${unit}`), digits),
    el("small", {}, `p10 ${number(get(`${name}_p10_${unit}`), digits)}`),
  ];
  const limits = (get) =>
    DATA.services
      .map(({ name }) => get(column("limiting", name)))
      .find((word) => word && word !== "none");
  const server = (get) => [
    get("best_server") || "–",
    el(
      "small",
      {},
      [
        get("distance_m") && say("km", { n: get("distance_m") / 1000 }),
        get("best_server_uncertain") && say("server.uncertain"),
      ]
        .filter(Boolean)
        .join(", "),
    ),
  ];
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("td"),
        ...DATA.technologies.map((t) => el("th", { scope: "col", class: "n" }, t)),
      ),
    ),
    el(
      "tbody",
      {},
      ...DATA.services.map(({ name }) =>
        row(serviceName(name), null, (get) => percent(get(column("served_share", name)))),
      ),
      hasLevel ? row(say("layer.level"), `dBm, ${say("median")}`, pair("level", "dbm", 0)) : null,
      row(say("layer.rsrp"), `dBm, ${say("median")}`, pair("rsrp", "dbm", 0)),
      row(say("layer.downlink"), `Mbit/s, ${say("median")}`, pair("downlink", "mbps", 1)),
      row(say("layer.uplink"), `Mbit/s, ${say("median")}`, pair("uplink", "mbps", 1)),
      row(say("limiting"), null, (get) => (limits(get) ? say(`limiting.${limits(get)}`) : "–")),
      row(say("server"), null, server),
    ),
  );
}

/** Why a service is missing though the median rates would do: the chance, and what lowers it. */
function shortChances(v) {
  const enough = ({ technologies, downlink_mbps: down, uplink_mbps: up }) =>
    technologies.some((t) => {
      const of = (name) => v[`${name}_p50_mbps_${t.toLowerCase()}`];
      return of("downlink") >= down && of("uplink") >= up;
    });
  return DATA.services
    .filter(
      (s) =>
        v[column("served_share", s.name)] < DATA.covered_share &&
        v[column("reason", s.name)] &&
        enough(s),
    )
    .map(({ name, probability }) =>
      say("chance.short", {
        name: serviceName(name),
        chance: 100 * v[column("chance_p50", name)],
        wanted: 100 * probability,
        reason: say(`reason.${v[column("reason", name)]}`),
      }),
    );
}

/** What each operator's SIM gets: share of people by service, level, cause of the gap. */
function operatorNumbers(v) {
  if (!DATA.operators.length) return null;
  const of = (name, { suffix }) => v[`${name}_op_${suffix}`];
  const heading = (text) => el("th", { scope: "col", class: "n" }, text);
  const columns = DATA.services.length + 1;
  // names may be long: each stands on a line of its own, above its numbers
  const named = (o) => {
    const reason = of("reason", o);
    const told = reason ? el("small", {}, ` ${say(`reason.${reason}`)}`) : null;
    return el(
      "tr",
      {},
      el("th", { scope: "rowgroup", colspan: columns }, operatorName(o.name), told),
    );
  };
  const counted = (o) =>
    el(
      "tr",
      {},
      ...DATA.services.map(({ name }) =>
        el("td", { class: "n" }, percent(of(column("served_share", name), o))),
      ),
      el("td", { class: "n" }, number(of("level_p50_dbm", o), 0)),
    );
  return el(
    "table",
    { class: "by-operator" },
    el(
      "thead",
      {},
      el("tr", {}, ...DATA.services.map(({ name }) => heading(serviceName(name))), heading("dBm")),
    ),
    ...DATA.operators.map((o) => el("tbody", {}, named(o), counted(o))),
  );
}

/** How many streams hold at once, by service; nothing where none were counted. */
function streamsAtOnce(v) {
  const counted = DATA.services.filter(({ name }) => column("streams_at_once", name) in v);
  if (!counted.length) return null;
  const told = counted.map(({ name, probability }) => {
    const n = v[column("streams_at_once", name)];
    const more = n >= DATA.most_streams ? "≥ " : "";
    return `${serviceName(name)} ${more}${n} (${number(100 * probability, 0)} %)`;
  });
  return el("p", { class: "hint" }, `${say("streams.at_once")}: ${told.join(", ")}`);
}

function villagePopup(v, i) {
  const state = [
    say(`class.${v.class}`),
    v.reason && v.reason !== v.class && say(`reason.${v.reason}`),
  ]
    .filter(Boolean)
    .join(": ");
  return el(
    "div",
    { class: "popup" },
    el("h3", {}, v.name),
    el(
      "p",
      { class: "sub" },
      [v.commune, v.province].filter(Boolean).join(", "),
      v.people === null ? "" : ` · ${say("people.count", { n: Math.round(v.people) })}`,
    ),
    el(
      "p",
      { class: `state ${v.class}` },
      classMark(v.class),
      el("span", {}, state),
      el("button", { type: "button", class: "link", onclick: () => showRow(i) }, say("in_table")),
    ),
    ...shortChances(v).map((text) => el("p", { class: "hint" }, text)),
    hasPath(i) ? el("p", { class: "hint" }, pathButton(i)) : null,
    villageBasis(v),
    causeDetails(v),
    streamsAtOnce(v),
    operatorNumbers(v),
    DATA.operators.length ? el("p", { class: "sub" }, `${say("operator.any")}:`) : null,
    villageNumbers(v),
  );
}

/** Return the word "assumed" when any of a cell's fields was, else nothing. */
const assumed = (cell, ...fields) =>
  fields.some((name) => cell.assumed.includes(name)) ? el("small", {}, say("assumed")) : null;

function mastPopup(mast) {
  const cells = mast.cells.map((c) =>
    el(
      "tr",
      {},
      el(
        "td",
        {},
        c.cell_id,
        el("small", {}, `${c.technology} ${c.carrier}`),
        assumed(c, "channel", "bandwidth_mhz", "technology"),
      ),
      el(
        "td",
        { class: "n" },
        c.omni ? say("omni") : `${number(c.azimuth_deg, 0)}°`,
        assumed(c, "azimuth_deg", "antenna"),
      ),
      el(
        "td",
        { class: "n" },
        `${number(c.mechanical_downtilt_deg, 1, true)}° + ${number(c.electrical_downtilt_deg, 1, true)}°`,
        assumed(c, "mechanical_downtilt_deg", "electrical_downtilt_deg"),
      ),
      el(
        "td",
        { class: "n" },
        `${number(c.total_power_dbm, 1, true)} dBm`,
        assumed(c, "total_power_dbm"),
      ),
    ),
  );
  const facts = [
    mast.operator,
    `${say("height")} ${number(mast.height_agl_m, 1, true)} m${
      mast.cells.some((c) => c.assumed.includes("height_agl_m")) ? ` (${say("assumed")})` : ""
    }`,
    mast.backhaul && `${say("backhaul")}: ${mast.backhaul}`,
  ];
  const heads = [say("cell"), say("azimuth"), say("tilt.parts"), say("power")];
  return el(
    "div",
    { class: "popup" },
    el("h3", {}, mast.name || mast.mast_id),
    el("p", { class: "sub" }, [mast.name && mast.mast_id, ...facts].filter(Boolean).join(" · ")),
    mast.uncertain ? el("p", { class: "state patchy" }, say("map.uncertain")) : null,
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el("tr", {}, ...heads.map((h, i) => el("th", { class: i ? "n" : null, scope: "col" }, h))),
      ),
      el("tbody", {}, ...cells),
    ),
  );
}

const gapPopup = (gap) =>
  el(
    "div",
    { class: "popup" },
    el("h3", {}, `${say("gap")} ${gap.gap_id}`),
    el("p", { class: "state no_signal" }, say(`reason.${gap.reason}`)),
    el(
      "table",
      {},
      el(
        "tbody",
        {},
        line(say("map.service"), serviceName(gap.service)),
        line(say("people"), number(gap.people, 0)),
        line(say("area_km2"), number(gap.area_km2, 2)),
        line(say("villages"), gap.villages || "–"),
      ),
    ),
  );

/** Return rows as CSV with a byte order mark, so that a spreadsheet reads the accents. */
function csv(rows, without = []) {
  const names = Object.keys(rows[0] ?? {}).filter((name) => !without.includes(name));
  const quote = (value) =>
    value === null || value === undefined
      ? ""
      : /[",\n]/.test(value)
        ? `"${String(value).replaceAll('"', '""')}"`
        : String(value);
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))].map((line) =>
    line.map(quote).join(","),
  );
  return new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" });
}

function startTables() {
  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  villageTable.addEventListener("click", ({ target }) => {
    const heading = target.closest("[data-column]")?.dataset.column;
    if (heading) {
      sorting.falling = sorting.column === heading ? !sorting.falling : false;
      sorting.column = heading;
      fillVillages();
      villageTable.querySelector(`[data-column="${heading}"]`).focus();
      return;
    }
    const row = target.closest("tr[data-i]");
    if (!row) return;
    selectVillage(+row.dataset.i, { fly: true });
    if (map) document.getElementById("figure").scrollIntoView({ block: "center" });
  });
  document.getElementById("search").addEventListener("input", filterVillages);
  document.getElementById("chips").addEventListener("click", ({ target }) => {
    const chip = target.closest("[data-class]");
    if (!chip) return;
    for (const other of chip.parentNode.children)
      other.setAttribute("aria-pressed", String(other === chip));
    filterMap(chip.dataset.class);
    filterVillages();
  });
  document.getElementById("village-csv").addEventListener("click", () => {
    const visible = [...villageTable.tBodies[0].rows]
      .filter((row) => !row.hidden)
      .map((row) => DATA.villages[+row.dataset.i]);
    download(fileName("villages.csv"), csv(visible));
  });
  document
    .getElementById("commune-csv")
    ?.addEventListener("click", () =>
      download(fileName("communes.csv"), csv(DATA.communes, ["bounds_deg"])),
    );
  document.getElementById("commune-table")?.addEventListener("click", ({ target }) => {
    const row = target.closest("tr[data-commune]");
    if (!row || !map) return;
    flyToBounds(DATA.communes[+row.dataset.commune].bounds_deg);
    document.getElementById("figure").scrollIntoView({ block: "center" });
  });
  onLanguage.push(fillVillages);
}
