// One symbol: its prices with decisions and fills marked, y_hat under them, and the marks as rows.

import { Chart, colour, columns, numbers } from "./chart.js";
import { el, mark, table } from "./dom.js";
import { clock, digits } from "./format.js";

const PRICES_PX = 260;
const PREDICTIONS_PX = 120;
const MARK_PX = 6;
const NEAR_PX = 12;

/** This class draws into `parent` what `show` is given, and anew; `trace(id, mark)` opens what a mark stands for. */
export class SymbolChart {
  constructor(parent, name, trace) {
    this.name = name;
    this.trace = trace;
    this.marks = [];
    this.charts = [];
    this.drawn = el("div");
    this.table = this.rows();
    this.noPrices = el("p", { class: "empty" }, "No prices yet.");
    this.noMarks = el("p", { class: "empty" }, "No decision and no fill in this time.");
    parent.append(this.noPrices, this.drawn, this.noMarks, this.table.node);
  }

  show({ points, marks }) {
    const prices = points.length > 1; // one makes no line
    this.marks = marks;
    this.noPrices.hidden = prices;
    this.drawn.hidden = !prices;
    this.noMarks.hidden = marks.length > 0;
    this.table.node.hidden = !marks.length;
    this.table.update([...marks].sort((a, b) => b.ms - a.ms));
    if (!prices) return;
    if (!this.charts.length) this.draw();
    const [ms, price, y_hat] = columns(points, 3);
    const about = `Prices of ${this.name} from ${clock(ms[0])} to ${clock(ms.at(-1))}, with ${marks.length} decisions and fills; they stand as rows below.`;
    mark(this.prices, "aria-label", about);
    const [upper, lower] = this.charts;
    upper.show([ms, price]);
    lower.show([ms, y_hat]);
  }

  draw() {
    const keys = [["price", "price"], ["buy", "filled, bought"], ["sell", "filled, sold"], ["decision", "decision"]];
    this.prices = el("div", { class: "chart", role: "img" });
    const predictions = el("div", { class: "chart", role: "img", "aria-label": `y_hat of ${this.name} in the same time` });
    this.drawn.append(
      el("p", { class: "keys" }, ...keys.map(([kind, word]) => el("span", { class: `key ${kind}` }, word))),
      this.prices, el("h3", {}, "y_hat"), predictions,
    );
    const cursor = { sync: { key: `symbol-${this.name}` }, drag: { x: false, y: false } };
    const upper = new Chart(this.prices, () => ({
      height: PRICES_PX, cursor,
      series: [{}, { stroke: colour("--ink"), width: 1.5, points: { show: false } }],
      hooks: { draw: [(plot) => this.drawMarks(plot)] },
    }));
    const lower = new Chart(predictions, () => ({
      height: PREDICTIONS_PX, cursor,
      series: [{}, { stroke: colour("--y-hat"), width: 1.5, points: { show: false } }],
      axes: { y: { space: 22, values: (_, splits) => splits.map((it) => String(Number(it.toPrecision(3)))) } },
    }));
    this.prices.addEventListener("click", (event) => this.near(upper.plot, event));
    this.charts.push(upper, lower);
  }

  drawMarks(plot) {
    const { ctx } = plot;
    const size = MARK_PX * devicePixelRatio;
    ctx.save();
    for (const { ms, kind, side, price } of this.marks) {
      const x = plot.valToPos(ms, "x", true);
      const y = plot.valToPos(...numbers([price]), "y", true);
      const bought = String(side).toUpperCase() === "BUY";
      ctx.beginPath();
      if (kind === "fill") {
        const up = bought ? 1 : -1;
        ctx.moveTo(x, y - up * size);
        ctx.lineTo(x + size, y + up * size);
        ctx.lineTo(x - size, y + up * size);
        ctx.closePath();
        ctx.fillStyle = colour(bought ? "--gain" : "--loss");
        ctx.fill();
      } else {
        ctx.arc(x, y, size / 2, 0, 2 * Math.PI);
        ctx.strokeStyle = colour("--ink");
        ctx.lineWidth = devicePixelRatio;
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  near(plot, event) {
    const box = plot.over.getBoundingClientRect();
    const far = ({ ms, price }) =>
      Math.hypot(plot.valToPos(ms, "x") - (event.clientX - box.left), plot.valToPos(Number(price), "y") - (event.clientY - box.top));
    const nearest = [...this.marks].sort((a, b) => far(a) - far(b))[0];
    if (nearest && nearest.trace && far(nearest) <= NEAR_PX) this.trace(nearest.trace, nearest);
  }

  rows() {
    const open = (first) => {
      const button = el("button", { type: "button", class: "link" });
      button.addEventListener("click", () => this.trace(first.trace, first));
      return button;
    };
    return table("Decisions and fills", [
      { name: "Time", kind: "time", cell: ({ ms }) => clock(ms) },
      { name: "What", kind: "what", cell: ({ kind, side }) => (side ? `${kind}, ${side}` : kind) },
      { name: "Price", kind: "number", cell: ({ price }) => digits(price) },
      { name: "Says", kind: "sentence", make: open, cell: ({ text }) => text },
    ], ({ trace, kind, ms }) => `${trace} ${kind} ${ms}`);
  }

  end() {
    for (const chart of this.charts) chart.end();
  }
}
