// Every decision in order; of the chosen one what the policy saw, why it decided so, and what it did not choose.

const ROW = 26;
const decisionState = { kind: "all" };

VIEWS.set("decisions", async (key) => {
  const [decisions, tasks, jobs] = await Promise.all([table("decisions"), table("tasks"), table("jobs")]);
  if (isAbsent("decisions")) return missing(tellLeftOut("The table of decisions"));
  const results = new Map();
  jobs.seq.forEach((_, n) => results.set(jobs.decision[n], n));
  const side = made("div.explained", { "aria-live": "polite" });
  const list = decisionList(decisions, tasks, jobs, results, (seq) => { noteStep(`decisions/${seq}`); explain(seq); });
  const explain = (seq) => tellAbout(seq).catch((error) => replace(side, made("p.empty", {}, error.message)));
  const tellAbout = async (seq) => {
    const n = decisions.seq.indexOf(seq);
    list.mark(seq);
    replace(side, n < 0 ? made("p.empty", {}, `Entry ${seq || key} is no decision.`) : explained(decisions, n, tasks, await detail("decision", seq), jobs, results.get(seq)));
  };
  const first = key ? Number(key) : decisions.seq[decisions.seq.length - 1];
  return {
    title: "Decisions",
    element: made("div.split.decisions", {}, made("section.main", {},
      made("div.bar", {}, choice("Kind", [["all", "All"], ["0", "Expansions"], ["1", "Evaluations"]], decisionState.kind, (kind) => { decisionState.kind = kind; list.fill(); }),
        made("span.soft", {}, plural(decisions.seq.length, "decision"))), list.element), made("aside.side", { "aria-label": "The chosen decision" }, side)),
    shown() {
      list.fill();
      if (first === undefined) replace(side, made("p.empty", {}, "Nothing was decided yet."));
      else { explain(first); list.reveal(first); }
    },
    leave: () => list.leave(),
  };
});

VIEWS.set("entry", async (key) => {
  const [decisions, jobs] = await Promise.all([table("decisions"), table("jobs")]);
  const seq = Number(key);
  const to = decisions.seq.includes(seq) ? "decisions" : jobs.seq.includes(seq) ? "result" : null;
  if (!to && (isAbsent("decisions") || isAbsent("jobs"))) return missing(tellLeftOut("What this entry is"));
  if (!to) return missing(`Entry ${key} is neither a decision nor a result of a job.`);
  note(`${to}/${key}`);
  return VIEWS.get(to)(key);
});

// Only the rows in sight are in the document, so a long run scrolls as easily as a short one.
function decisionList(decisions, tasks, jobs, results, choose) {
  const inner = made("div.inner");
  const element = made("div.rows", { tabindex: 0, role: "listbox", "aria-label": "Decisions" }, inner);
  let rows = [];
  let chosen = -1;
  const draw = () => {
    const first = Math.max(0, Math.floor(element.scrollTop / ROW) - 5);
    const last = Math.min(rows.length, first + Math.ceil(element.clientHeight / ROW) + 10);
    replace(inner, rows.slice(first, last).map((n, at) => {
      const row = decisionRow(decisions, n, tasks, jobs, results.get(decisions.seq[n]), chosen, choose);
      row.style.transform = `translateY(${(first + at) * ROW}px)`;
      return row;
    }));
  };
  element.addEventListener("scroll", draw);
  element.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = rows.findIndex((n) => decisions.seq[n] === chosen) + step;
    if (rows[at] !== undefined) { choose(decisions.seq[rows[at]]); reveal(decisions.seq[rows[at]]); }
  });
  const reveal = (seq) => {
    const at = rows.findIndex((n) => decisions.seq[n] === seq) * ROW;
    if (at >= 0 && (at < element.scrollTop || at > element.scrollTop + element.clientHeight - ROW)) element.scrollTop = at - element.clientHeight / 2;
    draw();
  };
  const resized = new ResizeObserver(draw);
  resized.observe(element);
  return {
    element, reveal,
    fill() { rows = decisions.seq.map((_, n) => n).filter((n) => decisionState.kind === "all" || String(decisions.kind[n]) === decisionState.kind); inner.style.height = `${rows.length * ROW}px`; draw(); },
    mark(seq) { chosen = seq; draw(); },
    leave: () => resized.disconnect(),
  };
}

