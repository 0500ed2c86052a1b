// Colours come from the theme; shares and amounts are shades of one hue, operators and models are hues.

const colours = { theme: null, ramp: [], hues: [] };

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  colours.ramp = [0, 1, 2, 3, 4].map((i) => rgb(of(`--ramp-${i}`)));
  colours.hues = [0, 1, 2, 3, 4, 5].map((i) => of(`--hue-${i}`));
  for (const name of ["bg", "ink", "soft", "line", "panel", "accent", "edge", "failed", "gained", "lost", "bad", "focus"]) colours[name] = of("--" + name);
}

const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));

function shade(value) {
  const at = Math.max(0, Math.min(1, value)) * (colours.ramp.length - 1);
  const low = Math.min(Math.floor(at), colours.ramp.length - 2);
  const mixed = colours.ramp[low].map((from, i) => Math.round(from + (colours.ramp[low + 1][i] - from) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

const hue = (number) => colours.hues[number % colours.hues.length];

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  readColours();
  dispatchEvent(new Event("recolour"));
}
