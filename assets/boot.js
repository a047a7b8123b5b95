// Starts the planner: loads the hashed script and wasm named in this element's attributes, and says so when that fails.
// A classic deferred script, because only those know their own element; it holds no secrets and no logic of the planner.
(() => {
  const element = document.currentScript;
  const url = (name) => new URL(element.dataset[name], document.baseURI).href;
  const addresses = { js: url("js"), wasm: url("wasm"), worker: new URL("worker.js", document.baseURI).href };
  // The page starts a worker of the same wasm to read files: src/ui/worker.rs asks for these addresses.
  globalThis.plannerAddresses = addresses;
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
  import(addresses.js)
    .then((planner) => planner.default({ module_or_path: addresses.wasm }))
    .then(() => document.getElementById("boot")?.remove())
    .catch((error) => say(`The planner could not start: ${error}. Reload the page; if that does not help, a file of the site is missing.`));
})();
