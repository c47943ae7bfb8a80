// What opens over the page: a trace in its steps, a symbol with its prices, decisions and fills.

import { byId, el, mark, say } from "./dom.js";
import { clock } from "./format.js";
import { SymbolChart } from "./symbol.js";

const ANSWER_MS = 10000;

/** This class shows one thing at a time; a trace that was opened out of a symbol leads back to it. */
export class Drawer {
  constructor() {
    this.dialog = byId("drawer");
    this.body = byId("drawer-body");
    this.back = byId("drawer-back");
    this.asked = 0;
    this.before = null;
    byId("drawer-close").addEventListener("click", () => this.dialog.close());
    this.back.addEventListener("click", () => this.symbol(this.before));
    this.dialog.addEventListener("click", ({ target }) => target === this.dialog && this.dialog.close());
    // The event comes later: by then something else may have been opened.
    this.dialog.addEventListener("close", () => this.dialog.open || this.clear());
  }

  /** Opens the chain behind an id. */
  async trace(id, { symbol } = {}) {
    const from = this.dialog.open ? this.shown : null;
    const answer = await this.open(`Trace of ${symbol ?? id}`, `/api/trace/${encodeURIComponent(id)}`, from);
    if (!answer) return;
    const steps = answer.steps.map(({ ms, step, text }) =>
      el("li", {}, ms == null ? null : el("time", {}, clock(ms)), step ? el("strong", {}, `${step} `) : null, text));
    this.body.append(
      el("p", { class: "quiet" }, id),
      steps.length ? el("ol", { class: "steps" }, ...steps) : el("p", { class: "empty" }, "Nothing is known of it any more."),
    );
  }

  /** Opens a symbol's prices, with what was decided and filled, and y_hat under them. */
  async symbol(name) {
    const answer = await this.open(name, `/api/symbol/${encodeURIComponent(name)}`, null);
    if (!answer) return;
    this.shown = name;
    this.chart = new SymbolChart(this.body, name, answer, (id, mark) => this.trace(id, mark));
  }

  async open(title, url, before) {
    this.clear();
    this.before = before;
    this.back.hidden = before === null;
    say(byId("drawer-title"), title);
    const word = this.body.appendChild(el("p", { class: "empty", role: "status" }, "Loading"));
    if (!this.dialog.open) this.dialog.showModal();
    byId("drawer-title").focus();
    const asked = ++this.asked;
    let answer = null;
    let why = null;
    try {
      const got = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "error" });
      answer = await got.json();
      if (!got.ok) [answer, why] = [null, answer.sentence ?? `The monitor answers ${got.status}.`];
    } catch {
      why = "The monitor does not answer.";
    }
    if (asked !== this.asked) return null;
    if (answer) word.remove();
    else {
      say(word, why);
      mark(word, "data-bad", true);
    }
    return answer;
  }

  clear() {
    this.asked++;
    this.chart?.end();
    this.chart = null;
    this.shown = null;
    this.body.replaceChildren();
  }
}
