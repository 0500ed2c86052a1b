// A live run: the server that shows it is asked what is new; tables that only grow are read from where they ended.

const EVERY_MS = 2000;
const GROWS = new Set(["jobs", "decisions"]);

async function asked(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`the server of dgm view says ${answer.status}`);
  return answer.json();
}

// A run that has just begun has no agent yet.
async function firstAgent() {
  for (;;) {
    const head = await asked("head");
    if (head.agents) return follow();
    replace(byId("content"), made("p.wait", {}, `${head.name} has no agent yet …`));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

async function follow() {
  await refreshed();
  const again = async () => {
    try {
      const { seq } = await asked(`new?since=${store.head.seq}`);
      byId("live").classList.remove("lost");
      if (seq > store.head.seq) { await refreshed(); drawAgain(); }
    } catch {
      byId("live").classList.add("lost");
    }
    setTimeout(again, EVERY_MS);
  };
  setTimeout(again, EVERY_MS);
}

// The head and the agents anew; of tables that are known, what is new.
async function refreshed() {
  const since = store.head.seq;
  const [head, agents] = await Promise.all([asked("head"), asked("table/agents")]);
  for (const [name, known] of [...store.tables]) {
    if (GROWS.has(name)) store.tables.set(name, Promise.all([known, asked(`table/${name}?since=${since}`)]).then(([before, added]) => longer(before, added)));
    else store.tables.delete(name);
  }
  [store.head, store.agents] = [head, agents];
}

const longer = (before, added) => Object.fromEntries(Object.entries(before).map(([name, values]) => [name, values.concat(added[name])]));

// Nobody is interrupted: what one is reading stays until one turns to something else, but the tree and the charts move on.
function drawAgain() {
  const [name] = place();
  if (["", "tree", "progress", "costs", "time", "matrix"].includes(name)) show();
}
