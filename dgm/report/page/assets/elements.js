// Every element of the page is made here, and every text enters it as text.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// made("a.link.strong", {href: "#tree"}, "Tree", other)
function made(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  return filled(document.createElement(tag || "div"), classes, attributes, children);
}

function drawn(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  return filled(document.createElementNS(SVG, tag), classes, attributes, children);
}

function filled(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : visible(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(child));
  }
}

function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

const link = (to, ...children) => made("a", { href: "#" + to }, ...children);

// One bar per belief on the axis from 0 to 1: a line for the interval, a dot for the mean.
function interval(low, mean, high, kind = "") {
  const width = 120;
  const at = (value) => 4 + value * (width - 8);
  return drawn(
    "svg.interval" + (kind && "." + kind),
    { width, height: 14, viewBox: `0 0 ${width} 14`, role: "img", "aria-label": `${two(mean)}, between ${two(low)} and ${two(high)}` },
    drawn("line.axis", { x1: at(0), x2: at(1), y1: 7, y2: 7 }),
    drawn("line.axis", { x1: at(0.5), x2: at(0.5), y1: 5, y2: 9 }),
    drawn("line.range", { x1: at(low), x2: at(high), y1: 7, y2: 7 }),
    drawn("circle.mean", { cx: at(mean), cy: 7, r: 3.5 }),
  );
}

function tabled(heads, rows, kind = "") {
  const right = heads.map((head) => head.startsWith(">"));
  return made(
    "table" + (kind && "." + kind),
    {},
    made("thead", {}, made("tr", {}, heads.map((head, i) => made("th" + (right[i] ? ".right" : ""), { scope: "col" }, head.replace(">", ""))))),
    made("tbody", {}, rows.map((row) => made("tr", {}, row.map((cell, i) => made("td" + (right[i] ? ".right" : isShort(cell) ? ".whole" : ""), {}, cell))))),
  );
}

// A word that a narrow column must not break.
const isShort = (cell) => typeof cell === "string" && cell.length <= 12;

const facts = (pairs) =>
  made("dl.facts", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
    .map(([name, value]) => [made("dt", {}, name), made("dd", {}, value)]));

// A choice of one of a few, as a row of buttons.
function choice(label, options, chosen, choose) {
  const row = made("div.choice", { role: "radiogroup", "aria-label": label });
  const buttons = options.map(([value, text]) =>
    made("button", { type: "button", role: "radio", "aria-checked": String(value === chosen), "data-value": value, onclick: () => pick(value) }, text));
  function pick(value) {
    for (const button of buttons) button.setAttribute("aria-checked", String(button.dataset.value === value));
    choose(value);
  }
  row.append(...buttons);
  return row;
}
