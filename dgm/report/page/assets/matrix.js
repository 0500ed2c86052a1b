// Agents down, tasks across: who resolved what. Only what is in sight is drawn.

const matrixState = { order: "age", at: null }; // `at`: the cell that the arrow keys have reached
const GRID = { cell: 16, names: 150, splits: 20, heads: 152 };
const ORDERS = {
  age: ["Age", (a) => a.id.map((_, i) => i)],
  mean: ["Mean", (a) => a.id.map((_, i) => i).sort((i, j) => a.mean[j] - a.mean[i] || i - j)],
  line: ["Winner's line", (a) => { const line = new Set(store.head.line); return [...line, ...a.id.map((_, i) => i).filter((i) => !line.has(i))]; }],
};

VIEWS.set("matrix", async () => {
  const [tasks, matrix] = await Promise.all([table("tasks"), table("matrix")]);
  const grid = { tasks, cells: new Map(matrix.agent.map((agent, n) => [agent * tasks.name.length + matrix.task[n], n])), matrix };
  GRID.heads = GRID.splits + 16 + 6.2 * Math.max(...tasks.name.map((name) => shortTask(name).length), 1);
  grid.columns = tasks.name.map((_, i) => i);
  const canvas = made("canvas", { role: "img", "aria-label": "Agents by tasks; arrow keys move over the cells, Enter opens the agent" });
  const room = made("div.room", {}, canvas);
  const element = made("div.grid", { tabindex: 0 }, room);
  const order = (name) => { matrixState.order = name; grid.rows = ORDERS[name][1](store.agents); draw(); };
  const draw = () => paintGrid(element, room, canvas, grid);
  element.addEventListener("scroll", () => { hideHover(); draw(); });
  watchGrid(element, grid, draw);
  const resized = new ResizeObserver(draw);
  return {
    title: "Agents × tasks",
    element: made("div.page.full", {}, made("div.bar", {}, made("h1", {}, "Agents × tasks"),
      choice("Order of agents", Object.entries(ORDERS).map(([name, [text]]) => [name, text]), matrixState.order, order), gridLegend()), element),
    shown() { order(matrixState.order); resized.observe(element); addEventListener("recolour", draw); },
    leave() { resized.disconnect(); removeEventListener("recolour", draw); },
  };
});

function gridLegend() {
  const square = (share, flip) => {
    const canvas = made("canvas", { width: 16, height: 16, "aria-hidden": "true" });
    paintCell(canvas.getContext("2d"), 0, 0, share, flip, 16);
    return canvas;
  };
  return made("span.legend", {}, [[1, -1, "resolved"], [0.5, -1, "some"], [0, -1, "not resolved"], [1, 2, "won against the parent"], [0, 1, "lost against the parent"]]
    .map(([share, flip, text]) => made("span.mark", {}, square(share, flip), text)));
}

function paintGrid(element, room, canvas, grid) {
  GRID.cell = Math.max(16, Math.min(24, Math.floor((element.clientWidth - GRID.names - 8) / grid.columns.length)));
  const { cell, names, heads } = GRID;
  room.style.width = `${names + cell * grid.columns.length + 8}px`;
  room.style.height = `${heads + cell * grid.rows.length + 8}px`;
  const [left, top, width, height] = [element.scrollLeft, element.scrollTop, element.clientWidth, element.clientHeight];
  const pen = fitted(canvas, width, height);
  canvas.style.transform = `translate(${left}px, ${top}px)`;
  const first = { x: Math.floor(left / cell), y: Math.floor(top / cell) };
  const last = { x: Math.min(grid.columns.length, first.x + Math.ceil((width - names) / cell) + 1), y: Math.min(grid.rows.length, first.y + Math.ceil((height - heads) / cell) + 1) };
  pen.save();
  pen.beginPath();
  pen.rect(names, heads, width, height);
  pen.clip();
  for (let y = first.y; y < last.y; y++) {
    for (let x = first.x; x < last.x; x++) {
      const n = grid.cells.get(grid.rows[y] * grid.tasks.name.length + grid.columns[x]);
      if (n !== undefined) paintCell(pen, names + x * cell - left, heads + y * cell - top, grid.matrix.resolved[n] / grid.matrix.evaluations[n], grid.matrix.flip[n]);
    }
  }
  if (matrixState.at) paintReached(pen, names + matrixState.at.column * cell - left, heads + matrixState.at.row * cell - top, cell);
  pen.restore();
  paintNames(pen, grid, first, last, left, top, width, height);
}

