// When each job ran: a row per slot, a bar per try.

const timeState = { seen: null }; // from when to when somebody wanted to see; null is all of it

VIEWS.set("time", async () => {
  const [time, jobs, tasks] = await Promise.all([table("time"), table("jobs"), table("tasks")]);
  if (isAbsent("time")) return missing(tellLeftOut("The time line"));
  if (!time.seq.length) return missing("No job has ended yet.");
  const end = time.began.reduce((most, began, n) => Math.max(most, began + time.took[n]), 0);
  const lanes = largest(time.lane) + 1;
  const chart = { time, jobs, tasks, end, lanes, ...(timeState.seen ?? { from: 0, to: end }), jobOf: new Map(jobs.seq.map((seq, n) => [seq, n])) };
  const canvas = made("canvas", { role: "img", "aria-label": `Time line of ${time.seq.length} jobs in ${lanes} lanes` });
  const element = made("div.timeline", { tabindex: 0 }, canvas);
  const draw = () => paintTime(canvas, element, chart);
  watchTime(element, chart, draw);
  const resized = new ResizeObserver(draw);
  const busiest = largest(time.running);
  return {
    title: "Time line",
    element: made("div.page.full", {}, made("div.bar", {}, made("h1", {}, "Time line"), made("span", {}, `${plural(time.seq.length, "job")} in ${seconds(end / 1000)}, at most ${busiest} at once, from ${clock(time.origin[0])} UTC`),
      made("span.legend", {}, [["expands", "expansion"], ["resolved", "resolved"], ["failed", "not resolved"], ["void", "void"], ["queued", "waiting"]].map(([kind, text]) => made("span.mark", {}, swatch(timeColour(kind)), text))),
      made("span.keys.soft", {}, "wheel: nearer · drag: along")), element),
    shown() { element.style.maxHeight = `${TIME.top + 34 * lanes + 10}px`; resized.observe(element); addEventListener("recolour", draw); },
    leave() { resized.disconnect(); removeEventListener("recolour", draw); },
  };
});

function timeColour(kind) {
  return { expands: hue(1), resolved: shade(1), failed: shade(0.3), void: colours.bad, queued: colours.line }[kind];
}

const TIME = { left: 8, top: 24 };

function laneHeight(element, chart) {
  return Math.max(3, Math.min(34, (element.clientHeight - TIME.top - 8) / chart.lanes));
}

function paintTime(canvas, element, chart) {
  const pen = fitted(canvas, element.clientWidth, element.clientHeight);
  const { time } = chart;
  const tall = laneHeight(element, chart);
  const scale = (element.clientWidth - 2 * TIME.left) / (chart.to - chart.from || 1);
  const at = (ms) => TIME.left + (ms - chart.from) * scale;
  pen.font = "11px system-ui, sans-serif";
  for (const tick of timeTicks(chart.from / 1000, chart.to / 1000, element.clientWidth / 130)) {
    pen.fillStyle = colours.line;
    pen.fillRect(at(1000 * tick), TIME.top - 6, 1, element.clientHeight);
    pen.fillStyle = colours.soft;
    if (at(1000 * tick) < element.clientWidth - 60) pen.fillText(tick === 0 ? "0" : seconds(tick), at(1000 * tick) + 3, 13);
  }
  for (let n = 0; n < time.seq.length; n++) {
    const [begin, end] = [time.began[n], time.began[n] + time.took[n]];
    if (end < chart.from || begin > chart.to) continue;
    const y = TIME.top + time.lane[n] * tall;
    const high = Math.max(2, tall - 2);
    pen.fillStyle = colours.line;
    pen.fillRect(at(begin), y, Math.max(0.5, time.queued[n] * scale), high);
    pen.fillStyle = timeColour(kindOf(chart, n));
    pen.fillRect(at(begin + time.queued[n]), y, Math.max(0.7, (time.took[n] - time.queued[n]) * scale - (scale * time.took[n] > 3 ? 1 : 0)), high);
  }
}

