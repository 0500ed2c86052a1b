// The card that tells what is under the pointer.

function hover(event, ...content) {
  const card = byId("hover");
  replace(card, ...content);
  card.hidden = false;
  const { width, height } = card.getBoundingClientRect();
  const right = event.clientX + 14 + width > innerWidth - 8;
  const below = event.clientY + 16 + height > innerHeight - 8;
  card.style.left = `${Math.max(8, right ? event.clientX - width - 10 : event.clientX + 14)}px`;
  card.style.top = `${Math.max(8, below ? event.clientY - height - 10 : event.clientY + 16)}px`;
}

function hideHover() {
  byId("hover").hidden = true;
}

function say(text) {
  byId("said").textContent = visible(text);
}