function paintCell(pen, x, y, share, flip, size = GRID.cell) {
  pen.fillStyle = share > 0 ? shade(0.25 + 0.75 * share) : colours.panel;
  pen.strokeStyle = share > 0 ? pen.fillStyle : colours.edge;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.rect(x + 1.5, y + 1.5, size - 3, size - 3);
  pen.fill();
  pen.stroke();
  if (flip !== 1 && flip !== 2) return;
  pen.strokeStyle = flip === 2 ? colours.accent : colours.bad;
  pen.lineWidth = 2;
  pen.stroke();
}

function paintReached(pen, x, y, cell) {
  pen.strokeStyle = colours.focus;
  pen.lineWidth = 2;
  pen.strokeRect(x, y, cell, cell);
}

function paintNames(pen, grid, first, last, left, top, width, height) {
  const { cell, names, heads } = GRID;
  pen.textBaseline = "middle";
  const clipped = (x, y, w, h, draw) => { pen.save(); pen.beginPath(); pen.rect(x, y, w, h); pen.clip(); draw(); pen.restore(); };
  clipped(0, heads, names, height, () => {
    for (let y = first.y; y < last.y; y++) {
      const agent = grid.rows[y];
      const middle = heads + y * cell - top + cell / 2;
      pen.font = "12px ui-monospace, monospace";
      pen.fillStyle = store.head.line.includes(agent) ? colours.accent : colours.ink;
      pen.fillText(nameOf(agent), 4, middle);
      pen.font = "11px system-ui, sans-serif";
      pen.fillStyle = colours.soft;
      pen.fillText(`${store.agents.resolved[agent]}/${store.agents.evaluations[agent]}`, 92, middle);
    }
  });
  clipped(names, GRID.splits, width, heads - GRID.splits, () => {
    pen.font = "11px system-ui, sans-serif";
    for (let x = first.x; x < last.x; x++) {
      const task = grid.columns[x];
      pen.save();
      pen.translate(names + x * cell - left + cell / 2, heads - 6);
      pen.rotate(-Math.PI / 2);
      pen.fillStyle = grid.tasks.split[task] === "search" ? colours.ink : colours.soft;
      pen.fillText(shortTask(grid.tasks.name[task]), 0, 0);
      pen.restore();
    }
  });
  paintSplits(pen, grid, left, width);
}

