// Times Netron's own model service, without a window, on package folders: node netron_open.mjs NETRON_FOLDER PATH…
//
// What runs is what opens a file in its desktop application: the service finds the format, reads the specification and
// the weights, and builds graph, nodes and tensors. Only the host is ours: it hands over files and modules. Nothing is
// drawn. Prints a line of JSON for each path, with the shortest time.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...paths] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(folder, name)).href);
globalThis.window ??= globalThis;
const { ModelFactoryService } = await load("view.js");
const { FileStream } = await load("node.js");

const host = {
  type: "Electron",
  require: (id) => load(`${id}.js`),
  asset: async (file) => readFileSync(join(folder, file), "utf-8"),
  event() {},
  exception(error) {
    throw error;
  },
  environment: () => undefined,
  get_environment: () => undefined,
};

function files(root, inside = "") {
  const found = new Map();
  for (const entry of readdirSync(join(root, inside), { withFileTypes: true })) {
    const path = inside ? `${inside}/${entry.name}` : entry.name;
    if (entry.isDirectory()) {
      for (const [name, stream] of files(root, path)) found.set(name, stream);
    } else {
      const { size, mtimeMs } = statSync(join(root, path));
      found.set(path, new FileStream(join(root, path), 0, size, mtimeMs));
    }
  }
  return found;
}

async function open(path) {
  const entries = files(path);
  const context = { identifier: path.split("/").pop(), stream: null, entries, ...host, error: host.exception };
  const model = await new ModelFactoryService(host).open(context);
  let nNodes = 0;
  for (const graph of [...(model.modules ?? []), ...(model.functions ?? [])]) nNodes += graph.nodes.length;
  return nNodes;
}

for (const path of paths) {
  if (!existsSync(join(path, "Manifest.json"))) continue;
  const times = [];
  let nNodes = 0;
  const begun = performance.now();
  do {
    const started = performance.now();
    nNodes = await open(path);
    times.push(performance.now() - started);
  } while (performance.now() - begun < 2000 && times.length < 20);
  const ms = Math.min(...times);
  const rss = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ path, ms, first_ms: times[0], n_nodes: nNodes, rss }));
}
