// How numbers, times and ages are written. Money comes as text and is only written otherwise, never computed.

const NONE = "–";
const formats = new Map();

function format(options) {
  const name = JSON.stringify(options);
  if (!formats.has(name)) formats.set(name, new Intl.NumberFormat("en", options));
  return formats.get(name);
}

/** What is no number is shown as it is. The text itself goes to the format, which keeps all its digits. */
function written(value, options) {
  if (value === null || value === undefined || value === "") return NONE;
  return Number.isFinite(Number(value)) ? format(options).format(value) : String(value);
}

/** An amount of money with two digits, e.g. 1,234.50. */
export const money = (value) => written(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A gain or a loss, with its sign. */
export const signed = (value) =>
  written(value, { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });

/** A price or a size with the digits that it came with. */
export const digits = (value) => written(value, { maximumFractionDigits: 10 });

/** A fraction as per cent. */
export const percent = (value) =>
  written(value, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 2 });

/** Messages per second. */
export const rate = (value) => (value === null || value === undefined ? NONE : `${format({ maximumSignificantDigits: 3 }).format(value)}/s`);

/** How long ago, or how long yet: 0.4 s, 12 s, 3 min, 11 h 59 min, 2 d. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, Number(seconds));
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

const day = (date) => date.toLocaleDateString("sv");

/** The time of this browser's zone; with its day where that is another one than `now_ms`'s. */
export function clock(ms, now_ms = Date.now()) {
  if (ms === null || ms === undefined) return NONE;
  const date = new Date(ms);
  const time = date.toLocaleTimeString("sv");
  return day(date) === day(new Date(now_ms)) ? time : `${day(date)} ${time}`;
}

/** gain, loss or nothing: the class of a figure. */
export const sense = (value) => (Number(value) > 0 ? "gain" : Number(value) < 0 ? "loss" : null);
