// A live run: the server that shows it is asked what is new; tables that only grow are read from where they ended.

const EVERY_MS = 2000;
const QUIET_S = 300; // from then on it is said how long nothing was written
const GROWS = new Set(["jobs", "decisions"]);

async function asked(path) {
  const answer = await fetch(path, { cache: "no-store" }).catch(() => { throw new Error("dgm view has ended"); });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(await answer.text());
  const { seq, value } = await answer.json();
  if (seq > store.head.seq && path !== "head" && path !== "table/agents") await refreshed(); // it may tell of agents that are new
  return value;
}

// A run that has just begun has no agent yet.
async function firstAgent() {
  for (;;) {
    const head = await asked("head");
    if (head.agents) break;
    replace(byId("content"), made("p.wait", {}, `${head.name} has no agent yet …`));
    await waited();
  }
  await refreshed();
}

const waited = () => new Promise((resolve) => setTimeout(resolve, EVERY_MS));

async function follow() {
  let drawn = store.head.seq;
  for (;;) {
    await waited();
    try {
      const state = await asked("new"); // refreshes what is known if there is more
      if (state) tellState(state);
      if (broken) await show();
      else if (store.head.seq > drawn && nobodyIsBusy()) {
        drawn = store.head.seq;
        await drawAgain();
      }
    } catch (error) {
      tell(error.message, "lost");
    }
  }
}

function tellState({ over, quiet_s }) {
  if (over) tell(over, over.startsWith("failed") ? "lost" : "over");
  else tell(quiet_s > QUIET_S ? `live, nothing written for ${seconds(quiet_s)}` : "live", "");
}

function tell(text, kind) {
  byId("live").className = `live ${kind}`;
  replace(byId("live"), text);
}

let refreshing = null;

// One at a time, whoever asks.
const refreshed = () => (refreshing ??= refresh().finally(() => { refreshing = null; }));

// The head, then the agents that it speaks of, anew; of tables that are known, what is new.
async function refresh() {
  const head = await asked("head");
  if (store.head.id && head.id !== store.head.id) return location.reload(); // another run in its place
  const agents = await asked("table/agents");
  for (const [name, known] of [...store.tables]) {
    if (GROWS.has(name)) keptTable(name, known.then(longer(name)));
    else store.tables.delete(name);
  }
  [store.head, store.agents] = [head, agents];
}

const longer = (name) => async (before) => {
  const since = before.seq.length ? before.seq[before.seq.length - 1] + 1 : 0;
  const added = await asked(`table/${name}?since=${since}`);
  return Object.fromEntries(Object.entries(before).map(([column, values]) => [column, values.concat(added[column])]));
};

// Not while a mouse button is held down or text is selected in what is shown.
const nobodyIsBusy = () => !byId("content").matches(":active") && getSelection().isCollapsed;

// Nobody is interrupted: what one is reading stays until one turns to something else, but the tree and the charts move
// on, scrolled as they were and with the focus where it was.
async function drawAgain() {
  if (!["", "tree", "progress", "costs", "time", "matrix"].includes(place()[0])) return;
  const all = (selector) => [...byId("content").querySelectorAll(selector)];
  const scrolled = [byId("content"), ...all(".side, .grid")].map((one) => [one.scrollLeft, one.scrollTop]);
  const focused = all("button, [tabindex]").indexOf(document.activeElement);
  const address = location.hash;
  await show();
  if (address !== location.hash) return;
  [byId("content"), ...all(".side, .grid")].forEach((one, n) => one.scrollTo(...scrolled[n]));
  all("button, [tabindex]")[focused]?.focus({ preventScroll: true });
}
