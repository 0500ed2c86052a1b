// Draws a tree of many agents on a canvas: what is in sight, edges first, the winner's line last.

function canvasPainter(stage, tree) {
  const canvas = made("canvas", { role: "img", "aria-label": `Tree of ${tree.agents.id.length} agents` });
  stage.append(canvas);
  return { draw: () => paintTree(fitted(canvas, tree.width, tree.height), tree) };
}

// The canvas in the size that it has on the screen, with its pen.
function fitted(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

function paintTree(pen, tree) {
  const points = tree.agents.id.map((_, i) => pointOf(tree, i));
  const seen = ([x, y]) => x > -80 && x < tree.width + 80 && y > -160 && y < tree.height + 160;
  const inSight = points.map((point, i) => seen(point) && i).filter((i) => i !== false);
  paintEdges(pen, tree, points, inSight.filter((i) => dimmed(tree, i)), colours.edge, 0.25, 1);
  paintEdges(pen, tree, points, inSight.filter((i) => !dimmed(tree, i)), colours.edge, 1, 1);
  const line = store.head.line.slice(1);
  paintEdges(pen, tree, points, line, colours.accent, 1, 2.5);
  const last = (i) => (tree.line.has(i) ? 1 : 0) + (i === tree.chosen ? 2 : 0);
  for (const i of [...inSight].sort((a, b) => last(a) - last(b))) paintAgent(pen, tree, i, points[i]);
}

function paintEdges(pen, tree, points, agents, colour, alpha, width) {
  pen.strokeStyle = colour;
  pen.globalAlpha = alpha;
  pen.lineWidth = width;
  pen.beginPath();
  for (const i of agents) {
    const parent = points[tree.agents.parent[i]];
    if (!parent) continue;
    const middle = (parent[1] + points[i][1]) / 2;
    pen.moveTo(...parent);
    pen.bezierCurveTo(parent[0], middle, points[i][0], middle, ...points[i]);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

function paintAgent(pen, tree, i, [x, y]) {
  const radius = radiusOf(tree, i);
  const colour = tree.colour.at(i);
  pen.globalAlpha = dimmed(tree, i) ? 0.25 : 1;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour ?? colours.panel;
  pen.fill();
  pen.lineWidth = tree.line.has(i) ? 2 : 1;
  pen.strokeStyle = tree.line.has(i) ? colours.accent : colours.soft;
  if (radius > 2.5 || colour === null) pen.stroke();
  paintTicks(pen, failuresOf(tree.agents, i), radius, x, y);
  if (i === tree.chosen) paintRing(pen, x, y, radius);
  if (isNamed(tree, i)) {
    pen.textAlign = x > tree.width - 130 ? "right" : "left";
    const at = pen.textAlign === "left" ? x + radius + 6 : x - radius - 6;
    pen.font = "600 11px ui-monospace, monospace";
    paintText(pen, tree.agents.id[i].slice(0, 6), at, y - 2, colours.ink);
    pen.font = "11px system-ui, sans-serif";
    paintText(pen, besideName(tree.agents, i), at, y + 11, tree.line.has(i) ? colours.accent : colours.soft);
  }
  pen.globalAlpha = 1;
}

// A text that stays readable above edges and other agents.
function paintText(pen, text, x, y, colour) {
  pen.strokeStyle = colours.bg;
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

function paintRing(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius + 4, 0, 2 * Math.PI);
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.5;
  pen.stroke();
}

function paintTicks(pen, count, radius, x, y) {
  const shown = radius < 3 ? 0 : Math.min(count, 9);
  pen.beginPath();
  for (let n = 0; n < shown; n++) {
    const at = x - radius - 5 - 3.5 * n;
    pen.moveTo(at, y - 3.5);
    pen.lineTo(at, y + 3.5);
  }
  pen.strokeStyle = colours.failed;
  pen.lineWidth = 1.5;
  pen.stroke();
}
