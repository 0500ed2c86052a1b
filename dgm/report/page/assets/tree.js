// The tree: who descends from whom, how good each is held to be, what came to nothing.

const TREE_SVG = 2000; // agents; above, a canvas is drawn
const SHADES = {
  score: { text: "Score", of: (a, i) => (a.evaluations[i] ? a.mean[i] : null), say: two, about: "mean of the belief in its own score" },
  cmp: { text: "CMP", of: (a, i) => (a.clade_evaluations[i] ? a.cmp[i] : null), say: two, about: "mean of the belief in its whole clade" },
  operator: { text: "Operator", of: (a, i) => a.operator[i], about: "what its parent was asked for" },
  cost: { text: "Cost", of: (a, i) => a.cost[i], say: dollars, about: "making it and evaluating it" },
};
// `camera` is null until somebody moves it: then the whole tree is shown. `held` is where its chosen agent stood last.
const treeState = { shade: "score", camera: null, held: null };

VIEWS.set("tree", async (prefix) => {
  const agents = store.agents;
  const at = agentCalled(prefix);
  const tree = {
    agents, chosen: at >= 0 ? at : store.head.winner, bright: at >= 0 ? kinOf(at) : null,
    line: new Set(store.head.line), colour: null, width: 0, height: 0, camera: null,
  };
  const stage = made("div.stage", { tabindex: 0, role: "application", "aria-label": "Tree of agents; arrow keys move, Enter opens" });
  const side = made("aside.side", { "aria-label": "The chosen agent" });
  const legend = made("div.legend");
  const painter = agents.id.length > TREE_SVG ? canvasPainter(stage, tree) : svgPainter(stage, tree);
  const paint = () => { tree.colour = colouring(tree.agents); replace(legend, legendOf(tree.colour)); painter.draw(); };

  tree.choose = (agent, { byKey = false } = {}) => {
    tree.chosen = agent;
    tree.bright = kinOf(agent);
    (byKey ? note : noteStep)(`tree/${nameOf(agent)}`);
    replace(side, sideOf(agent));
    if (byKey) tree.look(withInSight(tree, agent));
    else painter.draw();
    say(`${nameOf(agent)}, ${agents.resolved[agent]} of ${agents.evaluations[agent]} resolved, mean ${two(agents.mean[agent])}`);
  };
  tree.open = (agent) => go(`agent/${nameOf(agent)}`);
  tree.look = (camera) => { treeState.camera = camera; tree.camera = camera ?? wholeTree(tree); painter.draw(); };
  replace(side, sideOf(tree.chosen));
  const bar = made("div.bar", {},
    choice("Colour", Object.entries(SHADES).map(([name, { text }]) => [name, text]), treeState.shade, (name) => { treeState.shade = name; paint(); }),
    legend);
  stage.append(made("span.caption.soft", {}, "size: evaluations · ticks beside: expansions that made no child"));
  const keys = (event) => keyInTree(event, tree, stage);
  const fit = () => { measure(stage, tree); paint(); };
  const resized = new ResizeObserver(fit);
  return {
    title: "Tree",
    element: made("div.split", {}, made("section.main", {}, bar, stage), side),
    shown() { fit(); returnTo(tree); paint(); performance.mark("tree"); watchStage(stage, tree); resized.observe(stage); addEventListener("recolour", paint); addEventListener("keydown", keys); },
    leave() { treeState.held = [tree.chosen, ...pointOf(tree, tree.chosen)]; resized.disconnect(); removeEventListener("recolour", paint); removeEventListener("keydown", keys); },
  };
});

// A step of its own for the back button, without building the whole view again.
function noteStep(to) {
  if ("#" + to !== location.hash) history.pushState(null, "", "#" + to);
}

function colouring(agents) {
  const { of, say } = SHADES[treeState.shade];
  const values = agents.id.map((_, i) => of(agents, i));
  if (treeState.shade === "operator") {
    const names = [...new Set(values.filter((name) => name !== null))].sort();
    return { names, at: (i) => (values[i] === null ? null : hue(names.indexOf(values[i]))) };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) if (value !== null) { low = Math.min(low, value); high = Math.max(high, value); }
  const span = high - low || 1;
  return { low, high, say, at: (i) => (values[i] === null ? null : shade((values[i] - low) / span)) };
}

function legendOf(colour) {
  const about = SHADES[treeState.shade].about;
  if (colour.names) return colour.names.map((name, i) => made("span.mark", { title: about }, swatch(hue(i)), word(name)));
  if (colour.low === Infinity) return [];
  const stops = [0, 0.25, 0.5, 0.75, 1].map((value) => swatch(shade(value)));
  return made("span.mark", { title: about }, colour.say(colour.low), made("span.ramp", {}, stops), colour.say(colour.high), made("span.soft", {}, about));
}

function swatch(colour) {
  return drawn("svg.swatch", { width: 12, height: 12, "aria-hidden": "true" }, drawn("rect", { width: 12, height: 12, rx: 2, fill: colour }));
}

