// The planner inside a frame: what `?embed=1` changes, and how it talks to the page around it.
//
// Query: `panel=verdict,matrix,…` shows only those panels; `lock=1` or `lock=model,device,workload` takes controls away;
// `theme=light|dark|auto` holds a theme. Absent means everything, unlocked, as the system likes.
//
// Messages are objects with `planner: 1`, the version of this protocol, and a `type`.
//   frame → page   hello { versions }          until it is answered
//                  ready { link, answer }      once, after the handshake
//                  change { link, answer }     after every change of the plan
//                  height { height }           CSS pixels of the whole content
//   page → frame   hello { versions }          the answer; fixes the version and the page's origin
//                  set { link }                the part of a planner link after `#`
//                  theme { theme }             light, dark, or auto: as the system likes
//                  get {}                      asks for one more `ready`
// `answer` is { sentence, status }: what the page shows as its verdict. Nothing else leaves the frame, and nothing but a
// scenario comes in. Learning platforms that know none of this get the frame-resize messages of LTI and Canvas.

const VERSION = 1;
const query = new URLSearchParams(location.search);
const list = (name) => (query.get(name) ?? "").split(",").map((word) => word.trim()).filter((word) => /^[a-z-]+$/.test(word));

/** Rules that only this frame needs, as a constructed sheet: the content security policy forbids inline styles. */
function hide() {
  const rules = [];
  const panels = list("panel");
  if (panels.length > 0) {
    const shown = panels.map((name) => `[data-panel="${name}"]`).join(", ");
    rules.push(`[data-panel]:not(${shown}) { display: none !important; }`);
  }
  const lock = query.get("lock");
  if (lock === "1" || lock === "all") rules.push(".rail { display: none; } .workbench { grid-template-columns: minmax(0, 1fr); }");
  else for (const name of list("lock")) rules.push(`[data-control="${name}"] { display: none; }`);
  if (rules.length === 0) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  document.adoptedStyleSheets.push(sheet);
}

/** The theme of the page around, whatever this browser chose for the planner alone. */
function dress(theme) {
  const { dataset } = document.documentElement;
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  else if (theme === "auto") delete dataset.theme;
}

const answer = () => {
  const sentence = document.querySelector("h1")?.textContent ?? "";
  const status = document.querySelector("[data-panel=verdict] [data-status]")?.dataset.status ?? "unknown";
  return { sentence, status };
};
const state = () => ({ link: location.hash.replace(/^#/, ""), answer: answer() });

let origin = null;
const send = (message, to = origin) => {
  if (to) parent.postMessage({ planner: VERSION, ...message }, to);
};

let height = 0;
function measure() {
  const now = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (now === height || now === 0) return;
  height = now;
  send({ type: "height", height }, origin ?? "*");
  // LTI's frame resize and Canvas's own older form of it: a number of pixels and no secret, so any page may hear it.
  parent.postMessage({ subject: "lti.frameResize", height }, "*");
  parent.postMessage(JSON.stringify({ subject: "lti.frameResize", height }), "*");
}

addEventListener("message", ({ source, origin: from, data }) => {
  if (source !== parent || data?.planner === undefined) return;
  if (data.type === "hello") {
    if (!Array.isArray(data.versions) || !data.versions.includes(VERSION)) return;
    origin = from === "null" ? "*" : from;
    clearInterval(calling);
    send({ type: "ready", ...state() });
    height = 0;
    measure();
  } else if (from === origin || origin === "*") {
    if (data.type === "set" && typeof data.link === "string") location.hash = data.link;
    else if (data.type === "theme") dress(data.theme);
    else if (data.type === "get") send({ type: "ready", ...state() });
  }
});

/** Called by boot.js when the planner stands. */
export function start() {
  hide();
  dress(query.get("theme"));
  if (parent === window) return;
  new ResizeObserver(measure).observe(document.documentElement);
  measure();
  call();
}

let calling = 0;
function call() {
  // A hello says only that a planner is here: any page may hear it. What follows goes to the page that answers.
  let left = 50;
  calling = setInterval(() => {
    send({ type: "hello", versions: [VERSION] }, "*");
    left -= 1;
    if (left === 0) clearInterval(calling);
  }, 200);
  send({ type: "hello", versions: [VERSION] }, "*");
}

addEventListener("planner:change", () => send({ type: "change", ...state() }));
