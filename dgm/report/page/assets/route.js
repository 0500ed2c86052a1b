// What is shown stands behind the # of the address, so it can be linked to and the back button works.

const VIEWS = new Map(); // name -> (rest of the address) => what is shown
const TABS = [
  ["tree", "Tree"], ["matrix", "Agents × tasks"], ["progress", "Progress"],
  ["decisions", "Decisions"], ["costs", "Costs"], ["time", "Time line"],
];
let shown = 0;
let leave = () => {};

const place = () => decodeURIComponent(location.hash.slice(1)).split("/");
const go = (to) => { location.hash = to; };

// Change the address without a step for the back button, for moves by key.
const note = (to) => history.replaceState(null, "", "#" + to);

async function show() {
  const turn = ++shown;
  const [name, ...rest] = place();
  const view = VIEWS.get(name) || VIEWS.get("tree");
  hideHover();
  const content = byId("content");
  const built = await view(...rest).then((found) => { broken = false; return found; }, cannotShow);
  if (turn !== shown) return;
  leave();
  leave = built.leave || (() => {});
  const tab = VIEWS.has(name) && TABS.some(([tab]) => tab === name) ? name : built.tab || "tree";
  for (const one of document.querySelectorAll("#tabs a")) {
    if (one.getAttribute("href") === "#" + tab) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  document.title = visible(`${built.title} · ${store.head.name}`);
  content.dataset.view = name || "tree";
  replace(content, built.element);
  built.shown?.();
}

let broken = false; // what is shown could not be had

function cannotShow(error) {
  broken = true;
  console.error(error);
  return missing(`This cannot be shown now: ${error.message}`);
}

function missing(text) {
  return { title: "Not here", element: made("div.page", {}, made("p.empty", {}, text)) };
}
