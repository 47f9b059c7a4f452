// Every table can be sorted by its columns and taken along as CSV.

const vietnamese = new Intl.Collator(document.documentElement.lang, {
  numeric: true,
  sensitivity: "base",
});

function text(cell) {
  return (cell?.textContent ?? "").replace(/\s+/g, " ").trim();
}

function value(cell) {
  return cell?.dataset.value ?? text(cell);
}

function sort(table, column, header) {
  const up = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const one = value(a.cells[column]),
      two = value(b.cells[column]);
    // what is not known goes last, whichever way
    if (one === "–" || two === "–") return (one === "–") - (two === "–");
    return (up ? 1 : -1) * vietnamese.compare(one, two);
  });
  body.append(...rows);
}

function csv(table) {
  const quoted = (part) => (/^[=+@\t]/.test(part) ? `'${part}` : part).replaceAll('"', '""');
  return [...table.rows]
    .filter((row) => !row.hidden)
    .map((row) => [...row.cells].map((cell) => `"${quoted(text(cell))}"`).join(","))
    .join("\r\n");
}

function save(table) {
  const link = document.createElement("a");
  // the mark at the front lets spreadsheets see that this is UTF-8
  link.href = URL.createObjectURL(new Blob(["\ufeff", csv(table)], { type: "text/csv" }));
  link.download = `${table.dataset.table}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function equip() {
  for (const table of document.querySelectorAll("table[data-table]:not([data-equipped])")) {
    table.dataset.equipped = "";
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, column, header));
      header.append(button);
    });
    if (table.dataset.csv) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "csv";
      button.textContent = table.dataset.csv;
      button.addEventListener("click", () => save(table));
      table.closest(".scroll").after(button);
    }
  }
}

document.getElementById("live")?.addEventListener("fresh", equip);
equip();
