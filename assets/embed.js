// <coreml-planner>: the planner inside somebody else's page. One line includes it, one element places it:
//
//   <script type="module" src="https://example.org/planner/embed.js"></script>
//   <coreml-planner model="llama-3.2-3b" device="iphone-15-pro" context="4096"></coreml-planner>
//
// The element makes an iframe of the planner beside this script, grows with it, writes attributes into it, and fires
// `change` when the reader changes the plan (detail: { link, answer }). It talks to the frame by the protocol that
// frame.js describes, to that one origin only.

const PROTOCOL = 1;
const home = new URL("./", import.meta.url);

/** Attributes that are part of the scenario, and their keys in a link (src/scenario/url.rs). */
const SCENARIO = {
  model: "m",
  device: "d",
  ram: "ram",
  os: "os",
  context: "ctx",
  prompt: "p",
  entitled: "ent",
  variant: "q",
  units: "u",
};
/** Attributes that say how the frame looks; a change of one loads it anew. */
const FRAME = ["panel", "lock", "lesson"];
/** What pages change when they change their colours. */
const DRESS = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-bs-theme", "data-md-color-scheme"] };

/** Whether the page around an element is light or dark: by what is behind it, else by what the page says it can be. */
function surroundings(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    const [red, green, blue, alpha = 1] = getComputedStyle(at).backgroundColor.match(/^rgba?\((.*)\)$/)?.[1].split(",").map(Number) ?? [];
    if (alpha > 0.5 && blue !== undefined) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? "dark" : "light";
  }
  const able = getComputedStyle(element).colorScheme.split(" ");
  if (able.includes("dark")) return able.includes("light") ? "auto" : "dark";
  return "light";
}

class CoreMlPlanner extends HTMLElement {
  static observedAttributes = [...Object.keys(SCENARIO), ...FRAME, "link", "theme", "title"];
  #frame = null;
  #ready = false;
  #dress = () => this.#send({ type: "theme", theme: this.#theme() });
  #watch = new MutationObserver(this.#dress);
  #listen = (event) => this.#receive(event);

  constructor() {
    super();
    // The frame is no child of the element: a framework that draws the page anew on its own (React, and so Docusaurus) finds
    // what it wrote, and a rule of the page for every iframe does not reach in. What is written inside the element is for
    // readers without scripts.
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(":host { display: block } :host([hidden]) { display: none }");
    root.adoptedStyleSheets = [style];
  }

  connectedCallback() {
    this.#frame = document.createElement("iframe");
    const { style } = this.#frame;
    style.display = "block";
    style.width = "100%";
    style.height = `${Number(this.getAttribute("height")) || 640}px`;
    style.border = "0";
    style.colorScheme = "auto";
    this.#frame.title = this.title || "Core ML Planner";
    this.#frame.loading = "lazy";
    this.#frame.allow = "clipboard-write";
    this.#frame.src = this.#address();
    addEventListener("message", this.#listen);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#dress);
    for (const around of [document.documentElement, document.body]) this.#watch.observe(around, DRESS);
    this.shadowRoot.replaceChildren(this.#frame);
  }

  disconnectedCallback() {
    removeEventListener("message", this.#listen);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#dress);
    this.#watch.disconnect();
    this.shadowRoot.replaceChildren();
    this.#frame = null;
    this.#ready = false;
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#frame || before === after) return;
    if (name === "title") this.#frame.title = after || "Core ML Planner";
    else if (FRAME.includes(name)) this.#frame.src = this.#address();
    else if (name === "theme") this.#dress();
    else this.#send({ type: "set", link: this.#link() });
  }

  /** Whatever the frame shows now, as a link that opens it in a tab of its own. */
  get permalink() {
    return new URL(`#${this.#last ?? this.#link()}`, home).href;
  }

  #last = null;

  /** The theme that was asked for, or the one that goes with the page. */
  #theme() {
    const asked = this.getAttribute("theme");
    return ["light", "dark", "auto"].includes(asked) ? asked : surroundings(this);
  }

  #link() {
    const link = this.getAttribute("link");
    if (link) return link.replace(/^.*#/, "");
    const pairs = Object.entries(SCENARIO).filter(([name]) => this.hasAttribute(name));
    if (pairs.length === 0) return "";
    return ["v=1", ...pairs.map(([name, key]) => `${key}=${encodeURIComponent(this.getAttribute(name))}`)].join("&");
  }

  #address() {
    const url = new URL("index.html", home);
    url.searchParams.set("embed", "1");
    for (const name of FRAME) if (this.hasAttribute(name)) url.searchParams.set(name, this.getAttribute(name));
    url.searchParams.set("theme", this.#theme());
    url.hash = this.#link();
    this.#ready = false;
    return url.href;
  }

  #send(message) {
    if (this.#ready) this.#frame?.contentWindow?.postMessage({ planner: PROTOCOL, ...message }, home.origin);
  }

  #receive({ source, origin, data }) {
    if (!this.#frame || source !== this.#frame.contentWindow || origin !== home.origin || !data?.planner) return;
    switch (data.type) {
      case "hello":
        // The frame speaks first, and again until it is answered: it may be up before this page listens, or after.
        this.#ready = true;
        this.#send({ type: "hello", versions: [PROTOCOL] });
        this.#dress();
        break;
      case "height":
        this.#frame.style.height = `${Math.ceil(data.height)}px`;
        break;
      case "ready":
      case "change":
      case "lesson": {
        this.#last = data.link;
        const { type, ...detail } = data;
        this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
        break;
      }
    }
  }
}

// The script may be on a page twice, under two addresses.
if (!customElements.get("coreml-planner")) customElements.define("coreml-planner", CoreMlPlanner);
