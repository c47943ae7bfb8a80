// Equity beside the backtest's band and what buying and holding would have brought.

import { Chart, colour, columns } from "./chart.js";
import { el, mark, say } from "./dom.js";
import { clock, money } from "./format.js";

const HEIGHT = 170;
const KEYS = [["equity", "equity"], ["band", "backtest's band"], ["hold", "buy and hold"]];

/** This class draws the chart, or says that there is nothing to draw. */
export class EquityChart {
  constructor(parent) {
    this.empty = el("p", { class: "empty" }, "No equity yet: it begins with the first decision.");
    this.box = el("div", { class: "chart", role: "img" });
    this.keys = el("p", { class: "keys" }, ...KEYS.map(([kind, name]) => el("span", { class: `key ${kind}` }, name)));
    this.band = el("p", { class: "quiet" });
    parent.append(this.empty, this.box, this.keys, this.band);
    this.chart = new Chart(this.box, () => this.options());
  }

  show(points, mode) {
    const there = points.length > 1;
    this.empty.hidden = there;
    this.box.hidden = this.keys.hidden = !there;
    if (!there) return;
    this.keys.children[1].hidden = !points.some((point) => point[2] != null);
    const [first, last] = [points[0], points.at(-1)];
    const told = `Equity from ${money(first[1])} at ${clock(first[0])} to ${money(last[1])} at ${clock(last[0])}.`;
    const band = last[2] == null ? "" : ` The backtest's band is ${money(last[2])} to ${money(last[3])} now.`;
    mark(this.box, "aria-label", told + band);
    this.chart.show(columns(points, 5));
    if (this.mode !== mode) this.chart.again();
    this.mode = mode;
  }

  words(sentence) {
    this.band.hidden = !sentence;
    say(this.band, sentence ?? "");
  }

  options() {
    const line = (stroke, more = {}) => ({ stroke, width: 1, points: { show: false }, ...more });
    const edge = line(colour("--band"));
    return {
      height: HEIGHT,
      series: [{}, line(colour("--money"), { width: 2 }), edge, edge, line(colour("--hold"), { dash: [5, 4], width: 1.5 })],
      bands: [{ series: [3, 2], fill: colour("--band-fill") }],
    };
  }
}
