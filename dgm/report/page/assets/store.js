// The data of the page: in blocks of the file, unpacked when somebody looks, or asked of the server that shows a live run.

const store = { head: null, agents: null, tables: new Map(), blocks: new Map(), shelves: null, loaded: null };

async function unpack(name) {
  await present(name);
  const text = byId("data-" + name).textContent;
  const raw = atob(text);
  const packed = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) packed[i] = raw.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// The scripts begin before the browser has read the whole file.
function present(name) {
  if (byId("data-" + name) || document.readyState !== "loading") return null;
  store.loaded ??= new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));
  return store.loaded;
}

// The columns of a table. `agents` is always there; others come when they are asked for.
function table(name) {
  return store.tables.get(name) ?? keptTable(name, store.head.live ? asked("table/" + name) : unpack(name));
}

// One that could not be had is asked for again by whoever wants it next.
function keptTable(name, found) {
  store.tables.set(name, found);
  found.catch(() => { if (store.tables.get(name) === found) store.tables.delete(name); });
  return found;
}

// Of a table that is too large for a file only its columns are there.
const isAbsent = (name) => store.head.absent?.includes(name);

// Everything of one agent, result or decision; null when it was left out of the file.
async function detail(kind, key) {
  if (store.head.live) return asked(`${kind}/${key}`);
  store.shelves ??= unpack("shelves").then(shelved);
  const place = (await store.shelves)[kind].get(Number(key));
  if (place === undefined) return null;
  const name = `${kind}-${place}`;
  if (!store.blocks.has(name)) store.blocks.set(name, unpack(name));
  return (await store.blocks.get(name))[key];
}

function shelved(shelves) {
  return Object.fromEntries(Object.entries(shelves).map(([kind, { key, block }]) => [kind, new Map(key.map((one, i) => [one, block[i]]))]));
}

const nameOf = (agent) => store.agents.id[agent].slice(0, 10);
const outcomeOf = (code) => store.head.outcomes[code];

function agentCalled(text) {
  return text ? store.agents.id.findIndex((id) => id.startsWith(text)) : -1;
}

// From the seed to `agent`.
function lineOf(agent) {
  const line = [];
  for (let one = agent; one >= 0; one = store.agents.parent[one]) line.unshift(one);
  return line;
}

// Children of every agent, by age; made anew when the agents change.
function childrenOf() {
  if (store.children?.of !== store.agents) {
    const lists = store.agents.id.map(() => []);
    store.agents.parent.forEach((parent, child) => parent >= 0 && lists[parent].push(child));
    store.children = { of: store.agents, lists };
  }
  return store.children.lists;
}

// The clade of an agent and the line that leads to it.
function kinOf(agent) {
  const kin = new Set([agent]);
  for (const one of kin) childrenOf()[one].forEach((child) => kin.add(child));
  return new Set([...lineOf(agent), ...kin]);
}
