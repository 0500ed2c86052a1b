// Beside the tree: who won by how much, and the line of the chosen agent, step by step.

function sideOf(agent) {
  return [verdict(), chosenOf(agent), made("h2", {}, agent === store.head.winner ? "How it came about" : "Its line"), lineage(agent)];
}

function verdict() {
  const { head } = store;
  const { test, gain } = head.finals;
  const name = head.confirmed ? "Winner" : "Best belief";
  const row = (text, one, kind) => [text, made("b", {}, percent(one.mean)), interval(...around(one), kind), made("span.soft", {}, `${one.resolved}/${one.evaluations}`)];
  if (!test.best.evaluations) return made("section.verdict", {}, made("h1", {}, name, " ", link(`agent/${nameOf(head.winner)}`, nameOf(head.winner))),
    made("p.soft", {}, "Not tested yet: what stands here is from the search alone."));
  return made("section.verdict", {},
    made("h1", {}, name, " ", link(`agent/${nameOf(head.winner)}`, nameOf(head.winner))),
    head.line.length > 1
      ? made("p", {}, made("b.gain", {}, `${signed(100 * gain.mean, 1)} points`), ` on ${plural(gain.tasks, "test task")} `,
        made("span.soft", {}, `[${signed(100 * gain.low, 1)}, ${signed(100 * gain.high, 1)}]`))
      : made("p", {}, "The seed itself is best: no gain."),
    head.line.length > 1 && tabled(["test", ">", "", ">"], [row("winner", test.best, "accent"), row("seed", test.seed)], "bare"));
}

const around = (one) => [one.interval[0], one.mean, one.interval[1]];

function chosenOf(agent) {
  const a = store.agents;
  return made("section.chosen", {},
    made("h2", {}, link(`agent/${nameOf(agent)}`, nameOf(agent)), titlesOf(agent).map((text) => made("span.tag", {}, text))),
    tabled(["", ">", "", ">"], [
      ["own", two(a.mean[agent]), interval(a.low[agent], a.mean[agent], a.high[agent]), `${a.resolved[agent]}/${a.evaluations[agent]}`],
      ["clade", two(a.cmp[agent]), interval(a.cmp_low[agent], a.cmp[agent], a.cmp_high[agent]), `${a.clade_resolved[agent]}/${a.clade_evaluations[agent]}`],
    ], "bare"));
}

function lineage(agent) {
  const a = store.agents;
  return made("ol.lineage", {}, lineOf(agent).map((one) => made("li", { "aria-current": one === agent ? "true" : null, class: store.head.line.includes(one) ? "winning" : "" },
    made("div", {}, made("a", { href: `#tree/${nameOf(one)}` }, nameOf(one)), interval(a.low[one], a.mean[one], a.high[one], store.head.line.includes(one) ? "accent" : ""), made("span.count", {}, `${a.resolved[one]}/${a.evaluations[one]}`)),
    a.parent[one] < 0 ? made("div.soft", {}, "the seed") : made("div.soft", {}, stepOf(one)))));
}

// What one step changed: the tasks that it won and lost against its parent, the size of the patch.
function stepOf(agent) {
  const a = store.agents;
  return [
    a.met[agent] ? [made("span.won", {}, `+${a.won[agent]}`), " ", made("span.lost", {}, `−${a.lost[agent]}`), ` of ${plural(a.met[agent], "task")} both met · `] : "no task both met · ",
    `${a.operator[agent] ? word(a.operator[agent]) + " · " : ""}${plural(a.patch_files[agent], "file")}, ${bytes(a.patch_bytes[agent])}`,
  ];
}
