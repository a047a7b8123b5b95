// Times the page's own worker on a package in Chromium: node chromium_open.mjs DIST PACKAGE.mlpackage
//
// The worker gets the files as the page gives them to it; the time is from the question to the answer, the shortest of
// ten with a worker that has its reader loaded, and the first with a new one. Needs `npm ci` in ../e2e.
import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { basename, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const [dist, path] = process.argv.slice(2);
const require = createRequire(process.env.PLANNER_E2E ?? fileURLToPath(new URL("../e2e/package.json", import.meta.url)));
const { chromium } = require("@playwright/test");
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const server = createServer((request, response) => {
  const name = request.url === "/" ? "" : request.url.slice(1);
  if (name === "") {
    response.writeHead(200, { "content-type": "text/html" }).end("<input type=file multiple>");
  } else if (!name.includes("..") && existsSync(join(dist, name))) {
    response.writeHead(200, { "content-type": types[extname(name)] ?? "application/octet-stream" });
    createReadStream(join(dist, name)).pipe(response);
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const files = readdirSync(path, { recursive: true })
  .map((name) => join(path, name))
  .filter((name) => statSync(name).isFile());
const paths = files.map((name) => `${basename(path)}/${relative(path, name)}`);

const browser = await chromium.launch({
  executablePath: process.env.PLANNER_BROWSER || undefined,
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.locator("input").setInputFiles(files);
const times = await page.evaluate(async (paths) => {
  const files = [...document.querySelector("input").files];
  const worker = new Worker("worker.js", { type: "module" });
  const open = () =>
    new Promise((done, fail) => {
      worker.onerror = (event) => fail(new Error(event.message));
      worker.onmessage = ({ data }) => (data.failure ? fail(new Error(data.failure)) : done(data.bytes.length));
      worker.postMessage({ paths, files });
    });
  const times = [];
  for (let turn = 0; turn < 11; turn++) {
    const started = performance.now();
    await open();
    times.push(performance.now() - started);
  }
  return times;
}, paths);
await browser.close();
server.close();
console.log(JSON.stringify({ path, ms: Math.min(...times.slice(1)), first_ms: times[0] }));
