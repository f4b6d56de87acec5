/* The web chat page: typing, files, voice, the menu and the words about the network.
   chat-line.js speaks to the server, chat-log.js shows the conversation. */
"use strict";

(function ({ line, log, outbox, recorder, words, fill, make, icon }) {
  const MOST_FILES = 10;
  const LONGEST_SECONDS = 300;
  const here = (id) => document.getElementById(id);
  const main = here("main");
  const text = here("text");
  const limitText = Number(main.dataset.limitText);
  const limitBytes = Number(main.dataset.limitMb) * 1024 * 1024;
  const framed = window.top !== window;
  const onDesktop = window.matchMedia("(hover: hover) and (pointer: fine)").matches;
  const start = takeHash() || main.dataset.start;
  let chosen = [];
  let wasOffline = false;
  let opened = false;

  /* An invitation stands behind the "#", which no server and no log on the way is told; it leaves
     the address at once, before anybody copies that. */
  function takeHash() {
    const { hash, pathname, search } = window.location;
    if (!hash.startsWith("#start=")) return "";
    window.history.replaceState(null, "", pathname + search);
    const found = hash.match(/^#start=([A-Za-z0-9_-]{1,64})$/);
    return found ? found[1] : "";
  }

  const tellPortal = (what) => { if (framed) window.parent.postMessage({ neuguong: what }, "*"); };

  // --- saying something ----------------------------------------------------------------------

  const say = (said) => line.say(said, (item) => log.addOwn(item, said.files));

  function press(value, label) {
    say({ press: value, label });
    if (onDesktop) text.focus();
  }

  function send() {
    const written = text.value.trim();
    if (written) say({ text: written });
    if (chosen.length) say({ files: chosen });
    if (!written && !chosen.length) { text.focus(); return; }
    chosen = [];
    showChosen();
    setText("");
    text.focus();
  }

  function setText(value) {
    text.value = value;
    grow();
    outbox.keepDraft(value);
  }

  function grow() {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
    const left = limitText - text.value.length;
    here("record").hidden = !recorder.supported || Boolean(text.value); // room for the words
    here("left").hidden = left > limitText / 5;
    if (left <= limitText / 5) here("left").textContent = fill(words.left, { count: left });
  }

  here("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  text.addEventListener("input", () => { grow(); outbox.keepDraft(text.value); });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || !onDesktop) return;
    if (event.isComposing || event.keyCode === 229) return; // Enter belongs to the Vietnamese typing tool
    event.preventDefault();
    send();
  });

  // --- files ---------------------------------------------------------------------------------

  function choose(files) {
    for (const file of files) {
      if (chosen.length === MOST_FILES) { log.notice(fill(words.tooMany, { count: MOST_FILES })); break; }
      if (file.size > limitBytes) log.notice(fill(words.tooLarge, { name: file.name, limit: main.dataset.limitMb }));
      else chosen.push(file);
    }
    showChosen();
    text.focus();
  }

  function showChosen() {
    const list = here("chosen");
    list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    list.replaceChildren(...chosen.map(chosenItem));
    list.hidden = !chosen.length;
  }

  function chosenItem(file, index) {
    const remove = make("button", { type: "button", class: "tool", "aria-label": fill(words.remove, { name: file.name }) }, icon("close"));
    remove.addEventListener("click", () => { chosen.splice(index, 1); showChosen(); text.focus(); });
    const face = file.type.startsWith("image/") ? make("img", { src: URL.createObjectURL(file), alt: "" }) : icon("file");
    return make("li", {}, face, make("span", {}, file.name), remove);
  }

  here("attach").addEventListener("click", () => here("files").click());
  here("files").addEventListener("change", (event) => {
    choose(event.target.files);
    event.target.value = "";
  });
  text.addEventListener("paste", (event) => {
    const pasted = event.clipboardData ? event.clipboardData.files : [];
    if (!pasted.length) return;
    event.preventDefault();
    choose(pasted);
  });

  // --- voice ---------------------------------------------------------------------------------

  function showRecording(on) {
    here("typing").hidden = on;
    here("recording").hidden = !on;
    showSeconds(0);
    (on ? here("record-send") : text).focus();
  }

  function showSeconds(seconds) {
    here("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds < LONGEST_SECONDS || here("recording").hidden) return;
    log.notice(words.longest);
    sendRecording();
  }

  async function record() {
    try {
      await recorder.start(showSeconds);
    } catch {
      log.notice(words.noMicrophone);
      return;
    }
    showRecording(true);
  }

  async function sendRecording() {
    showRecording(false);
    const file = await recorder.stop();
    if (file.size > limitBytes) log.notice(fill(words.tooLarge, { name: words.voice, limit: main.dataset.limitMb }));
    else say({ files: [file], voice: true });
  }

  function cancelRecording() {
    recorder.cancel();
    showRecording(false);
  }

  here("record").addEventListener("click", record);
  here("record-send").addEventListener("click", sendRecording);
  here("record-cancel").addEventListener("click", cancelRecording);

  // --- menu, language, erasing ---------------------------------------------------------------

  const menu = here("menu");

  function closeMenu(focus) {
    menu.open = false;
    if (focus) menu.querySelector("summary").focus();
  }

  for (const button of menu.querySelectorAll("[data-say]")) {
    button.addEventListener("click", () => {
      closeMenu();
      say({ text: button.dataset.say });
      if (onDesktop) text.focus();
    });
  }
  here("erase").addEventListener("click", () => { closeMenu(); askErase(); });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) closeMenu(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || here("erase-dialog").open) return;
    if (menu.open) closeMenu(true);
    else if (!here("recording").hidden) cancelRecording();
    else tellPortal("close");
  });

  function askErase() {
    const dialog = here("erase-dialog");
    if (dialog.showModal) { dialog.returnValue = "keep"; dialog.showModal(); }
    else if (window.confirm(words.eraseTitle)) erase();
  }

  here("erase-dialog").addEventListener("close", (event) => {
    if (event.target.returnValue === "erase") erase();
    else text.focus();
  });

  async function erase() {
    try {
      await line.erase();
    } catch {
      log.notice(words.eraseFailed);
      return;
    }
    showErased();
  }

  function showErased() {
    chosen = [];
    showChosen();
    setText("");
    log.clear();
    const again = make("button", { type: "button", class: "button" }, words.again);
    again.addEventListener("click", () => { again.disabled = true; say({ text: "/start" }); text.focus(); });
    log.notice(words.erased, again);
    text.focus();
  }

  // --- what the line tells -------------------------------------------------------------------

  function showState(state) {
    here("state").className = state;
    here("state").textContent = words[state];
    const network = here("network");
    if (state === "offline") {
      wasOffline = true;
      network.className = "chat-network";
      network.textContent = words.offlineLong;
      network.hidden = false;
    } else if (state === "online" && wasOffline) {
      wasOffline = false;
      network.className = "chat-network back";
      network.textContent = words.back;
      setTimeout(() => { if (!wasOffline) network.hidden = true; }, 5000);
    }
    if (state === "online") greet();
  }

  const told = new Set(); // each warning of the server once

  function showWarning(warning) {
    if (told.has(warning)) return;
    told.add(warning);
    log.notice(warning);
  }

  function showItem(item, state, detail) {
    log.delivery(item.id, state, detail);
    if (state === "sent") log.startWriting();
    if (state === "failed") {
      log.notice(detail.lost ? words.lost : detail.message || words.refused);
      if (item.text && !text.value && !item.text.startsWith("/")) setText(item.text);
    } else if (detail.message) {
      showWarning(detail.message);
    }
  }

  function showRefused() {
    tellPortal("refused");
    here("composer").hidden = true;
    here("state").textContent = "";
    const address = framed ? `/chat${start ? `#start=${start}` : ""}` : "/";
    const way = make("a", { class: "button", href: address, target: framed ? "_blank" : null, rel: "noopener" },
      framed ? words.openTab : words.form);
    log.notice(framed ? words.cookiesFramed : words.cookies, way);
  }

  /* The person has chosen another language and the bot now answers in it: take the page in it too. */
  function followLanguage({ from, lang }) {
    if (!opened || from !== "bot" || !lang || lang === document.documentElement.lang) return;
    if (!outbox.items().length && !chosen.length) window.location.replace(`/chat?lang=${lang}`);
  }

  // --- opening -------------------------------------------------------------------------------

  /* iOS leaves 100dvh behind its keyboard; Android shrinks it by itself. */
  function fit() {
    document.documentElement.style.setProperty("--seen-height", `${window.visualViewport.height}px`);
    window.scrollTo(0, 0);
  }

  /* An empty conversation begins by itself, once the server is there. */
  function greet() {
    if (opened && line.online() && log.empty()) say({ text: "/start" });
  }

  async function showUnsent() {
    for (const item of outbox.items()) log.addOwn(item, item.names ? await outbox.filesOf(item.id) : null);
  }

  async function open() {
    here("composer").hidden = false;
    menu.hidden = false;
    if (framed) here("home").target = "_blank";
    log.open(press);
    setText(outbox.draft());
    if (start) {
      outbox.add({ text: `/start ${start}` });
      window.history.replaceState(null, "", "/chat"); // a reload does not begin again
    }
    await showUnsent();
    await line.open({
      message: (fresh) => { log.add(fresh); followLanguage(fresh); },
      item: showItem, state: showState, erased: showErased, refused: showRefused, warning: showWarning,
    }, main.dataset.worker);
    opened = true;
    log.live();
    greet();
    // A link opened over the open page changes the hash alone and loads nothing.
    window.addEventListener("hashchange", () => {
      const again = takeHash();
      if (again) say({ text: `/start ${again}` });
    });
    if (window.visualViewport) window.visualViewport.addEventListener("resize", fit);
    if (onDesktop && !framed) text.focus();
    tellPortal("ready");
  }

  open();
})(window.neuguong);
