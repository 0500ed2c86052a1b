// The bar at the top and the notes: which run this is, where its numbers come from, what there is to see.

function drawFrame() {
  const head = store.head;
  const about = [head.policy, head.benchmark, head.llm].filter(Boolean).join(" · ");
  replace(
    byId("top"),
    made("div.run", {}, made("strong", { title: "run " + head.id }, head.name), made("span.soft", { id: "about" }, about)),
    made("nav", { id: "tabs", "aria-label": "Views" }, TABS.map(([name, text]) => link(name, text))),
    made("div.tools", {}, head.live && made("span.live", { id: "live", title: "follows the run" }, "live"), searchBox(), themeButton(), helpButton()),
  );
  const notes = [...head.run.notes, ...(head.left_out || [])];
  replace(byId("notes"), notes.length > 0 && made("details", {},
    made("summary", {}, notes[0], notes.length > 1 && made("b", {}, ` and ${plural(notes.length - 1, "more note")}`)),
    made("ul", {}, notes.slice(1).map((text) => made("li", {}, text)))));
}

function themeButton() {
  const themes = ["auto", "light", "dark"];
  const button = made("button", { type: "button", title: "Light, dark, or as the system says" }, "◐");
  let now = 0;
  button.addEventListener("click", () => {
    now = (now + 1) % themes.length;
    setTheme(themes[now]);
    button.setAttribute("aria-label", "Theme: " + themes[now]);
    say("Theme: " + themes[now]);
  });
  button.setAttribute("aria-label", "Theme: auto");
  return button;
}

function helpButton() {
  const keys = [
    ["/", "search agents, tasks and entries"], ["1 … 6", "the views"],
    ["↑ ↓ ← →", "in the tree: parent, child, siblings"], ["Enter", "open the agent"],
    ["+ − 0", "in the tree and the time line: larger, smaller, all of it"], ["w", "in the tree: the winner"], ["?", "this list"],
  ];
  replace(byId("help"), made("h2", {}, "Keys"), facts(keys.map(([key, text]) => [made("kbd", {}, key), text])),
    made("p.soft", {}, "Every view has an address of its own: copy it to share what you see."),
    made("form", { method: "dialog" }, made("button", {}, "Close")));
  return made("button", { type: "button", "aria-label": "Keys", title: "Keys", onclick: () => byId("help").showModal() }, "?");
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName) || byId("help").open) return;
  if (event.key === "/") byId("search").focus();
  else if (event.key === "?") byId("help").showModal();
  else if (event.key >= "1" && event.key <= String(TABS.length)) go(TABS[event.key - 1][0]);
  else return;
  event.preventDefault();
});