function decisionRow(decisions, n, tasks, jobs, job, chosen, choose) {
  const seq = decisions.seq[n];
  const expands = decisions.kind[n] === 0;
  return made("div.row" + (expands ? ".expands" : ""), { role: "option", "aria-selected": String(seq === chosen), onclick: () => choose(seq) },
    made("span.seq", {}, String(seq)), made("span.verb", {}, expands ? "expand" : "evaluate"), made("code", {}, nameOf(decisions.agent[n])),
    made("span.on", {}, expands ? "" : tasks.name[decisions.task[n]]),
    made("span.soft", {}, decisions.policy[n]),
    job === undefined ? made("span.soft", {}, "running") : made("span.outcome." + outcomeOf(jobs.outcome[job]), {}, word(outcomeOf(jobs.outcome[job]))));
}

function explained(decisions, n, tasks, told, jobs, job) {
  const expands = decisions.kind[n] === 0;
  return [
    made("h2", {}, `Entry ${decisions.seq[n]}: `, expands ? "expand " : "evaluate ", link(`agent/${nameOf(decisions.agent[n])}`, nameOf(decisions.agent[n]))),
    !expands && made("p", {}, "on ", link(`task/${decisions.task[n]}`, tasks.name[decisions.task[n]])),
    made("p", {}, job === undefined ? "No result yet." : ["Result: ", made("a.outcome." + outcomeOf(jobs.outcome[job]), { href: `#result/${jobs.seq[job]}` }, word(outcomeOf(jobs.outcome[job]))),
      jobs.child[job] >= 0 && [" ", link(`agent/${nameOf(jobs.child[job])}`, nameOf(jobs.child[job]))]]),
    told ? [told.why && made("section", {}, made("h3", {}, "Why"), made("p.text", {}, told.why)), whatItSaw(told), runnersUp(told)] : leftOut("What the policy saw"),
  ];
}

function whatItSaw(told) {
  const saw = Object.entries(told.saw).filter(([, value]) => typeof value !== "object");
  const lists = Object.entries(told.saw).filter(([, value]) => typeof value === "object");
  return made("section", {}, made("h3", {}, "What the policy saw"),
    facts([["policy", `${told.policy}, version ${told.policy_version}`],
      ...saw.map(([name, value]) => [word(name), typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : agentOr(value)]),
      ...lists.map(([name, value]) => [word(name), Array.isArray(value) ? value.length ? value.map((one, i) => [i > 0 && ", ", agentOr(one)]) : "none" : made("code.text", {}, JSON.stringify(value))])]));
}

function agentOr(value) {
  const at = typeof value === "string" && /^[0-9a-f]{40}$/.test(value) ? store.agents.id.indexOf(value) : -1;
  return at >= 0 ? link(`agent/${nameOf(at)}`, nameOf(at)) : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function runnersUp(told) {
  const compared = told.runners_up.filter((one) => one !== null && typeof one === "object");
  if (!compared.length) return made("p.empty", {}, "There was nothing else to choose.");
  const names = [...new Set(compared.flatMap((one) => Object.keys(one)))];
  const numeric = (name) => compared.every((one) => one[name] === undefined || one[name] === null || typeof one[name] === "number");
  return made("section", {}, made("h3", {}, "What it compared"),
    tabled(names.map((name) => (numeric(name) ? ">" : "") + word(name)), compared.map((one) => names.map((name) => {
      const value = one[name];
      if (value === undefined || value === null) return "";
      const shown = typeof value === "number" ? (Number.isInteger(value) ? String(value) : value.toFixed(3)) : agentOr(value);
      return name === "agent" && value === told.agent ? made("b", {}, shown, " ✓") : shown;
    }))));
}