// Where agents stand on the stage: the camera stretches and moves the layout, nodes keep a size of their own.
function measure(stage, tree) {
  tree.width = stage.clientWidth;
  tree.height = stage.clientHeight;
  tree.camera = treeState.camera ?? wholeTree(tree);
}

// The camera where it was left. If the tree has grown since, the agent that was chosen keeps its place on the screen.
function returnTo(tree) {
  if (!treeState.camera) return;
  const [agent, x, y] = treeState.held;
  const [nowX, nowY] = pointOf(tree, agent);
  tree.camera = { ...tree.camera, left: tree.camera.left + x - nowX, top: tree.camera.top + y - nowY };
  tree.camera = treeState.camera = agent === tree.chosen ? tree.camera : withInSight(tree, tree.chosen);
}

const EDGE = { left: 52, right: 84, top: 40, bottom: 56 }; // room for names on the right

function wholeTree(tree) {
  const { x, level } = tree.agents;
  const widest = largest(x);
  const deepest = largest(level);
  const room = tree.width - EDGE.left - EDGE.right;
  const across = widest ? Math.min(110, room / widest) : 0;
  const down = deepest ? Math.min(120, (tree.height - EDGE.top - EDGE.bottom) / deepest) : 0;
  return { across: across || 60, down: down || 60, left: EDGE.left + (room - widest * across) / 2, top: EDGE.top };
}

const largest = (values) => values.reduce((most, value) => Math.max(most, value), 0);
const pointOf = (tree, i) => [tree.agents.x[i] * tree.camera.across + tree.camera.left, tree.agents.level[i] * tree.camera.down + tree.camera.top];

function radiusOf(tree, i) {
  const room = Math.max(1.5, Math.min(13, 0.36 * tree.camera.across, 0.3 * tree.camera.down));
  const evidence = Math.sqrt(tree.agents.evaluations[i] / (tree.most ??= largest(tree.agents.evaluations) || 1));
  return Math.max(room * (0.45 + 0.55 * evidence), tree.line.has(i) ? 3.5 : 1.2);
}

const dimmed = (tree, i) => tree.bright !== null && !tree.bright.has(i);
const ROOMY = 54; // pixels from one agent to the next at which every name has room beside its agent
const isNamed = (tree, i) => tree.camera.across >= ROOMY || i === tree.chosen || titlesOf(i).length > 0;
const failuresOf = (agents, i) => Object.values(agents.failed[i]).reduce((sum, count) => sum + count, 0);

function zoom(tree, factor, x, y) {
  const camera = tree.camera;
  const whole = wholeTree(tree);
  const wanted = Math.max(Math.min(0.5 * whole.across, whole.across), Math.min(160, camera.across * factor));
  const real = wanted / camera.across;
  const down = Math.max(0.5 * whole.down, Math.min(160, camera.down * (real > 1 ? Math.sqrt(real) : real)));
  tree.look({
    across: wanted, down,
    left: x - (x - camera.left) * real, top: y - (y - camera.top) * (down / camera.down),
  });
}

// A camera that has an agent in sight: the one that somebody set, moved as little as needed; null if nobody set any.
function withInSight(tree, agent) {
  if (!treeState.camera) return null;
  const [x, y] = pointOf(tree, agent);
  const move = (value, size) => (value < 40 ? 40 - value : value > size - 40 ? size - 40 - value : 0);
  return { ...tree.camera, left: tree.camera.left + move(x, tree.width), top: tree.camera.top + move(y, tree.height) };
}

function hoverAgent(event, i) {
  const a = store.agents;
  const failed = Object.entries(a.failed[i]).map(([name, count]) => `${word(name)} ${count}`).join(", ");
  hover(event,
    made("b", {}, nameOf(i)), made("span.soft", {}, titlesOf(i).map((text) => " " + text)),
    facts([
      ["own", `${a.resolved[i]}/${a.evaluations[i]} · ${two(a.mean[i])} [${two(a.low[i])}, ${two(a.high[i])}]`],
      ["clade", `${a.clade_resolved[i]}/${a.clade_evaluations[i]} · ${two(a.cmp[i])}`],
      ["made by", a.operator[i] && word(a.operator[i])],
      ["patch", a.parent[i] >= 0 && `${plural(a.patch_files[i], "file")}, ${bytes(a.patch_bytes[i])}`],
      ["cost", dollars(a.cost[i])],
      ["no child", failed],
    ]));
}

// The second line of a label.
function besideName(agents, i) {
  return [`${agents.resolved[i]}/${agents.evaluations[i]}`, ...titlesOf(i)].join(" · ");
}

function titlesOf(i) {
  const head = store.head;
  return [
    i === head.winner && head.confirmed && "winner", i === head.best_belief && "best belief", store.agents.parent[i] < 0 && "seed",
  ].filter(Boolean);
}
