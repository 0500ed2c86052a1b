// One agent: how it was made, what changed, what it solves that its parent did not.

VIEWS.set("agent", async (prefix) => {
  const agent = agentCalled(prefix);
  if (agent < 0) return missing(`No agent of this run begins with “${prefix}”.`);
  const [tasks, matrix, jobs, told] = await Promise.all([table("tasks"), table("matrix"), table("jobs"), detail("agent", agent)]);
  const a = store.agents;
  const parent = a.parent[agent];
  return {
    title: `Agent ${nameOf(agent)}`,
    element: made("div.page.agent", {},
      made("header", {},
        made("h1", {}, "Agent ", made("code", {}, a.id[agent]), titlesOf(agent).map((text) => made("span.tag", {}, text))),
        made("p.crumbs", { "aria-label": "Lineage" }, lineOf(agent).map((one, n) => [n > 0 && " → ", one === agent ? made("b", {}, nameOf(one)) : link(`agent/${nameOf(one)}`, nameOf(one))])),
        made("p", {}, link(`tree/${nameOf(agent)}`, "in the tree"))),
      made("div.columns", {},
        made("div", {}, beliefsOf(agent), howMade(agent, told), triesOf(agent, jobs)),
        made("div.wide", {},
          changesOf(agent, told),
          made("h2", {}, "Tasks"), tasksOf(agent, tasks, matrix, jobs)))),
  };
});

function beliefsOf(agent) {
  const a = store.agents;
  const row = (text, i, of = "own") => {
    const [low, mean, high, won, all] = of === "own"
      ? [a.low, a.mean, a.high, a.resolved, a.evaluations] : [a.cmp_low, a.cmp, a.cmp_high, a.clade_resolved, a.clade_evaluations];
    return [text, two(mean[i]), interval(low[i], mean[i], high[i], of === "own" && i === agent ? "accent" : ""), `${won[i]}/${all[i]}`];
  };
  const seed = lineOf(agent)[0];
  return made("section", {}, made("h2", {}, "Belief"),
    made("p.soft", {}, "Mean and 95 % interval after the search evaluations so far."),
    tabled(["", ">mean", "0 … 1", ">resolved"], [
      row("this agent", agent), row("its clade", agent, "clade"),
      a.parent[agent] >= 0 && row("its parent", a.parent[agent]), seed !== agent && seed !== a.parent[agent] && row("the seed", seed),
    ].filter(Boolean)));
}

function howMade(agent, told) {
  const a = store.agents;
  if (a.parent[agent] < 0) return made("section", {}, made("h2", {}, "Made by"), made("p", {}, "The seed: the run began with it."));
  const seen = told && [
    told.gates.length > 0 && tabled(["gate", "verdict", ">time"], told.gates.map((gate) =>
      [word(gate.gate), made(gate.passed ? "span" : "span.lost", {}, gate.passed ? "passed" : "failed", gate.detail && ": " + gate.detail), seconds(gate.seconds)])),
    told.brief && made("details", {}, made("summary", {}, "What it was asked for"), made("pre.text", {}, told.brief)),
  ];
  return made("section", {}, made("h2", {}, "Made by"),
    facts([
      ["parent", link(`agent/${nameOf(a.parent[agent])}`, nameOf(a.parent[agent]))],
      ["looked at", a.context[agent].length > 0 && a.context[agent].map((one) => [link(`agent/${nameOf(one)}`, nameOf(one)), " "])],
      ["operator", word(a.operator[agent] ?? "")],
      ["entry", told?.made_by ? link(`result/${told.made_by}`, `${told.made_by}: transcript`) : String(a.seq[agent])],
      ["paid for it", dollars(a.cost[agent])],
    ]),
    seen, !told && leftOut("What it was asked for and its patches"));
}

const tellLeftOut = (what) => `${what}: left out of this file to keep it small; dgm view, show and diff have it.`;
const leftOut = (what) => made("p.empty", {}, tellLeftOut(what));

function changesOf(agent, told) {
  if (!told || store.agents.parent[agent] < 0) return null;
  const body = made("div", {});
  const pick = (which) => replace(body, diff(told[which]));
  const bar = choice("Compared with", [["to_parent", "parent"], ["to_seed", "seed"]], "to_parent", pick);
  pick("to_parent");
  return made("section", {}, made("div.bar", {}, made("h2", {}, "Changed since its"), bar), body);
}

const FLIP_TEXT = [["both pass", ""], ["lost", "lost"], ["won", "won"], ["both fail", ""]];

function tasksOf(agent, tasks, matrix, jobs) {
  const rollouts = new Map();
  jobs.seq.forEach((seq, n) => {
    if (jobs.agent[n] === agent && jobs.task[n] >= 0) rollouts.set(jobs.task[n], [...(rollouts.get(jobs.task[n]) || []), n]);
  });
  const rows = [];
  matrix.agent.forEach((one, n) => {
    if (one !== agent) return;
    const task = matrix.task[n];
    const [text, kind] = matrix.flip[n] < 0 ? ["", ""] : FLIP_TEXT[matrix.flip[n]];
    rows.push([
      link(`task/${task}`, tasks.name[task]), tasks.split[task], `${matrix.resolved[n]}/${matrix.evaluations[n]}`,
      made("span" + (kind && "." + kind), {}, text),
      (rollouts.get(task) || []).map((job) => [rolloutLink(jobs, job), " "]),
    ]);
  });
  if (!rows.length) return made("p.empty", {}, "It met no task yet.");
  return tabled(["task", "split", ">resolved", "against its parent", "rollouts"], rows, "met");
}

function rolloutLink(jobs, n) {
  const outcome = outcomeOf(jobs.outcome[n]);
  return made("a.outcome." + outcome, { href: `#result/${jobs.seq[n]}` }, word(outcome), jobs.regrade[n] ? " (graded again)" : "");
}

function triesOf(agent, jobs) {
  const rows = [];
  jobs.seq.forEach((seq, n) => {
    if (jobs.agent[n] !== agent || jobs.task[n] >= 0) return;
    rows.push([link(`result/${seq}`, String(seq)), jobs.child[n] >= 0 ? link(`agent/${nameOf(jobs.child[n])}`, nameOf(jobs.child[n])) : made("span.lost", {}, word(outcomeOf(jobs.outcome[n]))), dollars(jobs.cost_microusd[n])]);
  });
  return made("section", {}, made("h2", {}, "Its expansions"),
    rows.length ? tabled([">entry", "came out", ">cost"], rows) : made("p.empty", {}, "Nobody asked it for a child yet."));
}
