// The line as the README draws it: boxes with their owners and restarts, arrows with rate, lag and age.

import { el, keyed, mark, say } from "./dom.js";
import { age, rate } from "./format.js";

const BOXES = ["ingestor", "signal", "strategy", "gateway"];
const BETWEEN = { signal: ["ticks"], strategy: ["features", "predictions"], gateway: ["decisions", "orders"] };
const FEW = 1000; // messages behind, from which a lag stands out
const LONGEST = 12; // characters of a replica's id
const SHOWN = 8;

/** This class draws the line once, and then says what is new. */
export class Line {
  constructor(parent) {
    this.boxes = new Map();
    this.arrows = new Map();
    const parts = [end("market"), this.arrow("to-ingestor", ["feed"])];
    for (const name of BOXES) {
      if (BETWEEN[name]) parts.push(this.arrow(`to-${name}`, BETWEEN[name]));
      parts.push(this.box(name));
    }
    parts.push(this.arrow("to-venue", ["exchange"]), end("venue"), this.arrow("back", ["executions"]));
    this.beside = el("ul", { class: "beside" });
    this.nothing = el("p", { class: "empty" }, "No service has shown itself yet.");
    parent.append(el("ol", { class: "line" }, ...parts), this.beside, this.nothing);
  }

  show({ line, arrows, ages }, elapsed_s) {
    const services = new Map((line ?? []).map((service) => [service.service, service]));
    for (const [name, show] of this.boxes) show(services.get(name) ?? null);
    const streams = new Map((arrows ?? []).map((arrow) => [arrow.stream, arrow]));
    streams.set("feed", { stream: "feed", age_s: ages?.feed_s });
    streams.set("exchange", { stream: "exchange", age_s: ages?.exchange_s });
    for (const [name, show] of this.arrows) show(streams.get(name) ?? { stream: name }, elapsed_s);
    const others = (line ?? []).filter(({ service }) => !BOXES.includes(service));
    keyed(this.beside, others, ({ service }) => service, box);
    this.nothing.hidden = services.size > 0;
  }

  box(name) {
    const { node, update } = box();
    node.classList.add(name);
    this.boxes.set(name, (service) => update(service ?? { service: name, owners: [], up: null }));
    return node;
  }

  arrow(kind, streams) {
    const list = streams.map((name) => {
      const words = el("span", { class: "words" });
      const figures = el("span", { class: "numbers" });
      const node = el("div", { class: "stream" }, words, figures);
      this.arrows.set(name, ({ per_second, lag, age_s }, elapsed_s) => {
        say(words, name);
        const told = [
          per_second == null ? null : rate(per_second),
          lag == null ? null : `lag ${lag}`,
          age_s == null ? null : `${age(age_s + elapsed_s)} ago`,
        ].filter((it) => it !== null);
        say(figures, told.map((it) => it.replaceAll(" ", "\u00a0")).join(" · ") || "nothing yet");
        mark(node, "data-lag", lag >= FEW ? "much" : null);
      });
      return node;
    });
    return el("li", { class: `arrow ${kind}` }, ...list);
  }
}

function end(name) {
  return el("li", { class: `box end ${name}` }, el("strong", {}, name));
}

function box() {
  const name = el("strong");
  const state = el("span", { class: "at-work" });
  const owners = el("span", { class: "owners" });
  const node = el("li", { class: "box" }, name, state, owners);
  return {
    node,
    update(service) {
      say(name, service.service);
      const up = service.up ?? (service.owners?.length ? true : null);
      mark(owners, "title", (service.owners ?? []).map(({ replica }) => replica).join("; ") || null);
      mark(node, "data-up", up === null ? "unknown" : String(up));
      say(state, up === null ? "not seen" : up ? "at work" : "away");
      // A recorder owns no partition, and says of none.
      say(owners, service.owners ? service.owners.map(told).join("; ") || "no owner" : "");
    },
  };
}

function told({ replica, partitions, restarts }) {
  const owned = partitions == null ? "" : ` owns ${ranges(partitions)}`;
  const again = !restarts ? "" : restarts === 1 ? ", 1 restart" : `, ${restarts} restarts`;
  return `${short(replica)}${owned}${again}`;
}

// The end of a replica's id is what tells it from others.
const short = (replica) => (replica.length > LONGEST ? `…${replica.slice(-SHOWN)}` : replica);

/** Partitions in a row are told as first–last. */
function ranges(partitions) {
  const rows = [];
  for (const p of [...partitions].sort((a, b) => a - b)) {
    const last = rows.at(-1);
    if (last && last[1] === p - 1) last[1] = p;
    else rows.push([p, p]);
  }
  return rows.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ") || "nothing";
}
