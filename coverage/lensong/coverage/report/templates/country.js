// The two languages, and tables that sort by a heading.
const wanted = (navigator.languages ?? [navigator.language]).some((l) => l.startsWith("vi"));

function setLanguage(chosen) {
  document.documentElement.lang = chosen;
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
}

function valueOf(row, place) {
  const cell = row.children[place];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function sortBy(table, heading) {
  const place = [...heading.parentElement.children].indexOf(heading);
  const down = heading.getAttribute("aria-sort") !== "descending";
  for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const [one, two] = [valueOf(a, place), valueOf(b, place)];
    const order = typeof one === "number" ? one - two : one.localeCompare(two, "vi");
    return down ? -order : order;
  });
  body.replaceChildren(...rows);
}

for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => setLanguage(button.dataset.language));
for (const table of document.querySelectorAll("table[data-sortable]"))
  for (const heading of table.tHead.rows[0].children)
    heading.querySelector("button").addEventListener("click", () => sortBy(table, heading));
setLanguage(wanted ? "vi" : "en");
