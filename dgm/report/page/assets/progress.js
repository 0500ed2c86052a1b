// The search over its evaluations: how good the best-belief agent is held to be, and what was paid.

VIEWS.set("progress", async () => {
  const moments = await table("progress");
  if (!moments.evaluations.length) return missing("No evaluation of the search has counted yet.");
  const body = made("div.charts");
  const draw = () => replace(body, beliefChart(moments, body), moneyChart(moments, body));
  const resized = new ResizeObserver(draw);
  const last = moments.evaluations.length - 1;
  return {
    title: "Progress",
    element: made("div.page", {}, made("h1", {}, "Progress of the search"),
      made("p", {}, `After ${plural(moments.evaluations[last], "evaluation")} and ${dollars(moments.cost_microusd[last])}, `, link(`tree/${nameOf(moments.best[last])}`, nameOf(moments.best[last])),
        ` was the best-belief agent: ${two(moments.mean[last])}, with 95 % between ${two(moments.low[last])} and ${two(moments.high[last])}.`), body),
    shown: () => resized.observe(body),
    leave: () => resized.disconnect(),
  };
});

function axisOf(moments, body) {
  return { width: Math.max(320, body.clientWidth), x: [0, moments.evaluations[moments.evaluations.length - 1]] };
}

function beliefChart(moments, body) {
  const { picture, atX, atY } = chart({ ...axisOf(moments, body), height: 320, y: [0, 1], label: "Belief in the best-belief agent over evaluations" });
  const line = (values) => values.map((value, n) => [atX(moments.evaluations[n]), atY(value)]);
  const share = moments.resolved.map((won, n) => won / moments.evaluations[n]);
  picture.append(
    drawn("path.band", { d: band(line(moments.low), line(moments.high)) }),
    drawn("path.share", { d: polyline(line(share)) }),
    drawn("path.best", { d: polyline(line(moments.mean)) }));
  moments.best.forEach((best, n) => {
    if (n > 0 && best !== moments.best[n - 1]) picture.append(drawn("circle.change", { cx: atX(moments.evaluations[n]), cy: atY(moments.mean[n]), r: 3.5 }));
  });
  pointer(picture, moments, atX);
  return made("figure", {}, made("figcaption", {},
    made("span.key.best", {}, "best-belief agent, mean and 95 %"), made("span.key.change", {}, "another agent became best"), made("span.key.share", {}, "share resolved of all evaluations so far")), picture);
}

function moneyChart(moments, body) {
  const most = largest(moments.cost_microusd);
  const { picture, atX, atY } = chart({ ...axisOf(moments, body), height: 140, y: upTo(most / 1e6), label: "Money over evaluations", sayY: (value) => dollars(value * 1e6) });
  picture.append(drawn("path.money", { d: polyline(moments.cost_microusd.map((cost, n) => [atX(moments.evaluations[n]), atY(cost / 1e6)])) }));
  pointer(picture, moments, atX);
  return made("figure", {}, made("figcaption", {}, made("span.key.money", {}, `money, void tries too${store.head.run.rehearsal ? " (made up)" : ""}`), made("span.soft", {}, "evaluations →")), picture);
}

function pointer(picture, moments, atX) {
  picture.addEventListener("pointermove", (event) => {
    const x = event.clientX - picture.getBoundingClientRect().left;
    let n = 0;
    while (n < moments.evaluations.length - 1 && atX(moments.evaluations[n + 1]) <= x) n++;
    hover(event, made("b", {}, plural(moments.evaluations[n], "evaluation")), facts([
      ["best", nameOf(moments.best[n])], ["belief", `${two(moments.mean[n])} [${two(moments.low[n])}, ${two(moments.high[n])}]`],
      ["agents", grouped(moments.agents[n])], ["resolved", `${grouped(moments.resolved[n])}/${grouped(moments.evaluations[n])}`], ["paid", dollars(moments.cost_microusd[n])],
    ]));
  });
  picture.addEventListener("pointerleave", hideHover);
}
