/* What the person has said and the server has not yet confirmed: kept on the device, in order.

   Words live in localStorage (one key per item, so that two tabs never overwrite each other),
   files in IndexedDB. Where a browser refuses either, memory stands in until the tab closes. */
"use strict";

(function (neuguong) {
  const PREFIX = "neuguong-out-";
  const memory = new Map();
  const held = new Map(); // id -> File[] of this tab

  const shelf = (() => {
    try {
      localStorage.setItem("neuguong-try", "1");
      localStorage.removeItem("neuguong-try");
      return localStorage;
    } catch {
      return {
        get length() { return memory.size; },
        key: (index) => Array.from(memory.keys())[index],
        getItem: (key) => (memory.has(key) ? memory.get(key) : null),
        setItem: (key, value) => void memory.set(key, value),
        removeItem: (key) => void memory.delete(key),
      };
    }
  })();

  function keep(key, value) {
    try {
      shelf.setItem(key, value);
    } catch { /* full: the item still lives in this tab */
      memory.set(key, value);
    }
  }

  function files(mode, work) {
    return new Promise((resolve) => {
      let opening;
      try { opening = indexedDB.open("neuguong", 1); } catch { resolve(undefined); return; }
      opening.onupgradeneeded = () => opening.result.createObjectStore("files");
      opening.onerror = opening.onblocked = () => resolve(undefined);
      opening.onsuccess = () => {
        const base = opening.result;
        const turn = base.transaction("files", mode);
        const request = work(turn.objectStore("files"));
        const done = (value) => { base.close(); resolve(value); };
        turn.oncomplete = () => done(request.result);
        turn.onerror = turn.onabort = () => done(undefined);
      };
    });
  }

  /* A version 4 UUID; crypto.randomUUID itself is missing on plain http. */
  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  let lastAt = 0;

  neuguong.outbox = {
    /* `said` is {text} or {press, label} or {files, voice}; the item comes back with id and at. */
    add(said) {
      lastAt = Math.max(Date.now(), lastAt + 1);
      const item = { id: newId(), at: lastAt, ...said, files: undefined };
      if (said.files) {
        held.set(item.id, said.files);
        item.names = said.files.map((file) => ({ name: file.name, type: file.type, size: file.size }));
      }
      keep(PREFIX + String(lastAt).padStart(16, "0") + item.id, JSON.stringify(item));
      if (said.files) files("readwrite", (store) => store.put(said.files, item.id));
      return item;
    },

    /* Oldest first. */
    items() {
      const keys = new Set(memory.keys());
      for (let i = 0; i < shelf.length; i += 1) keys.add(shelf.key(i));
      return Array.from(keys).filter((key) => key.startsWith(PREFIX)).sort()
        .map((key) => JSON.parse(memory.get(key) || shelf.getItem(key)));
    },

    /* The files of an item, or null when the browser has lost them. */
    async filesOf(id) {
      return held.get(id) || (await files("readonly", (store) => store.get(id))) || null;
    },

    remove(id) {
      for (const item of this.items()) {
        if (item.id !== id) continue;
        const key = PREFIX + String(item.at).padStart(16, "0") + id;
        memory.delete(key);
        shelf.removeItem(key);
        if (item.names) files("readwrite", (store) => store.delete(id));
      }
      held.delete(id);
    },

    clear() {
      this.items().forEach((item) => this.remove(item.id));
      this.keepDraft("");
    },

    /* The words being typed, so that a reload or a call coming in loses nothing. */
    keepDraft(text) {
      if (text) keep("neuguong-draft", text);
      else shelf.removeItem("neuguong-draft");
    },
    draft: () => shelf.getItem("neuguong-draft") || "",
  };
})(window.neuguong = window.neuguong || {});
