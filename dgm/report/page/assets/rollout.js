// One rollout: what the agent did, call by call, and how that was graded.

VIEWS.set("result", async (key) => {
  const [jobs, tasks, told] = await Promise.all([table("jobs"), table("tasks"), detail("result", key)]);
  const n = jobs.seq.indexOf(Number(key));
  if (isAbsent("jobs")) return missing(tellLeftOut("The table of jobs"));
  if (n < 0) return missing(`Entry ${key} is no result.`);
  const solves = jobs.task[n] >= 0;
  const outcome = outcomeOf(jobs.outcome[n]);
  return {
    title: `Rollout ${key}`,
    element: made("div.page.rollout", {},
      made("header", {},
        made("h1", {}, solves ? tasks.name[jobs.task[n]] : "Expansion of " + nameOf(jobs.agent[n]), " ", made("span.outcome." + outcome, {}, word(outcome))),
        made("p", {}, "agent ", link(`agent/${nameOf(jobs.agent[n])}`, nameOf(jobs.agent[n])),
          jobs.child[n] >= 0 && [" → child ", link(`agent/${nameOf(jobs.child[n])}`, nameOf(jobs.child[n]))],
          " · decided at ", link(`decisions/${jobs.decision[n]}`, "entry " + jobs.decision[n]),
          besides(jobs, n).map(([text, to]) => [" · ", link(`result/${to}`, text)]))),
      told ? made("div.columns", {}, made("div", {}, judged(told), used(told)), made("div.wide", {}, transcript(told)))
        : leftOut("This rollout's transcript and grading")),
  };
});

// Other tries and grades of the same decision, and the agent's rollouts before and after this one.
function besides(jobs, n) {
  const found = [];
  jobs.seq.forEach((seq, other) => {
    if (other !== n && jobs.decision[other] === jobs.decision[n]) found.push([jobs.regrade[other] ? "graded again" : `try ${jobs.attempt[other]}`, seq]);
  });
  const near = (way) => {
    for (let other = n + way; other >= 0 && other < jobs.seq.length; other += way) {
      if (jobs.agent[other] === jobs.agent[n] && jobs.task[other] >= 0 === jobs.task[n] >= 0) return [[way < 0 ? "← before" : "after →", jobs.seq[other]]];
    }
    return [];
  };
  return [...found, ...near(-1), ...near(1)];
}

function judged(told) {
  const checks = told.tests || told.gates;
  const rows = told.tests
    ? told.tests.map((test) => [made("code", {}, test.name), made("span.outcome." + test.status, {}, test.status)])
    : told.gates.map((gate) => [[word(gate.gate), gate.detail && made("div.soft", {}, gate.detail)], made("span.outcome." + (gate.passed ? "passed" : "failed"), {}, gate.passed ? "passed" : "failed")]);
  return made("section", {}, made("h2", {}, told.tests ? "Grading" : "Gates"),
    told.detail && made("p.text", {}, told.detail),
    checks.length ? tabled([told.tests ? "hidden test" : "gate", "verdict"], rows) : made("p.empty", {}, told.tests ? "No test was run on it." : "No gate was reached."),
    told.flags.length > 0 && made("p", {}, told.flags.map((flag) => made("span.tag", {}, flag))),
    told.log_text && made("details", {}, made("summary", {}, "Log"), made("pre.text", {}, told.log_text)));
}

function used(told) {
  const { usage } = told;
  const list = (map) => Object.entries(map).map(([name, value]) => [word(name), made("span.text", {}, value)]);
  return made("section", {}, made("h2", {}, "What it took"),
    facts([
      ["began", clock(Date.parse(told.started)) + " UTC"], ["waited", seconds(told.queued_s)],
      ["worked", seconds(told.solve_s ?? told.seconds)], ["graded", told.grade_s !== undefined && seconds(told.grade_s)],
      ["calls", grouped(usage.calls)], ["tokens in, out", `${grouped(usage.input_tokens)}, ${grouped(usage.output_tokens)}`],
      ["cost", dollars(usage.cost_microusd)], ["sandbox", told.sandbox], ["tier", told.tier], ["split", told.split], ["repeat", told.repeat > 0 && told.repeat],
    ]),
    told.limits && made("details", {}, made("summary", {}, "Limits"), facts(list(told.limits))),
    made("details", {}, made("summary", {}, "Digests"), facts(list(told.digests))));
}

function transcript(told) {
  if (!told.messages.length) return made("section", {}, made("h2", {}, "Transcript"), made("p.empty", {}, "Nothing was said to the model."));
  const events = told.messages.map((message, n) => event(message, n === told.messages.length - 1));
  const all = (open) => () => events.forEach((one) => { one.open = open; });
  return made("section.transcript", {},
    made("div.bar", {}, made("h2", {}, "Transcript"), made("button", { type: "button", onclick: all(true) }, "open all"), made("button", { type: "button", onclick: all(false) }, "close all")),
    events);
}

function event(message, open) {
  const first = message.text.trim().split("\n", 1)[0].slice(0, 140);
  return made("details.event." + (/^[a-z]+$/.test(message.role) ? message.role : "other"), { open },
    made("summary", {}, made("span.role", {}, message.role, message.name && ` ${message.name}`), made("span.first", {}, first), made("span.soft.size", {}, grouped(message.text.length))),
    made("pre.text", {}, message.text));
}
