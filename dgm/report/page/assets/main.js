// The beginning: read who won and the tree, then show what the address asks for.

async function begin() {
  readColours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); dispatchEvent(new Event("recolour")); });
  [store.head, store.agents] = await Promise.all([unpack("head"), byId("data-agents") ? unpack("agents") : null]);
  if (store.head.live) await firstAgent();
  drawFrame();
  addEventListener("hashchange", show);
  await show();
  if (store.head.live) follow();
}

begin().catch((error) => {
  replace(byId("content"), made("p.empty", {}, `This page could not be drawn: ${error.message}`));
  throw error;
});
