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
const FRAME = ["panel", "lock", "theme", "lesson"];

class CoreMlPlanner extends HTMLElement {
  static observedAttributes = [...Object.keys(SCENARIO), ...FRAME, "link", "title"];
  #frame = null;
  #ready = false;
  #listen = (event) => this.#receive(event);

  connectedCallback() {
    this.style.display ||= "block";
    this.#frame = document.createElement("iframe");
    const { style } = this.#frame;
    style.width = "100%";
    style.height = `${Number(this.getAttribute("height")) || 640}px`;
    style.border = "0";
    style.colorScheme = "auto";
    this.#frame.title = this.title || "Core ML Planner";
    this.#frame.loading = "lazy";
    this.#frame.allow = "clipboard-write";
    this.#frame.src = this.#address();
    addEventListener("message", this.#listen);
    this.replaceChildren(this.#frame);
  }

  disconnectedCallback() {
    removeEventListener("message", this.#listen);
    this.replaceChildren();
    this.#frame = null;
    this.#ready = false;
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#frame || before === after) return;
    if (name === "title") this.#frame.title = after || "Core ML Planner";
    else if (FRAME.includes(name)) this.#frame.src = this.#address();
    else this.#send({ type: "set", link: this.#link() });
  }

  /** Whatever the frame shows now, as a link that opens it in a tab of its own. */
  get permalink() {
    return new URL(`#${this.#last ?? this.#link()}`, home).href;
  }

  #last = null;

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

customElements.define("coreml-planner", CoreMlPlanner);
