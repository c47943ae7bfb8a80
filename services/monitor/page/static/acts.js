// What a person may do from here: each act by a typed word, and each answer as it came.

import { byId, el, keyed, mark, say } from "./dom.js";

const ANSWER_MS = 12000; // the server itself waits for a gateway that has begun

// In the order in which one needs them; `command` is what does the same where the monitor is away.
const ACTS = [
  { name: "halt", title: "Halt", what: "Stops all sending. Positions and their stops stay.", command: "tickline halt" },
  { name: "disarm", title: "Disarm", what: "Nothing adds exposure any more; closing goes on.", command: "tickline disarm" },
  { name: "reduce-only", title: "Reduce only", what: "Latches the account: it may only reduce until a person resumes it.", command: "tickline disarm" },
  { name: "cancel-all", title: "Cancel all", what: "Cancels all open orders of this account; stops stay.", command: "tickline halt --cancel" },
  { name: "flatten", title: "Flatten", what: "Halts, and closes every position at the market.", command: "tickline halt --flatten" },
];

/** This class shows the acts, asks for the word, sends, and shows the answer. */
export class Acts {
  constructor(token) {
    this.token = token;
    this.told = {};
    this.dialog = byId("confirm");
    this.word = byId("confirm-word");
    this.go = byId("confirm-do");
    byId("confirm-cancel").addEventListener("click", () => this.dialog.close());
    byId("confirm-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.word.addEventListener("input", () => this.check());
  }

  /** `told` says of each act whether it can be done, else why not. */
  show(told) {
    this.told = told;
    const reasons = new Set(ACTS.map((act) => this.reason(act)));
    this.common = reasons.size === 1 ? [...reasons][0] : null;
    say(byId("acts-why"), this.common ?? "");
    keyed(byId("acts"), ACTS, ({ name }) => name, (act) => this.row(act));
  }

  row(act) {
    const button = el("button", { type: "button", class: `act ${act.name}`, "aria-describedby": `why-${act.name}` }, act.title);
    const why = el("span", { id: `why-${act.name}`, class: "why" });
    button.addEventListener("click", () => this.can(act) && this.ask(act));
    return {
      node: el("li", {}, button, why),
      update: () => {
        // Not `disabled`: who comes by keyboard must hear the reason, too.
        mark(button, "aria-disabled", !this.can(act) && "true");
        say(why, this.reason(act) ?? this.told[act.name].what ?? act.what);
        why.hidden = this.common !== null; // it describes its button all the same
      },
    };
  }

  /** Why an act cannot be done; null where it can. */
  reason(act) {
    return this.can(act) ? null : (this.told[act.name]?.why_not ?? "The monitor does not say that this can be done.");
  }

  can({ name }) {
    return this.told[name]?.enabled === true;
  }

  ask(act) {
    this.act = act;
    this.needed = this.told[act.name].confirm ?? act.name;
    say(byId("confirm-title"), act.title);
    say(byId("confirm-what"), this.told[act.name].what ?? act.what);
    say(this.dialog.querySelector("label"), `Type ${this.needed} to confirm`);
    say(this.go, act.title);
    say(byId("confirm-cancel"), "Cancel");
    this.answer("", null);
    this.word.value = "";
    byId("confirm-ask").hidden = this.go.hidden = false;
    this.check();
    this.dialog.showModal();
    this.word.focus();
  }

  check() {
    this.go.disabled = this.word.value.trim() !== this.needed;
  }

  async send() {
    if (this.go.disabled) return;
    this.go.disabled = true;
    const { name, title, command } = this.act;
    this.answer(`${title}: sent; no answer yet.`, null);
    try {
      const got = await fetch(`/acts/${name}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF": this.token() },
        body: JSON.stringify({ confirm: this.word.value.trim() }),
        signal: AbortSignal.timeout(ANSWER_MS),
        redirect: "error",
      });
      const answer = await got.json();
      this.answer(answer.sentence ?? `The monitor answers ${got.status}.`, answer.command ?? null, got.ok && answer.done);
    } catch {
      this.answer("The monitor gave no answer, so nobody knows whether it was done. Type this where the line runs:", command, false);
    }
    byId("confirm-ask").hidden = this.go.hidden = true;
    say(byId("confirm-cancel"), "Close");
    byId("confirm-cancel").focus();
  }

  answer(sentence, command, done = null) {
    say(byId("confirm-answer"), sentence);
    mark(byId("confirm-answer"), "data-bad", done === false);
    byId("confirm-command").hidden = command === null;
    say(byId("confirm-command"), command ?? "");
  }
}
