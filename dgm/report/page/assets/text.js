// Values as people read them. Whatever could deceive a reader (control characters, marks that turn the direction of
// writing, invisible characters) is shown as an escape, as on the terminal.

const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

function visible(text) {
  return String(text).replace(UNSAFE, (found) => {
    const code = found.codePointAt(0);
    if (code < 0x100) return "\\x" + code.toString(16).padStart(2, "0");
    return code < 0x10000 ? "\\u" + code.toString(16).padStart(4, "0") : "\\U" + code.toString(16).padStart(8, "0");
  });
}

const percent = (share) => `${Math.round(100 * share)} %`;
const two = (value) => value.toFixed(2);
const signed = (value, digits = 0) => (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value).toFixed(digits);
const grouped = (value) => Math.round(value).toLocaleString("en-US").replaceAll(",", "\u202f");
const plural = (count, one, many = one + "s") => `${grouped(count)} ${count === 1 ? one : many}`;
const word = (name) => name.replaceAll("_", " ");

function dollars(microusd) {
  const value = microusd / 1e6;
  return "$" + (value >= 100 ? grouped(value) : value >= 0.1 || value === 0 ? value.toFixed(2) : value.toPrecision(2));
}

function seconds(value) {
  if (value < 0.1) return `${Math.round(1000 * value)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min` + rest(Math.floor(value % 60), "s");
  return `${Math.floor(minutes / 60)} h` + rest(minutes % 60, "min");
}

const rest = (value, unit) => (value ? ` ${String(value).padStart(2, "0")} ${unit}` : "");

function bytes(value) {
  if (value < 1024) return `${value} B`;
  return value < 1 << 20 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / (1 << 20)).toFixed(1)} MiB`;
}

const clock = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
