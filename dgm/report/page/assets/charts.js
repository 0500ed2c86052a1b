// Axes and lines in SVG.

const CHART = { left: 48, right: 16, top: 12, bottom: 24 };

function ticksOf(low, high, count = 5) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

// Round times: seconds, then minutes, then hours.
function timeTicks(low, high, count) {
  const steps = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400, 604800];
  const step = steps.find((one) => one >= (high - low) / count) || steps[steps.length - 1];
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
  return found;
}

// The axis from 0 to the first round number that is not below `most`.
function upTo(most, count = 3) {
  const ticks = ticksOf(0, most || 1, count);
  return [0, ticks[ticks.length - 1] >= most ? ticks[ticks.length - 1] : ticks[ticks.length - 1] + ticks[1]];
}

function chart({ width, height, x, y, label, sayX = grouped, sayY = two }) {
  const inner = { w: width - CHART.left - CHART.right, h: height - CHART.top - CHART.bottom };
  const atX = (value) => CHART.left + (inner.w * (value - x[0])) / (x[1] - x[0] || 1);
  const atY = (value) => CHART.top + inner.h * (1 - (value - y[0]) / (y[1] - y[0] || 1));
  const picture = drawn("svg.chart", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ticksOf(...y, height > 160 ? 5 : 3).map((value) => [
      drawn("line.grid", { x1: CHART.left, x2: width - CHART.right, y1: atY(value), y2: atY(value) }),
      drawn("text.tick.right", { x: CHART.left - 6, y: atY(value) + 4 }, sayY(value)),
    ]),
    ticksOf(...x, width / 110).map((value) => {
      const room = 2 * (width - atX(value)) > 7 * sayX(value).length; // the last number ends where the axis ends
      return drawn(room ? "text.tick.middle" : "text.tick.right", { x: room ? atX(value) : width - 2, y: height - 6 }, sayX(value));
    }));
  return { picture, atX, atY };
}

const polyline = (points) => points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const band = (low, high) => polyline([...low, ...[...high].reverse()]) + "Z";
