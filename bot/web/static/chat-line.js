/* The line between the chat page and the server: session, messages down, the outbox up.

   Down: one GET catches up, then server-sent events; where a proxy blocks those, polling. Up: the
   outbox, strictly in order, each item repeated under its own id until the server has it.
   Nothing here touches the page; `on` tells it what happened:
     message(m) · erased() · state("connecting" | "online" | "offline") · refused()
     item(item, "sending" | "sent" | "waiting" | "failed", {message, percent, lost})
     warning(words): the server's own words when it will not begin just now */
"use strict";

(function (neuguong) {
  const POLL_MS = 3000;
  const POLL_CALM_MS = 12000;
  const QUIET_MS = 60000; // after so long a silence we look whether the stream still brings what there is
  const STREAM_PAUSE_MS = 300000;
  const outbox = neuguong.outbox;
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  let on;
  let workerUrl;
  let last = 0;
  let seen = new Set();
  let source = null;
  let streamFaults = 0;
  let streamAgainAt = 0;
  let lively = 0; // when anything last went either way
  let timer = 0;
  let retries = 0;
  let sendFaults = 0;
  let pumping = false;
  let state = "";
  let generation = 0; // rises when the conversation is erased: late answers are then dropped

  class Refused extends Error {}
  class Unreachable extends Error {
    constructor(what, words) {
      super(what);
      this.words = words;
    }
  }

  function tell(next) {
    if (state !== next) on.state((state = next));
  }

  // --- session -------------------------------------------------------------------------------

  async function reach(path, options = {}) {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), 30000);
    try {
      return await fetch(path, { credentials: "same-origin", cache: "no-store", signal: stop.signal, ...options,
        headers: { Accept: "application/json", ...options.headers } });
    } catch {
      throw new Unreachable(path);
    } finally {
      clearTimeout(limit);
    }
  }

  const asJson = (body) => ({
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });

  function work(challenge) {
    return new Promise((resolve, reject) => {
      const worker = new Worker(workerUrl);
      worker.onmessage = ({ data }) => {
        worker.terminate();
        if (data.payload) resolve(data.payload);
        else reject(new Error(data.error));
      };
      worker.onerror = () => reject(new Unreachable("worker"));
      worker.postMessage(challenge);
    });
  }

  const wordsOf = async (answer) => (await answer.json().catch(() => ({}))).message;

  let proving = null;

  /* Several calls may find at once that there is no session: they share one proof. */
  function prove() {
    proving = proving || (async () => {
      const asked = await reach("/chat/challenge");
      if (!asked.ok) throw new Unreachable("challenge", await wordsOf(asked));
      const altcha = await work(await asked.json());
      const answer = await reach("/chat/session", asJson({ altcha, framed: window.top !== window }));
      if (!answer.ok) throw new Unreachable("session", await wordsOf(answer));
    })().finally(() => { proving = null; });
    return proving;
  }

  async function ask(path, options) {
    let answer = await reach(path, options);
    if (answer.status === 401) {
      await prove();
      answer = await reach(path, options);
      if (answer.status === 401) throw new Refused("cookie"); // the browser keeps no cookie for us
    }
    return answer;
  }

  // --- down ----------------------------------------------------------------------------------

  function take(message) {
    if (seen.has(message.seq)) return false;
    seen.add(message.seq);
    last = Math.max(last, message.seq);
    lively = Date.now();
    if (message.echo) outbox.remove(message.echo);
    on.message(message);
    return true;
  }

  /* Returns how many messages were new; the server gives a long conversation in several parts. */
  async function catchUp() {
    const begun = generation;
    for (let found = 0; ; ) {
      const answer = await ask(`/chat/messages?after=${last}`);
      if (!answer.ok) throw new Unreachable(String(answer.status));
      const { messages } = await answer.json();
      const fresh = begun === generation ? messages.filter(take).length : 0;
      found += fresh;
      if (!fresh) return found;
    }
  }

  function later(ms, work) {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  }

  function closeStream() {
    if (source) source.close();
    source = null;
  }

  async function resume() {
    closeStream();
    clearTimeout(timer);
    try {
      await catchUp();
    } catch (fault) {
      if (fault instanceof Refused) { on.refused(); return; }
      if (fault.words) on.warning(fault.words);
      else tell("offline");
      retries += 1;
      later(Math.min(30000, 1000 * 2 ** Math.min(retries, 5)) * (0.7 + 0.6 * Math.random()), resume);
      return;
    }
    retries = 0;
    tell("online");
    pump();
    listen();
  }

  function listen() {
    if (!window.EventSource || Date.now() < streamAgainAt) { poll(); return; }
    let opened = false;
    const mine = (source = new EventSource(`/chat/stream?after=${last}`));
    const alive = () => { streamFaults = 0; later(QUIET_MS, lookAgain); };
    mine.onopen = () => { opened = true; };
    mine.addEventListener("message", (event) => { alive(); take(JSON.parse(event.data)); });
    mine.addEventListener("erased", () => { forget(); on.erased(); });
    mine.addEventListener("elsewhere", () => { if (mine === source) giveWay(); });
    mine.onerror = () => {
      if (mine !== source) return;
      if (!opened) blameStream();
      later(opened ? 300 : 1500, resume);
      closeStream();
    };
    later(QUIET_MS, lookAgain);
  }

  /* Too many pages show this conversation: this one asks at intervals, and not at all unseen. */
  function giveWay() {
    closeStream();
    streamAgainAt = Date.now() + STREAM_PAUSE_MS;
    if (document.hidden) clearTimeout(timer);
    else poll();
  }

  /* Three faults in a row and we poll for a while: some office proxies hold event streams back. */
  function blameStream() {
    streamFaults += 1;
    if (streamFaults < 3) return;
    streamFaults = 0;
    streamAgainAt = Date.now() + STREAM_PAUSE_MS;
  }

  function poll() {
    const calm = document.hidden || Date.now() - lively > 60000;
    later(calm ? POLL_CALM_MS : POLL_MS, resume);
  }

  /* A message that a catch-up finds and the stream did not bring: the stream is dead or held back. */
  async function lookAgain() {
    const found = await catchUp().catch(() => -1);
    if (found > 0) blameStream();
    if (found) resume();
    else later(QUIET_MS, lookAgain);
  }

  async function checkStream() {
    await wait(4000);
    if (source && Date.now() - lively >= 4000) await lookAgain();
  }

  // --- up ------------------------------------------------------------------------------------

  async function pump() {
    if (pumping) return;
    pumping = true;
    try {
      for (let item; (item = outbox.items()[0]); ) {
        if (!(await deliver(item))) break;
      }
    } finally {
      pumping = false;
    }
  }

  /* True when the item is settled, either way; false when it has to wait. */
  async function deliver(item) {
    on.item(item, "sending", {});
    let answer;
    try {
      answer = item.names ? await upload(item) : await ask("/chat/messages", asJson(bodyOf(item)));
    } catch {
      return postpone(item, 0); // and resume() finds out why
    }
    if (!answer) return settle(item, "failed", { lost: true });
    if (answer.ok) return settle(item, "sent", {});
    const { message, retry_after: seconds } = await answer.json().catch(() => ({}));
    if (answer.status === 429) return postpone(item, seconds || 10, message);
    if (answer.status >= 500 || answer.status === 408) return postpone(item, 5);
    return settle(item, "failed", { message });
  }

  const bodyOf = ({ id, text, press, label }) => (press ? { id, press, label } : { id, text });

  function settle(item, outcome, detail) {
    outbox.remove(item.id);
    sendFaults = 0;
    lively = Date.now();
    on.item(item, outcome, detail);
    if (outcome === "sent") checkStream();
    return true;
  }

  /* Without `seconds` the line itself broke: look whether it is back, ever more slowly. */
  function postpone(item, seconds, message) {
    for (const other of outbox.items()) on.item(other, "waiting", other.id === item.id ? { message } : {});
    sendFaults += 1;
    if (seconds) setTimeout(pump, seconds * 1000);
    else later(sendFaults === 1 ? 0 : Math.min(30000, 500 * 2 ** Math.min(sendFaults, 6)), resume);
    return false;
  }

  async function upload(item) {
    const files = await outbox.filesOf(item.id);
    if (!files) return null;
    const form = new FormData();
    form.append("id", item.id);
    if (item.voice) form.append("voice", "1");
    files.forEach((file) => form.append("files", file, file.name));
    const answer = await push(item, form);
    if (answer.status !== 401) return answer;
    await prove();
    return push(item, form);
  }

  /* XMLHttpRequest, because fetch cannot tell how far an upload has come. */
  function push(item, form) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", "/chat/messages");
      request.setRequestHeader("Accept", "application/json");
      request.timeout = 600000;
      request.upload.onprogress = ({ loaded, total }) => {
        if (total) on.item(item, "sending", { percent: Math.floor((100 * loaded) / total) });
      };
      request.onload = () => resolve(new Response(request.responseText || null, { status: request.status }));
      request.onerror = request.ontimeout = request.onabort = () => reject(new Unreachable("upload"));
      request.send(form);
    });
  }

  function forget() {
    generation += 1;
    outbox.clear();
    last = 0;
    seen = new Set();
  }

  // --- what the page uses --------------------------------------------------------------------

  neuguong.line = {
    async open(handlers, worker) {
      on = handlers;
      workerUrl = worker;
      tell("connecting");
      window.addEventListener("online", resume);
      window.addEventListener("offline", () => { closeStream(); tell("offline"); later(5000, resume); });
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden && state && (!source || source.readyState !== 1)) resume();
      });
      await resume();
      return last;
    },

    /* `show` is called with the outbox item before anything is sent. */
    say(said, show) {
      const item = outbox.add(said);
      lively = Date.now();
      show(item);
      pump();
    },

    /* Throws when the server could not be reached: the conversation is then still there. */
    async erase() {
      closeStream(); // it would bring our own "erased" back, perhaps after the next conversation began
      try {
        const answer = await ask("/chat/erase", { method: "POST" });
        if (!answer.ok) throw new Unreachable(String(answer.status));
        forget();
      } finally {
        later(0, resume);
      }
    },

    online: () => state === "online",
  };
})(window.neuguong = window.neuguong || {});
