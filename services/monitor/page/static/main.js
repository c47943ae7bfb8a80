// The page: what the stream says is shown, and by this browser's own clock for how long it has said nothing.

import { Acts } from "./acts.js";
import { byId, say } from "./dom.js";
import { Drawer } from "./drawer.js";
import { age } from "./format.js";
import { follow } from "./tabs.js";
import { View, modeOf } from "./view.js";

const SILENT_MS = 1900; // beats come twice a second; what is said must be said within two seconds
const SOON_MS = 5000;

const csrf = document.querySelector("meta[name=csrf]");
const drawer = new Drawer();
const acts = new Acts(() => csrf.content);
const view = new View(drawer, acts);

const now = () => performance.now();
let newest = null; // the last view
let viewAt = 0; // when it came
let heardAt = null; // when anything came
let stale = []; // what the server calls stale
let lost = false;
let signedOut = false;
let since = now();
let silence = null;

function take({ kind, text }) {
  if (kind === "view" || kind === "beat") {
    const told = JSON.parse(text);
    heardAt = now();
    lost = signedOut = false;
    stale = told.stale ?? [];
    clearTimeout(silence);
    silence = setTimeout(show, SILENT_MS);
    if (kind === "view") [newest, viewAt] = [told, heardAt];
  } else if (kind === "csrf") csrf.content = text;
  else if (kind === "lost") lost = true;
  else if (kind === "signed-out") signedOut = true;
  else if (kind === "hidden") {
    // What is there when the tab is shown again is old until something has come.
    heardAt = null;
    lost = false;
    since = now();
  }
  show();
}

/** The state, and one sentence about it where it is not live. */
function state() {
  if (signedOut) return ["disconnected", "Signed out: the monitor was started anew, or your session is over."];
  const connected = heardAt !== null && !lost && now() - heardAt < SILENT_MS;
  if (!connected && (heardAt !== null || lost || now() - since > SOON_MS)) {
    return ["disconnected", "Disconnected: the monitor does not answer. What is shown is old; it is tried again."];
  }
  if (!connected) return newest ? ["stale", "Connecting again. What is shown is old."] : ["loading", ""];
  if (stale.length) return ["stale", stale.map(({ sentence }) => sentence).join(" ")];
  return newest ? ["live", ""] : ["loading", ""];
}

const NAMES = { loading: "Loading", live: "Live", stale: "Stale", disconnected: "Disconnected" };

function show() {
  const [name, sentence] = state();
  document.body.dataset.state = name;
  say(byId("state"), NAMES[name]);
  const quiet = heardAt === null ? null : (now() - heardAt) / 1000;
  say(byId("heard"), name === "disconnected" && quiet !== null ? `last word ${age(quiet)} ago` : name === "loading" ? "no figures yet" : "");
  notice(sentence);
  if (newest) view.show(newest, (now() - viewAt) / 1000, name);
  const mode = newest ? modeOf(newest) : "";
  const standing = (newest?.alerts ?? []).filter(({ over }) => !over).length;
  const called = standing ? `${standing} ${standing === 1 ? "alert" : "alerts"}` : "";
  document.title = [called, name === "live" ? "" : NAMES[name], mode, "Tickline"].filter(Boolean).join(" · ");
}

function notice(sentence) {
  const node = byId("notice");
  if (node.dataset.said === sentence) return;
  node.dataset.said = sentence;
  say(node, sentence);
  say(byId("drawer-notice"), sentence); // it covers the other one
  if (!signedOut) return;
  const link = document.createElement("a");
  link.href = "/login";
  link.textContent = "Sign in";
  node.append(" ", link);
}

byId("logout").addEventListener("click", async () => {
  try {
    await fetch("/logout", { method: "POST", headers: { "X-CSRF": csrf.content }, redirect: "manual" });
  } finally {
    location.assign("/login");
  }
});

follow(take);
setInterval(() => document.visibilityState === "visible" && show(), 500);
show();
