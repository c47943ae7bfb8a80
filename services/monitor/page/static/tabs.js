// All visible tabs share one stream: a browser has six connections a host, and an act must find one free.
//
// The tab that holds the lock has the stream, and tells the others. A hidden tab lets go, and the next one takes over.

import { connect } from "./stream.js";

const NAME = "tickline-stream";

/** Hands on every event of the shared stream while this tab is visible; `hidden` when it is not any more. */
export function follow(take) {
  const channel = new BroadcastChannel(NAME);
  let wanted = null; // what gives up this tab's part in it, while it is visible
  let newest = null; // the last view, as the tab with the stream has it

  channel.onmessage = ({ data }) => {
    if (data.kind === "newest?") {
      if (newest) channel.postMessage(newest);
    } else if (wanted) take(data);
  };

  function hold() {
    newest = null;
    // A tab that was open before the monitor was started anew learns this one's token.
    channel.postMessage({ kind: "csrf", text: document.querySelector("meta[name=csrf]").content });
    return connect((event) => {
      if (event.kind === "view") newest = event;
      take(event);
      channel.postMessage(event);
      if (event.kind === "signed-out") leave();
    });
  }

  // Whoever signs in again, in whatever tab, must find the lock free; this tab goes on with what that one tells.
  function leave() {
    wanted?.();
    wanted = () => {};
  }

  function begin() {
    if (wanted) return;
    if (!navigator.locks) {
      // Only https and localhost have locks; elsewhere each tab has a stream of its own.
      wanted = hold();
      return;
    }
    const gone = new AbortController();
    let letGo = () => {};
    wanted = () => {
      gone.abort();
      letGo();
      newest = null;
    };
    channel.postMessage({ kind: "newest?" });
    const held = () =>
      new Promise((resolve) => {
        const close = hold();
        letGo = () => {
          close();
          resolve();
        };
      });
    navigator.locks.request(NAME, { signal: gone.signal }, held).catch((error) => {
      if (error.name !== "AbortError") throw error;
    });
  }

  function end() {
    wanted?.();
    wanted = null;
    take({ kind: "hidden" });
  }

  const look = () => (document.visibilityState === "hidden" ? end() : begin());
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", end);
  addEventListener("pageshow", look);
  look();
}
