// Where the money went: by role and model, and to which agents.

VIEWS.set("costs", async () => {
  const costs = await table("costs");
  const a = store.agents;
  const most = largest(costs.cost_microusd) || 1;
  const dearest = a.id.map((_, i) => i).sort((i, j) => a.cost[j] - a.cost[i]).slice(0, 12);
  const made_up = store.head.run.rehearsal ? made("p.soft", {}, "Prices are made up: a stand-in answered, not a model.") : null;
  return {
    title: "Costs",
    element: made("div.page", {}, made("h1", {}, "Costs"), made_up,
      made("h2", {}, "By role and model"),
      costs.role.length ? tabled(["role", "model", "", ">cost", ">calls", ">from the journal", ">tokens in", ">cached", ">tokens out", ">reasoning", ">waiting"],
        costs.role.map((role, n) => [
          role, costs.model[n], bar(costs.cost_microusd[n] / most, hue(n)), dollars(costs.cost_microusd[n]), grouped(costs.calls[n]), grouped(costs.journal[n]),
          grouped(costs.input_tokens[n]), grouped(costs.cached_tokens[n]), grouped(costs.output_tokens[n]), grouped(costs.reasoning_tokens[n]), seconds(costs.latency_s[n]),
        ])) : made("p.empty", {}, "No model was called yet."),
      made("h2", {}, "The agents that cost most"),
      made("p.soft", {}, "Making the agent and evaluating it, on every split."),
      tabled(["agent", "", ">cost", ">own", ">mean"], dearest.map((i) => [
        [link(`agent/${nameOf(i)}`, nameOf(i)), titlesOf(i).map((text) => made("span.tag", {}, text))],
        bar(a.cost[i] / (a.cost[dearest[0]] || 1), colours.soft), dollars(a.cost[i]), `${a.resolved[i]}/${a.evaluations[i]}`, two(a.mean[i]),
      ]))),
  };
});

function bar(share, colour) {
  return drawn("svg.share", { width: 140, height: 12, "aria-hidden": "true" }, drawn("rect", { width: Math.max(1, 140 * share), height: 12, rx: 2, fill: colour }));
}
