{#- Served at /embed.js for an office's portal: <script src="https://…/embed.js" data-start="c-CODE" data-lang="vi" async></script> -#}
/* neuguong: a button on this page that opens the chat. Styles stay in a shadow root, nothing is global. */
(function () {
  "use strict";
  const script = document.currentScript;
  if (!script || document.querySelector("[data-neuguong]")) return;
  const home = new URL(script.src).origin;
  const words = {{ {
    "vi": {"open": say_in("vi", "web-embed-open-button"), "close": say_in("vi", "web-embed-close-button"),
           "tab": say_in("vi", "web-embed-tab-link"), "title": say_in("vi", "web-embed-title"),
           "blocked": say_in("vi", "web-embed-blocked")},
    "en": {"open": say_in("en", "web-embed-open-button"), "close": say_in("en", "web-embed-close-button"),
           "tab": say_in("en", "web-embed-tab-link"), "title": say_in("en", "web-embed-title"),
           "blocked": say_in("en", "web-embed-blocked")}
  }|tojson }};
  const locale = script.dataset.lang === "en" ? "en" : "vi";
  const word = words[locale];
  const query = new URLSearchParams({ lang: locale });
  if (script.dataset.start) query.set("start", script.dataset.start);
  const address = `${home}/chat?${query}`;

  const look = `
    :host { all: initial; }
    * { box-sizing: border-box; font: 600 16px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; }
    button, a { display: inline-flex; align-items: center; justify-content: center; gap: 8px; min-width: 44px; min-height: 44px;
      padding: 0 12px; border: 0; border-radius: 10px; background: transparent; color: #fff; cursor: pointer; text-decoration: none; }
    :focus-visible { outline: 3px solid #1a4fa3; outline-offset: 2px; box-shadow: 0 0 0 2px #fff; }
    svg { width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
    .open { position: fixed; right: max(16px, env(safe-area-inset-right)); bottom: max(16px, env(safe-area-inset-bottom));
      z-index: 2147483000; min-height: 56px; padding: 0 20px; border-radius: 28px; background: #9e1b22;
      border: 2px solid #f0cf8e; box-shadow: 0 4px 16px rgb(0 0 0 / 28%); }
    .open:hover { background: #7c1219; }
    .panel { position: fixed; right: 16px; bottom: 16px; z-index: 2147483001; width: 400px; height: min(680px, calc(100vh - 32px));
      display: flex; flex-direction: column; overflow: hidden; background: #faf6f0; border-radius: 14px; box-shadow: 0 8px 40px rgb(0 0 0 / 35%); }
    .bar { display: flex; align-items: center; background: #7c1219; color: #fff; padding: 2px 4px 2px 14px; }
    .bar span { flex: 1; }
    .bar :focus-visible { outline-color: #fff; outline-offset: -3px; box-shadow: none; }
    p { margin: 0; padding: 12px 16px; background: #fdf3dc; color: #221c18; font-weight: 400; }
    iframe { flex: 1; width: 100%; border: 0; }
    [hidden] { display: none; }
    @media (max-width: 520px) { .panel { inset: 0; width: auto; height: auto; border-radius: 0; } }
    @media (forced-colors: active) { .open, .panel { border: 2px solid; } }
    @media print { .open, .panel { display: none; } }`;

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function drawing(path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  /* A constructed sheet passes a portal's content security policy where a <style> would not. */
  function dress(root) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(look);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(make("style", {}, look));
    }
  }

  function build() {
    const host = make("div", { "data-neuguong": "", lang: locale });
    const root = host.attachShadow({ mode: "open" });
    dress(root);
    const open = make("button", { type: "button", class: "open", "aria-expanded": "false" },
      drawing("M4 5h16v11H10l-5 4v-4H4z"), word.open);
    const close = make("button", { type: "button", "aria-label": word.close }, drawing("M6 6l12 12M18 6L6 18"));
    const tab = make("a", { href: address, target: "_blank", rel: "noopener", "aria-label": word.tab, title: word.tab },
      drawing("M14 4h6v6M20 4l-9 9M18 14v5H5V6h5"));
    const blocked = make("p", { role: "status", hidden: "" }, word.blocked);
    const panel = make("div", { class: "panel", role: "dialog", "aria-label": word.title, hidden: "" },
      make("div", { class: "bar" }, make("span", {}, word.title), tab, close), blocked);
    root.append(open, panel);
    document.body.append(host);
    return { open, close, tab, blocked, panel };
  }

  function run() {
    const { open, close, tab, blocked, panel } = build();
    let frame = null;
    let framed = true; // until this browser or the portal proves to refuse the frame
    let silence = 0;

    function refuse() {
      framed = false;
      blocked.hidden = false;
      tab.focus();
    }

    function show() {
      if (!framed) { window.open(address, "_blank", "noopener"); return; }
      panel.hidden = false;
      open.hidden = true;
      open.setAttribute("aria-expanded", "true");
      if (!frame) {
        frame = make("iframe", { src: address, title: word.title, allow: "microphone" });
        panel.append(frame);
        silence = setTimeout(refuse, 10000);
      }
      close.focus();
    }

    function hide() {
      panel.hidden = true;
      open.hidden = false;
      open.setAttribute("aria-expanded", "false");
      open.focus();
    }

    open.addEventListener("click", show);
    close.addEventListener("click", hide);
    panel.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
    window.addEventListener("message", (event) => {
      if (!frame || event.origin !== home || event.source !== frame.contentWindow) return;
      const said = event.data && event.data.neuguong;
      clearTimeout(silence);
      if (said === "ready" && !panel.hidden) frame.focus();
      if (said === "close") hide();
      if (said === "refused") framed = false; // the frame itself says so and offers a new tab
    });
  }

  if (document.body) run();
  else document.addEventListener("DOMContentLoaded", run);
})();
