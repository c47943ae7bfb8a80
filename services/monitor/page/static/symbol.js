// One symbol: its prices with decisions and fills marked, y_hat under them, and the marks as rows.

import { Chart, colour, columns, numbers } from "./chart.js";
import { el, table } from "./dom.js";
import { clock, digits } from "./format.js";

const PRICES_PX = 260;
const PREDICTIONS_PX = 120;
const MARK_PX = 6;
const NEAR_PX = 12;

/** This class draws into `parent`; `trace(id, mark)` opens what a mark stands for. */
export class SymbolChart {
  constructor(parent, name, { points, marks }, trace) {
    this.marks = marks;
    this.trace = trace;
    this.charts = [];
    if (points.length < 2) parent.append(el("p", { class: "empty" }, "No prices yet."));
    else this.draw(parent, name, points);
    parent.append(marks.length ? this.rows() : el("p", { class: "empty" }, "No decision and no fill in this time."));
  }

  draw(parent, name, points) {
    const [ms, price, y_hat] = columns(points, 3);
    const keys = [["price", "price"], ["buy", "filled, bought"], ["sell", "filled, sold"], ["decision", "decision"]];
    const about = `Prices of ${name} from ${clock(ms[0])} to ${clock(ms.at(-1))}, with ${this.marks.length} decisions and fills; they stand as rows below.`;
    const prices = el("div", { class: "chart", role: "img", "aria-label": about });
    const predictions = el("div", { class: "chart", role: "img", "aria-label": `y_hat of ${name} in the same time` });
    parent.append(
      el("p", { class: "keys" }, ...keys.map(([kind, word]) => el("span", { class: `key ${kind}` }, word))),
      prices, el("h3", {}, "y_hat"), predictions,
    );
    const cursor = { sync: { key: `symbol-${name}` }, drag: { x: false, y: false } };
    const upper = new Chart(prices, () => ({
      height: PRICES_PX, cursor,
      series: [{}, { stroke: colour("--ink"), width: 1.5, points: { show: false } }],
      hooks: { draw: [(plot) => this.drawMarks(plot)] },
    }));
    const lower = new Chart(predictions, () => ({
      height: PREDICTIONS_PX, cursor,
      series: [{}, { stroke: colour("--y-hat"), width: 1.5, points: { show: false } }],
      axes: { y: { space: 22, values: (_, splits) => splits.map((it) => String(Number(it.toPrecision(3)))) } },
    }));
    upper.show([ms, price]);
    lower.show([ms, y_hat]);
    prices.addEventListener("click", (event) => this.near(upper.plot, event));
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
    const { node, update } = table("Decisions and fills", [
      { name: "Time", kind: "time", cell: ({ ms }) => clock(ms) },
      { name: "What", kind: "what", cell: ({ kind, side }) => (side ? `${kind}, ${side}` : kind) },
      { name: "Price", kind: "number", cell: ({ price }) => digits(price) },
      { name: "Says", kind: "sentence", make: open, cell: ({ text }) => text },
    ], ({ trace, kind, ms }) => `${trace} ${kind} ${ms}`);
    update([...this.marks].sort((a, b) => b.ms - a.ms));
    return node;
  }

  end() {
    for (const chart of this.charts) chart.end();
  }
}
