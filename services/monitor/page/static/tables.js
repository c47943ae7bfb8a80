// Positions, orders, decisions, alerts, drift and what exchange and journal do not agree about.

import { byId, el, keyed, mark, say, table } from "./dom.js";
import { age, clock, digits, money, sense, signed } from "./format.js";

const LONGEST = 60; // decisions that are shown; older ones `tickline why` tells

/** This class shows everything that comes as rows. A symbol, a decision and a fill are buttons. */
export class Tables {
  constructor(drawer) {
    const opens = (open) => (first) => {
      const button = el("button", { type: "button", class: "link" });
      button.addEventListener("click", () => open(button.item));
      return Object.assign(button, { item: first });
    };
    const symbol = opens(({ symbol }) => drawer.symbol(symbol));
    const trace = opens((item) => drawer.trace(item.trace ?? item.client_order_id, item));
    const symbolColumn = { name: "Symbol", make: symbol, cell: ({ symbol: name }) => name, mark: keep };
    this.now_ms = Date.now();
    this.elapsed_s = 0;
    this.positions = new Rows(byId("positions"), "Nothing is held, and nothing was.", table("Positions", [
      symbolColumn,
      { name: "Size", kind: "number", cell: ({ size }) => digits(size) },
      { name: "Value", kind: "number", cell: ({ value }) => money(value) },
      { name: "Entry", kind: "number", cell: ({ entry }) => digits(entry) },
      { name: "Price", kind: "number", cell: ({ price }) => digits(price) },
      { name: "Price's age", kind: "number", cell: ({ price_age_s }) => this.older(price_age_s) },
      { name: "Stop", kind: "number", cell: (it) => (it.naked ? "NAKED" : digits(it.stop)), mark: (td, it) => mark(td, "data-bad", it.naked) },
      { name: "Unrealised", kind: "number", cell: ({ unrealised }) => signed(unrealised), mark: sensed("unrealised") },
      { name: "Today", kind: "number", cell: ({ today }) => signed(today), mark: sensed("today") },
    ], ({ symbol: name }) => name));
    this.orders = new Rows(byId("orders"), "No order yet.", table("Orders and fills", [
      { name: "Time", kind: "time", cell: ({ ms }) => clock(ms, this.now_ms) },
      symbolColumn,
      { name: "Order", make: trace, cell: (it) => `${it.side} ${digits(it.quantity)}`, mark: keep },
      { name: "Filled", kind: "number", cell: filled },
      { name: "Status", kind: "status", cell: ({ status, unknown }) => (unknown ? "UNKNOWN" : status), mark: (td, it) => standOut(td, it) },
      { name: "Age", kind: "number", cell: ({ age_s }) => this.older(age_s) },
    ], ({ client_order_id }) => client_order_id));
    this.decisions = new Rows(byId("decisions"), "No decision yet: the strategy has had no prediction.", table("Decisions", [
      { name: "Time", kind: "time", cell: ({ ms }) => clock(ms, this.now_ms) },
      symbolColumn,
      { name: "Decision", kind: "sentence", make: trace, cell: ({ sentence }) => sentence, mark: keep },
    ], ({ trace: id, ms, symbol: name }) => `${id ?? name} ${ms}`));
    this.alerts = new Lines(byId("alerts"), "Alerts", "Nothing is wrong that the monitor knows of.");
    this.notes = new Lines(byId("notes"), "To know", "");
    this.differences = new Lines(byId("reconciliation"), "Differences", "Exchange and journal agree.");
    this.drift = byId("drift").appendChild(el("p"));
    this.verdict = byId("drift").appendChild(el("p", { class: "verdict" }));
  }

  show(view, elapsed_s) {
    this.now_ms = view.as_of_ms + elapsed_s * 1000;
    this.elapsed_s = elapsed_s;
    this.positions.show(view.positions ?? []);
    this.orders.show(view.orders ?? []);
    this.decisions.show((view.decisions ?? []).slice(0, LONGEST));
    this.alerts.show((view.alerts ?? []).map(({ ms, kind, text, over }) => ({
      bad: !over, text: `${clock(ms, this.now_ms)} ${over ? "over: " : ""}${kind}: ${text}`,
    })));
    this.notes.show((view.notes ?? []).map((text) => ({ bad: false, text })));
    byId("worst").hidden = !view.worst;
    say(byId("worst"), view.worst ?? "");
    const { differences, checked_age_s, why_not } = view.reconciliation ?? {};
    this.differences.show(
      (differences ?? []).map((it) => ({ bad: true, text: it.sentence ? `${it.symbol}: ${it.sentence}` : String(it) })),
      why_not ?? (checked_age_s == null ? "Not compared yet." : `Exchange and journal agree; compared ${age(checked_age_s + elapsed_s)} ago.`),
    );
    const { state, sentence, verdict } = view.drift ?? {};
    say(this.drift, sentence ? `${state}: ${sentence}` : (state ?? "Nothing is known yet."));
    mark(this.drift, "data-bad", state === "warning" || state === "decayed");
    say(this.verdict, verdict ?? "");
  }

  older(age_s) {
    return age_s == null ? "–" : age(age_s + this.elapsed_s);
  }
}

/** The button in a cell opens what its row says now. */
function keep(td, item) {
  td.firstElementChild.item = item;
}

const sensed = (name) => (td, item) => mark(td, "data-sense", sense(item[name]));

function filled({ filled: quantity, price }) {
  if (quantity == null) return "–";
  return price == null || Number(quantity) === 0 ? digits(quantity) : `${digits(quantity)} at ${digits(price)}`;
}

function standOut(td, { unknown, status, reason }) {
  mark(td.parentElement, "data-unknown", unknown);
  mark(td, "data-bad", !unknown && status === "REJECTED");
  mark(td, "title", reason ?? null);
}

/** A table, or the sentence that says why there is none. */
class Rows {
  constructor(parent, empty, { node, update }) {
    this.update = update;
    this.empty = el("p", { class: "empty" }, empty);
    const name = node.querySelector("caption").textContent;
    this.frame = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": name }, node);
    parent.append(this.empty, this.frame);
  }

  show(items) {
    this.empty.hidden = items.length > 0;
    this.frame.hidden = items.length === 0;
    this.update(items);
  }
}

/** Some lines, or the sentence that says why there are none. */
class Lines {
  constructor(parent, name, empty) {
    this.empty = el("p", { class: "empty" });
    this.words = empty;
    this.list = el("ul");
    this.frame = el("div", { class: "lines", tabindex: "0", role: "group", "aria-label": name }, this.list);
    parent.append(this.empty, this.frame);
  }

  show(items, empty = this.words) {
    this.empty.hidden = items.length > 0;
    say(this.empty, empty);
    this.frame.hidden = items.length === 0;
    keyed(this.list, items, ({ text }) => text, () => {
      const node = el("li");
      return { node, update: ({ text, bad }) => (say(node, text), mark(node, "data-bad", bad)) };
    });
  }
}
