// One stream of the server's events, opened again whenever it is lost.

const SHORTEST_MS = 300;
const LONGEST_MS = 3000;
const SILENT_MS = 8000; // a connection without a beat for so long is dead, whatever the browser thinks
const ANSWER_MS = 4000;

/**
 * Opens the stream and hands on `{ kind, text }`: `view` and `beat` with their JSON, `lost`, `csrf` with a fresh token,
 * `signed-out` where the server does not know this browser any more. Returns what closes it.
 */
export function connect(emit) {
  let source = null;
  let waiting = null;
  let silent = null;
  let pause = SHORTEST_MS;
  let closed = false;

  function begin() {
    source = new EventSource("/events");
    heard();
    for (const kind of ["view", "beat"]) {
      source.addEventListener(kind, ({ data }) => {
        heard();
        pause = SHORTEST_MS;
        emit({ kind, text: data });
      });
    }
    source.addEventListener("error", lost);
  }

  function heard() {
    clearTimeout(silent);
    silent = setTimeout(lost, SILENT_MS);
  }

  function lost() {
    end();
    emit({ kind: "lost" });
    later();
  }

  function later() {
    waiting = setTimeout(again, pause);
    pause = Math.min(2 * pause, LONGEST_MS);
  }

  // The page itself says more than a stream that fails: whether anyone is there, and whether we are still signed in.
  async function again() {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const answer = await fetch("/", { redirect: "manual", cache: "no-store", signal });
      if (closed) return;
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        emit({ kind: "signed-out" });
        return;
      }
      if (!answer.ok) throw new Error(`${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (closed) return;
      emit({ kind: "csrf", text: page.querySelector("meta[name=csrf]")?.content ?? "" });
      begin();
    } catch {
      if (!closed) later();
    }
  }

  function end() {
    source?.close();
    source = null;
    clearTimeout(silent);
    clearTimeout(waiting);
  }

  begin();
  return () => {
    closed = true;
    end();
  };
}