function kindOf(chart, n) {
  const outcome = outcomeOf(chart.time.outcome[n]);
  const job = chart.jobOf.get(chart.time.seq[n]);
  if (outcome === "void") return "void";
  if (job !== undefined && chart.jobs.task[job] < 0) return "expands";
  return outcome === "resolved" ? "resolved" : "failed";
}

function watchTime(element, chart, draw) {
  let drag = null;
  const span = () => chart.to - chart.from;
  const timeAt = (x) => chart.from + ((x - TIME.left) / (element.clientWidth - 2 * TIME.left)) * span();
  const bounded = (from, to) => {
    const width = Math.max(chart.end / 1e5, Math.min(chart.end, to - from));
    chart.from = Math.max(0, Math.min(chart.end - width, from));
    chart.to = chart.from + width;
    timeState.seen = width < chart.end ? { from: chart.from, to: chart.to } : null;
    draw();
  };
  const nearer = (factor, x) => { const fixed = timeAt(x); bounded(fixed - (fixed - chart.from) * factor, fixed + (chart.to - fixed) * factor); };
  const x = (event) => event.clientX - element.getBoundingClientRect().left;
  const jobAt = (event) => {
    const lane = Math.floor((event.clientY - element.getBoundingClientRect().top - TIME.top) / laneHeight(element, chart));
    const slack = span() / element.clientWidth;
    const when = timeAt(x(event));
    return chart.time.seq.findIndex((_, n) => chart.time.lane[n] === lane && chart.time.began[n] - slack <= when && when <= chart.time.began[n] + chart.time.took[n] + slack);
  };
  element.addEventListener("wheel", (event) => { event.preventDefault(); nearer(Math.exp(event.deltaY / 400), x(event)); }, { passive: false });
  element.addEventListener("pointerdown", (event) => { drag = { x: x(event), from: chart.from, to: chart.to, moved: false }; element.setPointerCapture(event.pointerId); });
  element.addEventListener("pointermove", (event) => {
    if (!drag) return hoverJob(event, chart, jobAt(event));
    const far = ((drag.x - x(event)) / element.clientWidth) * (drag.to - drag.from);
    drag.moved ||= Math.abs(drag.x - x(event)) > 4;
    if (drag.moved) { hideHover(); bounded(drag.from + far, drag.to + far); }
  });
  element.addEventListener("pointerup", (event) => {
    const n = drag && !drag.moved ? jobAt(event) : -1;
    drag = null;
    if (n >= 0) go(`result/${chart.time.seq[n]}`);
  });
  element.addEventListener("pointerleave", hideHover);
  element.addEventListener("keydown", (event) => {
    const step = span() / 4;
    if (event.key === "ArrowLeft") bounded(chart.from - step, chart.to - step);
    else if (event.key === "ArrowRight") bounded(chart.from + step, chart.to + step);
    else if (event.key === "+" || event.key === "=") nearer(0.6, element.clientWidth / 2);
    else if (event.key === "-") nearer(1.6, element.clientWidth / 2);
    else if (event.key === "0") bounded(0, chart.end);
    else return;
    event.preventDefault();
  });
}

function hoverJob(event, chart, n) {
  if (n < 0) return hideHover();
  const { time, jobs, tasks } = chart;
  const job = chart.jobOf.get(time.seq[n]);
  const solves = jobs.task[job] >= 0;
  hover(event, made("b", {}, solves ? "evaluate " : "expand ", nameOf(jobs.agent[job])), facts([
    ["task", solves && tasks.name[jobs.task[job]]], ["outcome", word(outcomeOf(time.outcome[n]))], ["began", "+" + seconds(time.began[n] / 1000)],
    ["took", seconds(time.took[n] / 1000)], ["waited", seconds(time.queued[n] / 1000)], ["beside", plural(time.running[n] - 1, "other")], ["entry", String(time.seq[n])],
  ]));
}
