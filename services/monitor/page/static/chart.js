// What all charts share: the colours of the page, its width, its time zone.

import uPlot from "./vendor/uPlot.esm.js";

export const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * This class holds one uPlot in `parent`, and makes it anew where colours change.
 *
 * `options()` gives series, bands, hooks and height; x is in ms.
 */
export class Chart {
  constructor(parent, options) {
    this.parent = parent;
    this.options = options;
    this.data = null;
    this.plot = null;
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(parent);
    this.coloured = () => this.again();
    dark.addEventListener("change", this.coloured);
  }

  show(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data);
    else this.again();
  }

  again() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.parent.clientWidth;
    if (!this.data || width === 0) return;
    const { axes, ...own } = this.options();
    const lines = { stroke: colour("--muted"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule"), width: 1 }, font: "12px system-ui, sans-serif" };
    const standard = { width, ms: 1, legend: { show: false }, cursor: { drag: { x: false, y: false } }, padding: [8, 32, 0, 0] };
    const y = { ...lines, size: 64, ...(axes?.y ?? {}) };
    const x = { ...lines, space: 80, values: TIMES };
    this.plot = new uPlot({ ...standard, ...own, axes: [x, y] }, this.data, this.parent);
  }

  fit() {
    const width = this.parent.clientWidth;
    if (!this.plot) this.again();
    else if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.plot.height });
  }

  end() {
    this.resized.disconnect();
    dark.removeEventListener("change", this.coloured);
    this.plot?.destroy();
    this.plot = null;
  }
}

// uPlot writes times as an American does; these are the log's.
const S = 1000;
const D = 86400 * S;
const TIMES = [
  [28 * D, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [D, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60 * S, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [S, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}.{fff}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

export const numbers = (values) => values.map((value) => (value === null || value === undefined ? null : Number(value)));

/** The columns of rows `[ms, a, b, …]`, as uPlot wants them; width is how many there are where there is no row. */
export const columns = (points, width) => Array.from({ length: width }, (_, i) => numbers(points.map((point) => point[i])));
