/* What the chat page shows: bubbles, choices, pictures, files, and how far each own message has come.

   Everything people wrote goes in as text nodes, never as markup. */
"use strict";

(function (neuguong) {
  const ZONE = "Asia/Ho_Chi_Minh";
  const log = document.getElementById("log");
  const newer = document.getElementById("newer");
  const more = document.getElementById("more");
  const page = document.documentElement.lang;
  const words = JSON.parse(document.getElementById("words").textContent);
  const bySeq = new Map();
  const own = new Map(); // client id -> element, until the server's copy has come
  const clock = new Intl.DateTimeFormat(page, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: ZONE });
  const calendar = new Intl.DateTimeFormat(page, { weekday: "long", day: "2-digit", month: "2-digit", year: "numeric", timeZone: ZONE });
  let onPress = () => {};
  let writing = null;
  let writingEnds = 0;
  let isLive = false;

  // --- small parts ---------------------------------------------------------------------------

  function fill(sentence, values) {
    return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") element.className = value;
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }

  const isWeb = (address) => /^(https?:\/\/|\/(?!\/))/i.test(address);

  function link(address, attributes, ...children) {
    return make("a", { href: address, target: "_blank", rel: "noopener noreferrer", ...attributes }, ...children);
  }

  /* Plain text with its web addresses made pressable and a receipt's code made to stand out;
     a closing full stop or bracket stays outside the address. */
  function paragraph(text) {
    const line = make("p");
    let from = 0;
    for (const found of text.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}'’”]|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b/g)) {
      const special = isWeb(found[0]) ? link(found[0], {}, found[0]) : make("strong", { class: "receipt-code" }, found[0]);
      line.append(text.slice(from, found.index), special);
      from = found.index + found[0].length;
    }
    line.append(text.slice(from));
    return line;
  }

  function picture({ src, alt }) {
    const image = make("img", { src, alt: alt || words.picture, loading: "lazy", decoding: "async" });
    image.addEventListener("load", () => { if (following) settle(); });
    return link(src, { "aria-label": `${alt || words.picture} (${words.newTab})` }, image);
  }

  function attachment({ name, kind, src, voice }) {
    const shown = voice ? words.voice : name;
    if (src && kind === "image") return picture({ src, alt: name });
    if (src && kind === "audio") return make("audio", { controls: true, preload: "none", src, "aria-label": shown });
    if (src && kind === "video") return make("video", { controls: true, preload: "none", src, "aria-label": shown });
    const face = [icon(kind === "audio" ? "voice" : "file"), make("span", {}, shown)];
    return src ? link(src, { class: "file" }, ...face) : make("p", { class: "file" }, ...face);
  }

  function choiceButton({ label, press, url }) {
    if (url) {
      if (!isWeb(url)) return make("span", {}, label);
      return link(url, { class: "button" }, make("span", {}, label), icon("open"),
        make("span", { class: "visually-hidden" }, ` (${words.newTab})`));
    }
    const button = make("button", { type: "button", class: "button" }, label);
    let lastPressed = 0;
    button.addEventListener("click", () => {
      if (Date.now() - lastPressed < 1000) return; // a trembling hand presses twice
      lastPressed = Date.now();
      onPress(press, label);
    });
    return button;
  }

  function choices(rows) {
    return make("div", { class: "choices" }, ...rows.map((row) => make("div", {}, ...row.map(choiceButton))));
  }

  // --- messages ------------------------------------------------------------------------------

  /* Commands are the page's business; the person sees what they did in words. */
  function spoken(text) {
    if (/^\/start(\s|$)/.test(text)) return words.started;
    if (/^\/ngonngu(\s|$)/.test(text)) return words.language;
    if (/^\/trogiup$/.test(text)) return words.help;
    if (/^\/gapcanbo$/.test(text)) return words.human;
    if (/^\/huy$/.test(text)) return words.cancel;
    return null;
  }

  function build(message) {
    const event = message.from === "me" && message.text ? spoken(message.text) : null;
    if (event) return make("p", { class: "chat-event" }, event);
    const bubble = make("div", { class: "bubble" },
      make("span", { class: "visually-hidden" }, message.from === "bot" ? words.bot : words.me));
    if (message.picture && isWeb(message.picture.src)) bubble.append(picture(message.picture));
    if (message.text) bubble.append(paragraph(message.text));
    for (const file of message.files || []) bubble.append(attachment(file));
    const foot = make("div", { class: "message-foot" }, make("time", { datetime: message.at }, clock.format(new Date(message.at))));
    const element = make("div", { class: `message ${message.from}`, lang: message.lang || null }, bubble);
    if (message.choices && message.choices.length) element.append(choices(message.choices));
    element.append(foot);
    if (message.from === "me") showDelivery(element, "sent", {});
    return element;
  }

  function showDelivery(element, state, { percent }) {
    const foot = element.querySelector(".message-foot");
    if (!foot) return;
    const old = foot.querySelector(".delivery");
    const text = percent > 0 && percent < 100 ? fill(words.percent, { percent }) : words[state];
    const fresh = make("span", { class: `delivery ${state}` }, icon(state), text);
    if (old) old.replaceWith(fresh);
    else foot.append(fresh);
    const bar = element.querySelector("progress");
    if (state !== "sending" && bar) bar.remove();
    else if (bar && percent) bar.value = percent;
    else if (percent) {
      element.querySelector(".bubble").append(make("progress", { max: 100, value: percent, "aria-label": words.sending }));
      if (following) settle();
    }
  }

  const orderOf = (element) => Number(element.dataset.seq || Infinity);

  /* By seq; what the server does not know yet stays last. */
  function place(element) {
    let next = null;
    for (let at = log.lastElementChild; at && orderOf(at) > orderOf(element); at = at.previousElementSibling) next = at;
    log.insertBefore(element, next);
    addDay(element);
    markLatest();
  }

  function addDay(element) {
    if (!element.dataset.at) return;
    const day = calendar.format(new Date(element.dataset.at));
    let before = element.previousElementSibling;
    while (before && !before.dataset.at) before = before.previousElementSibling;
    if (before && calendar.format(new Date(before.dataset.at)) === day) return;
    const shown = day === calendar.format(new Date()) ? words.today : day;
    const mark = make("p", { class: "chat-event day" }, shown);
    mark.dataset.seq = element.dataset.seq || "";
    if (!before && !element.dataset.seq) mark.dataset.seq = "0";
    log.insertBefore(mark, element);
  }

  function markLatest() {
    log.querySelectorAll(".latest").forEach((element) => element.classList.remove("latest"));
    const bots = log.querySelectorAll(".message.bot:not(.local)");
    if (bots.length) bots[bots.length - 1].classList.add("latest");
  }

  /* The new message takes the old one's place when only presses lie between them, and those go:
     what they asked for now stands there. With other words between, it comes where it belongs in time. */
  function replace(old, element) {
    const between = [];
    for (let at = old.nextElementSibling; at; at = at.nextElementSibling) between.push(at);
    const hadFocus = old.contains(document.activeElement);
    const onlyPresses = between.every((at) => at.dataset.press || (at === writing));
    bySeq.delete(Number(old.dataset.seq));
    if (onlyPresses) {
      between.filter((at) => at.dataset.press && at.dataset.seq).forEach((at) => at.remove());
      old.replaceWith(element);
      markLatest();
    } else {
      old.remove();
      place(element);
    }
    if (hadFocus) log.focus({ preventScroll: true }); // not lost with the button that was pressed
  }

  // --- scrolling -----------------------------------------------------------------------------

  let following = true; // until the person scrolls away to read something older
  let settledAt = 0;

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;

  /* Where the bot's newest messages begin, when nothing of the person's comes after them. */
  function newestTop() {
    let first = null;
    for (let at = log.lastElementChild; at; at = at.previousElementSibling) {
      if (at.matches(".message.bot")) first = at;
      else if (at !== writing) break;
    }
    return first ? first.offsetTop - log.offsetTop - 12 : Infinity;
  }

  /* To the end, but never past the beginning of what is new: it is read from its top. */
  function settle(behavior = "instant") {
    settledAt = Date.now();
    following = true;
    newer.hidden = true;
    log.scrollTo({ top: Math.min(log.scrollHeight - log.clientHeight, newestTop()), behavior });
    showMore();
  }

  /* An arrow says that there is more below; without it the answers under a long message are missed. */
  function showMore() {
    const hide = atEnd() || !newer.hidden;
    if (hide && more === document.activeElement) log.focus({ preventScroll: true });
    more.hidden = hide;
  }

  log.addEventListener("scroll", () => {
    if (atEnd()) { following = true; newer.hidden = true; }
    else if (Date.now() - settledAt > 800) following = false; // not our own smooth scrolling
    showMore();
  }, { passive: true });
  newer.addEventListener("click", () => settle("auto"));
  more.addEventListener("click", () => log.scrollBy({ top: 0.8 * log.clientHeight }));
  // A keyboard that opens or a growing text box must not cover what is being answered.
  if (window.ResizeObserver) {
    new ResizeObserver(() => {
      if (isLive && following) settle();
      showMore();
    }).observe(log);
  }

  function follow(mine) {
    if (!isLive) return;
    if (following || mine) settle("auto");
    else newer.hidden = false;
    showMore();
  }

  // --- what the page uses --------------------------------------------------------------------

  neuguong.words = words;
  neuguong.fill = fill;
  neuguong.make = make;
  neuguong.icon = icon;

  neuguong.log = {
    open(press) {
      onPress = press;
      log.hidden = false;
    },

    /* From now on a screen reader announces what is added. */
    live() {
      const opening = document.getElementById("opening");
      if (opening) opening.remove();
      isLive = true;
      settle();
      requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
    },

    /* A message of the server's, new or, with echo, one of ours coming back. */
    add(message) {
      const mine = message.echo && own.get(message.echo);
      if (mine) { this.adopt(mine, message); return; }
      const element = build(message);
      element.dataset.seq = message.seq;
      element.dataset.at = message.at;
      if (message.press) element.dataset.press = "1";
      if (message.from === "bot") this.stopWriting();
      const old = message.replaces && bySeq.get(message.replaces);
      if (old) replace(old, element);
      else place(element);
      bySeq.set(message.seq, element);
      follow(false);
    },

    adopt(element, message) {
      own.delete(message.echo);
      bySeq.set(message.seq, element);
      element.dataset.seq = message.seq;
      showDelivery(element, "sent", {});
      const next = element.nextElementSibling;
      const before = element.previousElementSibling;
      const inOrder = (!before || orderOf(before) <= message.seq) && (!next || orderOf(next) >= message.seq);
      if (!inOrder) place(element);
    },

    /* An item of the outbox, shown at once. */
    addOwn(item, files) {
      const at = new Date(item.at).toISOString();
      const shown = (item.names || []).map(({ name, type }, index) => ({
        name, kind: type.split("/")[0], voice: item.voice,
        src: files && /^(image|audio|video)\//.test(type) ? URL.createObjectURL(files[index]) : null,
      }));
      const element = build({ from: "me", text: item.label || item.text || "", files: shown, at });
      element.dataset.at = at;
      if (item.press) element.dataset.press = "1";
      own.set(item.id, element);
      place(element);
      showDelivery(element, "sending", {});
      follow(true);
    },

    delivery(id, state, detail) {
      const element = own.get(id);
      if (element) showDelivery(element, state, detail);
    },

    /* Words of the page itself, never stored: what went wrong, what to do. */
    notice(text, ...actions) {
      const element = make("div", { class: "message bot local" }, make("div", { class: "bubble" }, make("p", {}, text)));
      if (actions.length) element.append(make("div", { class: "choices" }, make("div", {}, ...actions)));
      log.append(element);
      settle("auto");
    },

    startWriting() {
      this.stopWriting();
      const newest = log.lastElementChild;
      if (newest && newest.matches(".message.bot:not(.local)")) return; // the answer overtook the receipt
      writing = make("div", { class: "message", "aria-hidden": "true" },
        make("div", { class: "bubble writing", title: words.writing }, make("i"), make("i"), make("i")));
      log.append(writing);
      if (following) settle("auto");
      writingEnds = setTimeout(() => this.stopWriting(), 12000);
    },

    stopWriting() {
      clearTimeout(writingEnds);
      if (writing) writing.remove();
      writing = null;
    },

    clear() {
      this.stopWriting();
      log.textContent = "";
      bySeq.clear();
      own.clear();
      newer.hidden = true;
      more.hidden = true;
    },

    empty: () => !bySeq.size && !own.size,
  };
})(window.neuguong = window.neuguong || {});