const shortTask = (name) => { const text = visible(name.replace(/^.*\//, "")); return text.length > 20 ? text.slice(0, 19) + "…" : text; };

// A line and a word where the tasks of another split begin.
function paintSplits(pen, grid, left, width) {
  const { cell, names, heads } = GRID;
  pen.font = "600 11px system-ui, sans-serif";
  grid.columns.forEach((task, x) => {
    const begins = x === 0 || grid.tasks.split[task] !== grid.tasks.split[grid.columns[x - 1]];
    const at = names + x * cell - left;
    if (!begins || at < names || at > width) return;
    pen.fillStyle = colours.soft;
    pen.fillRect(at, GRID.splits - 2, cell, 1);
    if (x > 0) pen.fillRect(at - 0.5, 0, 1, heads);
    pen.fillText(grid.tasks.split[task], at + 3, GRID.splits / 2);
  });
}

function watchGrid(element, grid, draw) {
  const { names, heads } = GRID;
  const cellAt = (event) => {
    const box = element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (x < 0 || y < 0) return null;
    return { column: x < names ? -1 : Math.floor((x - names + element.scrollLeft) / GRID.cell), row: y < heads ? -1 : Math.floor((y - heads + element.scrollTop) / GRID.cell) };
  };
  const told = ({ column, row }) => {
    const [agent, task] = [grid.rows[row], grid.columns[column]];
    const n = agent === undefined || task === undefined ? undefined : grid.cells.get(agent * grid.tasks.name.length + task);
    return {
      agent, task,
      lines: [
        agent !== undefined && made("div", {}, made("b", {}, nameOf(agent)), ` own ${store.agents.resolved[agent]}/${store.agents.evaluations[agent]}`),
        task !== undefined && made("div", {}, `${grid.tasks.name[task]} (${grid.tasks.split[task]}): ${grid.tasks.resolved[task]}/${grid.tasks.evaluations[task]} of all`),
        n !== undefined ? made("div", {}, `resolved ${grid.matrix.resolved[n]} of ${grid.matrix.evaluations[n]}`, grid.matrix.flip[n] >= 0 && FLIP_TEXT[grid.matrix.flip[n]][0] && `; against its parent: ${FLIP_TEXT[grid.matrix.flip[n]][0]}`)
          : agent !== undefined && task !== undefined && made("div.soft", {}, "never met"),
      ],
    };
  };
  element.addEventListener("pointermove", (event) => {
    const at = cellAt(event);
    const { agent, task, lines } = at ? told(at) : {};
    if (agent === undefined && task === undefined) hideHover();
    else hover(event, ...lines);
  });
  element.addEventListener("pointerleave", hideHover);
  element.addEventListener("click", (event) => {
    const { agent, task } = told(cellAt(event));
    if (agent !== undefined) go(`agent/${nameOf(agent)}`);
    else if (task !== undefined) go(`task/${task}`);
  });
  element.addEventListener("keydown", (event) => {
    const step = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key];
    if (event.key === "Enter" && matrixState.at) return go(`agent/${nameOf(grid.rows[matrixState.at.row])}`);
    if (!step) return;
    event.preventDefault();
    const from = matrixState.at ?? { column: -1, row: -1 };
    const within = (value, count) => Math.max(0, Math.min(count - 1, value));
    matrixState.at = { column: within(from.column + step[0], grid.columns.length), row: within(from.row + step[1], grid.rows.length) };
    const { lines } = told(matrixState.at);
    say(lines.filter(Boolean).map((line) => line.textContent).join("; "));
    const box = element.getBoundingClientRect();
    element.scrollTop = Math.min(element.scrollTop, matrixState.at.row * GRID.cell);
    element.scrollTop = Math.max(element.scrollTop, heads + (matrixState.at.row + 2) * GRID.cell - element.clientHeight);
    draw();
    hover({ clientX: box.left + names + (matrixState.at.column + 1) * GRID.cell - element.scrollLeft, clientY: box.top + heads + (matrixState.at.row + 1) * GRID.cell - element.scrollTop }, ...lines);
  });
}

const TASK_ROWS = 500;

// One task: who met it, and how that went.
VIEWS.set("task", async (key) => {
  const [tasks, matrix, jobs] = await Promise.all([table("tasks"), table("matrix"), table("jobs")]);
  const task = Number(key);
  if (tasks.name[task] === undefined) return missing(`This run has no task number ${key}.`);
  const all = matrix.task.map((_, n) => n).filter((n) => matrix.task[n] === task);
  const rows = all.slice(0, TASK_ROWS);
  const met = new Map();
  jobs.seq.forEach((_, n) => { if (jobs.task[n] === task) met.set(jobs.agent[n], [...(met.get(jobs.agent[n]) || []), n]); });
  return {
    title: tasks.name[task], tab: "matrix",
    element: made("div.page", {}, made("h1", {}, tasks.name[task], made("span.tag", {}, tasks.split[task])),
      made("p", {}, `${tasks.resolved[task]} of ${plural(tasks.evaluations[task], "evaluation")} resolved it.`,
        all.length > rows.length && made("span.soft", {}, ` Of the ${grouped(all.length)} agents that met it, the ${TASK_ROWS} oldest stand here.`)),
      rows.length ? tabled(["agent", ">own", ">mean", ">resolved here", "against its parent", "rollouts"], rows.map((n) => {
        const agent = matrix.agent[n];
        const [text, kind] = matrix.flip[n] < 0 ? ["", ""] : FLIP_TEXT[matrix.flip[n]];
        return [link(`agent/${nameOf(agent)}`, nameOf(agent)), `${store.agents.resolved[agent]}/${store.agents.evaluations[agent]}`, two(store.agents.mean[agent]),
          `${matrix.resolved[n]}/${matrix.evaluations[n]}`, made("span" + (kind && "." + kind), {}, text), (met.get(agent) || []).map((job) => [rolloutLink(jobs, job), " "])];
      })) : made("p.empty", {}, "Nobody met it yet.")),
  };
});
