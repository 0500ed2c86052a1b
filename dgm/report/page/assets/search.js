// Finds agents by the beginning of their names, tasks by any part, entries by their number.

const FOUND = 12;

function searchBox() {
  const list = made("ul", { id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  const input = made("input", {
    id: "search", type: "search", placeholder: "agent, task, entry  /", "aria-label": "Search agents, tasks and entries",
    autocomplete: "off", spellcheck: "false", role: "combobox", "aria-controls": "found", "aria-expanded": "false",
  });
  let chosen = 0;
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); };
  const mark = () => [...list.querySelectorAll("[data-to]")].forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
  const open = (to) => { close(); input.blur(); input.value = ""; go(to); };
  input.addEventListener("input", async () => {
    const text = input.value.trim();
    const found = await matches(text);
    if (text !== input.value.trim()) return; // somebody typed on meanwhile
    chosen = 0;
    replace(list, found.length ? found.map(([to, text, about]) =>
      made("li", { role: "option", "data-to": to, onmousedown: (event) => { event.preventDefault(); open(to); } }, text, made("span.soft", {}, about)))
      : made("li.soft", {}, "No agent begins with this, and no task contains it."));
    list.hidden = !text;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark();
  });
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "ArrowDown") chosen = Math.min(count - 1, chosen + 1);
    else if (event.key === "ArrowUp") chosen = Math.max(0, chosen - 1);
    else if (event.key === "Enter" && list.children[chosen]?.dataset.to) open(list.children[chosen].dataset.to);
    else if (event.key === "Escape") { close(); input.blur(); }
    else return;
    event.preventDefault();
    mark();
  });
  input.addEventListener("blur", close);
  return made("div.search", {}, input, list);
}

async function matches(text) {
  if (!text) return [];
  const { agents, head } = store;
  const found = [];
  if (/^\d{1,9}$/.test(text) && Number(text) < head.seq) found.push([`entry/${text}`, `entry ${text}`, "what was decided or came out"]);
  for (let i = 0; i < agents.id.length && found.length < FOUND; i++) {
    if (agents.id[i].startsWith(text.toLowerCase())) found.push([`tree/${agents.id[i].slice(0, 10)}`, nameOf(i), `${agents.resolved[i]}/${agents.evaluations[i]} · ${two(agents.mean[i])}`]);
  }
  if ("winner".startsWith(text)) found.unshift([`tree/${nameOf(head.winner)}`, "winner", nameOf(head.winner)]);
  const tasks = await table("tasks");
  for (let i = 0; i < tasks.name.length && found.length < FOUND; i++) {
    if (tasks.name[i].toLowerCase().includes(text.toLowerCase())) found.push([`task/${i}`, tasks.name[i], `${tasks.resolved[i]}/${tasks.evaluations[i]}`]);
  }
  return found;
}
