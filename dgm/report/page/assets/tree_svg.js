// Draws a tree of up to a few thousand agents as SVG.

function svgPainter(stage, tree) {
  const agents = tree.agents;
  const edges = drawn("g");
  const nodes = drawn("g");
  const picture = drawn("svg", { role: "img", "aria-label": `Tree of ${agents.id.length} agents` }, edges, nodes);
  stage.append(picture);
  const parts = agents.id.map((_, i) => svgAgent(tree, i, nodes));
  const paths = agents.parent.map((parent, i) => (parent < 0 ? null : edges.appendChild(drawn("path.edge"))));
  for (const i of store.head.line) { // the winner's line above the others
    if (paths[i]) edges.append(paths[i]);
    nodes.append(parts[i].group);
  }
  return {
    draw() {
      picture.setAttribute("viewBox", `0 0 ${tree.width} ${tree.height}`);
      agents.id.forEach((_, i) => placeAgent(tree, i, parts[i]));
      nodes.append(parts[tree.chosen].group);
      paths.forEach((path, i) => path && placeEdge(tree, i, path));
    },
  };
}

function svgAgent(tree, i, nodes) {
  const ring = drawn("circle.ring");
  const circle = drawn("circle.node");
  const ticks = drawn("path.ticks");
  const label = drawn("text.label", {}, tree.agents.id[i].slice(0, 6));
  const about = drawn("text.about", {}, besideName(tree.agents, i));
  const group = drawn("g.agent", { "data-agent": i }, ring, circle, ticks, label, about);
  nodes.append(group);
  return { group, ring, circle, ticks, label, about };
}

function placeAgent(tree, i, { group, ring, circle, ticks, label, about }) {
  const [x, y] = pointOf(tree, i);
  const radius = radiusOf(tree, i);
  const colour = tree.colour.at(i);
  const roomy = tree.camera.across >= ROOMY;
  group.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
  group.classList.toggle("dim", dimmed(tree, i));
  group.classList.toggle("line", tree.line.has(i));
  group.classList.toggle("chosen", i === tree.chosen);
  circle.setAttribute("r", radius.toFixed(1));
  circle.setAttribute("fill", colour ?? "transparent");
  circle.classList.toggle("none", colour === null);
  ring.setAttribute("r", (radius + 4).toFixed(1));
  ticks.setAttribute("d", tickPath(failuresOf(tree.agents, i), radius));
  label.setAttribute("display", isNamed(tree, i) ? "inline" : "none");
  about.setAttribute("display", label.getAttribute("display"));
  const beside = roomy || radius < 5; // where agents stand close together, a name goes below its own
  for (const [text, line] of [[label, 0], [about, 13]]) {
    text.setAttribute("x", beside ? (radius + 6).toFixed(1) : 0);
    text.setAttribute("y", (beside ? -2 + line : radius + 13 + line).toFixed(1));
    text.setAttribute("text-anchor", beside ? "start" : "middle");
  }
}

function tickPath(count, radius) {
  const shown = Math.min(count, 9);
  return Array.from({ length: shown }, (_, n) => `M${(-radius - 5 - 3.5 * n).toFixed(1)} -3.5v7`).join("");
}

function placeEdge(tree, i, path) {
  const [x, y] = pointOf(tree, i);
  const [px, py] = pointOf(tree, tree.agents.parent[i]);
  const middle = (y + py) / 2;
  path.setAttribute("d", `M${px.toFixed(1)} ${py.toFixed(1)}C${px.toFixed(1)} ${middle.toFixed(1)} ${x.toFixed(1)} ${middle.toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)}`);
  path.classList.toggle("line", tree.line.has(i) && tree.line.has(tree.agents.parent[i]));
  path.classList.toggle("dim", dimmed(tree, i));
}
