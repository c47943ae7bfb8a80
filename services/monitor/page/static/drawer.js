// What opens over the page: a trace in its steps, a symbol with its prices, decisions and fills.

import { byId, el, mark, say } from "./dom.js";
import { clock } from "./format.js";
import { SymbolChart } from "./symbol.js";

const ANSWER_MS = 10000;
const AGAIN_MS = 2000; // what is open is asked for again, after a commit: ten open tabs are within what the server answers

/** This class shows one thing at a time; a trace that was opened out of a symbol leads back to it. */
export class Drawer {
  constructor() {
    this.dialog = byId("drawer");
    this.body = byId("drawer-body");
    this.back = byId("drawer-back");
    this.asked = 0;
    this.askedAt = 0;
    this.before = null;
    this.soon = null;
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
    const answer = await this.open(name, symbolUrl(name), null);
    if (!answer) return;
    this.shown = name;
    this.chart = new SymbolChart(this.body, name, (id, mark) => this.trace(id, mark));
    this.chart.show(answer);
    this.renew();
  }

  /** Says that there was a commit: an open symbol follows. */
  committed() {
    this.old = true;
    this.renew();
  }

  renew() {
    if (!this.shown || !this.old || this.soon !== null) return;
    this.soon = setTimeout(() => this.follow(this.shown), Math.max(0, this.askedAt + AGAIN_MS - performance.now()));
  }

  async follow(name) {
    const asked = this.asked;
    this.old = false;
    this.askedAt = performance.now();
    const [answer, why] = await answered(symbolUrl(name));
    if (asked !== this.asked) return;
    this.soon = null;
    this.word.hidden = answer !== null;
    say(this.word, answer ? "" : `What is shown is old. ${why}`);
    mark(this.word, "data-bad", !answer);
    if (answer) this.chart.show(answer);
    else this.old = true; // it is asked again with the next commit
  }

  async open(title, url, before) {
    this.clear();
    this.before = before;
    this.back.hidden = before === null;
    say(byId("drawer-title"), title);
    this.word = this.body.appendChild(el("p", { class: "empty", role: "status" }, "Loading"));
    if (!this.dialog.open) this.dialog.showModal();
    byId("drawer-title").focus();
    const asked = ++this.asked;
    this.old = false;
    this.askedAt = performance.now();
    const [answer, why] = await answered(url);
    if (asked !== this.asked) return null;
    this.word.hidden = answer !== null;
    say(this.word, why ?? "");
    mark(this.word, "data-bad", why !== null);
    return answer;
  }

  clear() {
    this.asked++;
    this.chart?.end();
    this.chart = null;
    this.shown = null;
    clearTimeout(this.soon);
    this.soon = null;
    this.body.replaceChildren();
  }
}

const symbolUrl = (name) => `/api/symbol/${encodeURIComponent(name)}`;

/** Returns `[answer, null]`, or `[null, why]` in a sentence. */
async function answered(url) {
  try {
    const got = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "error" });
    const answer = await got.json();
    return got.ok ? [answer, null] : [null, answer.sentence ?? `The monitor answers ${got.status}.`];
  } catch {
    return [null, "The monitor does not answer."];
  }
}
