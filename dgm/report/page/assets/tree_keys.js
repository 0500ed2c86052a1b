// Pointer and keys on the stage of the tree.

function watchStage(stage, tree) {
  let drag = null;
  const where = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(tree, Math.exp(-event.deltaY / 400), ...where(event));
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    drag = { from: where(event), camera: tree.camera, moved: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const [x, y] = where(event);
    if (!drag) return pointAt(event, tree, x, y, stage);
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    drag.moved ||= Math.abs(dx) + Math.abs(dy) > 4;
    if (!drag.moved) return;
    hideHover();
    tree.look({ ...drag.camera, left: drag.camera.left + dx, top: drag.camera.top + dy });
  });
  stage.addEventListener("pointerup", (event) => {
    const clicked = drag && !drag.moved && nearest(tree, ...where(event));
    if (drag && !drag.moved && clicked >= 0) tree.choose(clicked);
    drag = null;
  });
  stage.addEventListener("pointercancel", () => { drag = null; });
  stage.addEventListener("pointerleave", hideHover);
  stage.addEventListener("dblclick", (event) => {
    const clicked = nearest(tree, ...where(event));
    if (clicked >= 0) tree.open(clicked);
  });
}

// Keys work wherever the focus is on this view, but for fields and buttons.
function keyInTree(event, tree, stage) {
  const idle = event.target === document.body || event.target === byId("content") || event.target === stage;
  if (!idle || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (moveByKey(tree, event.key)) event.preventDefault();
}

function pointAt(event, tree, x, y, stage) {
  const near = nearest(tree, x, y);
  stage.classList.toggle("pointing", near >= 0);
  if (near >= 0) hoverAgent(event, near);
  else hideHover();
}

// The agent under a point, or close to it.
function nearest(tree, x, y) {
  let best = -1;
  let least = 14 * 14;
  for (let i = 0; i < tree.agents.id.length; i++) {
    const [ax, ay] = pointOf(tree, i);
    const far = (ax - x) ** 2 + (ay - y) ** 2;
    if (far < least) { least = far; best = i; }
  }
  return best;
}

function moveByKey(tree, key) {
  const to = (agent) => { if (agent !== undefined && agent >= 0) tree.choose(agent, { byKey: true }); return true; };
  const { parent, level } = tree.agents;
  switch (key) {
    case "ArrowUp": return to(parent[tree.chosen]);
    case "ArrowDown": return to(childrenOf()[tree.chosen][0]);
    case "ArrowLeft": return to(beside(tree, -1));
    case "ArrowRight": return to(beside(tree, 1));
    case "Enter": tree.open(tree.chosen); return true;
    case "w": return to(store.head.winner);
    case "0": tree.look(null); return true;
    case "+": case "=": zoom(tree, 1.4, tree.width / 2, tree.height / 2); return true;
    case "-": case "−": zoom(tree, 1 / 1.4, tree.width / 2, tree.height / 2); return true;
    default: return false;
  }

  // The next agent to the left or right on the same level.
  function beside(tree, way) {
    const here = tree.agents.x[tree.chosen];
    let best = -1;
    for (let i = 0; i < level.length; i++) {
      const ahead = way * (tree.agents.x[i] - here);
      if (level[i] !== level[tree.chosen] || ahead <= 0) continue;
      if (best < 0 || ahead < way * (tree.agents.x[best] - here)) best = i;
    }
    return best;
  }
}
