// Starts the planner: loads the hashed script and wasm named in this element's attributes, and says so when that fails.
// A classic deferred script, because only those know their own element; it holds no secrets and no logic of the planner.
(() => {
  const element = document.currentScript;
  const url = (name) => new URL(element.dataset[name], document.baseURI).href;
  // The page starts this worker when a file is opened: src/ui/worker.rs asks for the address.
  globalThis.plannerWorker = new URL("worker.js", document.baseURI).href;
  const query = new URLSearchParams(location.search);
  const isEmbedded = query.get("embed") === "1";
  if (isEmbedded) document.documentElement.dataset.embed = "";
  const say = (text) => {
    const boot = document.getElementById("boot");
    if (boot) {
      boot.setAttribute("role", "alert");
      boot.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
    }
  };
  if (typeof WebAssembly !== "object") {
    say("This browser has no WebAssembly, which the planner needs. A current version of any browser has it.");
    return;
  }
  import(url("js"))
    .then((planner) => planner.default({ module_or_path: url("wasm") }))
    .then(() => document.getElementById("boot")?.remove())
    .then(() => {
      if (isEmbedded) return import(new URL("frame.js", document.baseURI).href).then((frame) => frame.start());
      // At top level the page keeps itself for use without a network; a page that frames it decides that for itself.
      // On a developer's own machine it would keep yesterday's build, so there it has to be asked for.
      const isKept = location.protocol === "https:" || query.has("offline");
      if (isKept && window.top === window) void navigator.serviceWorker?.register("sw.js");
    })
    .catch((error) => say(`The planner could not start: ${error}. Reload the page; if that does not help, a file of the site is missing.`));
})();
