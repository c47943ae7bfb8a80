// The whole view, panel by panel; each panel is one file's.

import { byId, el, keyed, mark, say } from "./dom.js";
import { EquityChart } from "./equity.js";
import { age, clock, digits, money, percent, sense, signed } from "./format.js";
import { Line } from "./line.js";
import { Tables } from "./tables.js";

/** What the account may do, in a word: HALTED sends nothing, HELD nothing that adds exposure. */
export const modeOf = ({ halted, held, mode }) => (halted ? "HALTED" : held ? "HELD" : mode.toUpperCase());

/** This class shows a view; the same view again, later, shows older ages. */
export class View {
  constructor(drawer, acts) {
    this.acts = acts;
    this.drawer = drawer;
    this.line = new Line(byId("line"));
    this.equity = new EquityChart(byId("equity"));
    this.tables = new Tables(drawer);
  }

  /** `elapsed_s` is how long ago the view came: ages go on, and what is left grows less. */
  show(view, elapsed_s, state) {
    this.banner(view, elapsed_s);
    this.line.show(view, elapsed_s);
    if (this.shown !== view) {
      this.equity.show(view.equity?.points ?? [], view.mode);
      this.figures(view.equity ?? {});
      this.drawer.committed();
      this.shown = view;
    }
    this.tables.show(view, elapsed_s);
    this.acts.show(view.acts ?? {}, state);
  }

  banner(view, elapsed_s) {
    const why = view.halted ?? view.held ?? null;
    document.body.dataset.mode = why === null ? view.mode : "halted";
    document.body.dataset.money = view.mode;
    say(byId("mode"), why === null ? modeOf(view) : `${modeOf(view)} (${view.mode})`);
    byId("halted").hidden = why === null;
    say(byId("halted"), why ?? "");
    pairs(byId("facts"), [
      ["Account", account(view), null],
      ["Armed", armed(view, elapsed_s), null],
      ["Loss budget", budget(view), null],
      ["As of", clock(view.as_of_ms), null],
    ]);
  }

  figures({ now, exposure, unrealised, today, drawdown, max_drawdown, fees, fees_of_gross, band }) {
    pairs(byId("figures"), [
      ["Now", money(now), null],
      ["Exposure", money(exposure), null],
      ["Today", signed(today), sense(today)],
      ["Unrealised", signed(unrealised), sense(unrealised)],
      ["Drawdown", max_drawdown == null ? percent(drawdown) : `${percent(drawdown)} (most ${percent(max_drawdown)})`, null],
      ["Fees today", fees_of_gross == null ? money(fees) : `${money(fees)} (${percent(fees_of_gross)} of gross)`, null],
    ]);
    this.equity.words(band ?? null);
  }
}

function account({ account: name, venue, run }) {
  const where = [name, venue].filter(Boolean).filter((it, i, all) => all.indexOf(it) === i).join(" at ");
  return run ? `${where || "paper"}, run ${run}` : where || "–";
}

function armed({ arming, mode }, elapsed_s) {
  if (arming) return `${age(arming.left_s - elapsed_s)} left, up to ${digits(arming.max_notional)}`;
  return mode === "paper" ? "needs no arming" : "no: it may only reduce";
}

function budget({ arming }) {
  if (!arming || arming.loss_budget == null) return "–";
  return arming.loss_left == null ? money(arming.loss_budget) : `${money(arming.loss_left)} of ${money(arming.loss_budget)} left`;
}

function pairs(list, items) {
  keyed(list, items, ([name]) => name, ([name]) => {
    const value = el("dd");
    return {
      node: el("div", {}, el("dt", {}, name), value),
      update([, text, kind]) {
        say(value, text);
        mark(value, "class", kind);
      },
    };
  });
}
