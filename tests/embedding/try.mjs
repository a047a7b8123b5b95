// Tries the recipes of assets/recipes.html in the tools that they are for, with the address replaced and nothing else.
//
//   node tests/embedding/try.mjs DIST SCRATCH [mdbook docusaurus jupyter pandoc …]
//
// DIST is the built site, SCRATCH an empty folder. A tool that is not installed is said to be missing, not passed over:
// mdbook, npm, jupyter (nbconvert and lab) and pandoc are looked for on PATH. Docusaurus is installed from npm into SCRATCH.
// Not run by `cargo xtask test`: it installs half a gigabyte. The browser is Playwright's, or PLANNER_BROWSER.
import { execFileSync } from "node:child_process";
import { cpSync, createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";

const [dist, scratch, ...wanted] = process.argv.slice(2);
if (!dist || !scratch) throw new Error("usage: node try.mjs DIST SCRATCH [host …]");
const here = new URL(".", import.meta.url).pathname;
const { chromium } = createRequire(join(here, "../e2e/package.json"))("@playwright/test");

/** Serves a folder on loopback; the answer is its address. */
function serve(root) {
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml", ".json": "application/json" };
  const server = createServer(({ url }, response) => {
    let path = join(root, decodeURIComponent(new URL(url, "http://a").pathname));
    if (existsSync(path) && statSync(path).isDirectory()) path = join(path, "index.html");
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream", "access-control-allow-origin": "*" });
    createReadStream(path).pipe(response);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(`http://127.0.0.1:${server.address().port}/`)));
}

/** Copies the sources of a host, with the address of this planner in place of the example. */
function prepared(name, home) {
  const to = join(resolve(scratch), name);
  cpSync(join(here, name), to, { recursive: true });
  for (const file of readdirSync(to, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath ?? file.path, file.name);
    if (file.isFile() && !path.includes("node_modules") && !path.endsWith("package.json")) {
      writeFileSync(path, readFileSync(path, "utf8").replaceAll("https://planner.example/", home));
    }
  }
  return to;
}
const run = (folder, command, ...words) => execFileSync(command, words, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
const version = (command, ...words) => execFileSync(command, words, { encoding: "utf8" }).trim().split("\n")[0];

/** What each host does with its folder: which tool, and the page that comes of it. */
const HOSTS = {
  mdbook: (folder) => [version("mdbook", "--version"), run(folder, "mdbook", "build"), join(folder, "book"), "planner.html"],
  docusaurus: (folder) => {
    run(folder, "npm", "install", "--no-audit", "--no-fund");
    run(folder, "npx", "docusaurus", "build");
    const installed = JSON.parse(readFileSync(join(folder, "node_modules/@docusaurus/core/package.json"), "utf8"));
    return [`Docusaurus ${installed.version}`, null, join(folder, "build"), ""];
  },
  jupyter: (folder) => {
    run(folder, "jupyter", "nbconvert", "--to", "html", "--execute", "planner.ipynb");
    return [`nbconvert ${version("jupyter", "nbconvert", "--version")}`, null, folder, "planner.html"];
  },
  quarto: (folder) => {
    const tool = wanted.includes("pandoc") || !has("quarto") ? "pandoc" : "quarto";
    if (tool === "pandoc") run(folder, "pandoc", "-f", "markdown", "-s", "planner.qmd", "-o", "planner.html");
    else run(folder, "quarto", "render", "planner.qmd");
    return [version(tool, "--version"), null, folder, "planner.html"];
  },
};
function has(command) {
  try {
    version(command, "--version");
    return true;
  } catch {
    return false;
  }
}

/** Opens the page of a host and looks for the planner's answer in it; the answer is what is wrong. */
async function look(browser, name, address, width, dark) {
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: dark ? "dark" : "light" });
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  // What a host fails to load of its own (an icon, a script of some CDN) is not the planner's doing.
  const failed = (what) => (request) => request.url().startsWith(home) && wrong.push(`${what}: ${request.url()}`);
  page.on("requestfailed", failed("not loaded"));
  page.on("response", (response) => response.status() >= 400 && failed(response.status())(response));
  page.on("console", (line) => {
    if (line.type() === "error" && !line.text().startsWith("Failed to load resource")) wrong.push(`console: ${line.text()}`);
  });
  await page.goto(address);
  const frame = page.locator("iframe").first();
  await frame.scrollIntoViewIfNeeded({ timeout: 20_000 });
  const answer = page.frameLocator("iframe").locator("#verdict");
  await answer.filter({ hasText: /tok\/s/ }).waitFor({ timeout: 30_000 });
  await page.waitForTimeout(1500);
  const box = await frame.boundingBox();
  const inside = await frame.evaluate((own) => {
    const column = (own.parentElement ?? own.getRootNode().host).getBoundingClientRect();
    return own.clientWidth <= column.width + 1;
  });
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (!inside) wrong.push("the frame is wider than the column it is in");
  if (box.height < 600) wrong.push(`the frame is ${box.height} px high`);
  if (sideways > 0) wrong.push(`the page scrolls sideways by ${sideways} px`);
  const other = page.getByRole("link", { name: "another page" });
  if (await other.count()) {
    // A site that swaps its pages without loading them takes the element out and puts it in again.
    await other.click();
    await page.locator("iframe").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "the planner" }).click();
    await answer.filter({ hasText: /tok\/s/ }).waitFor({ timeout: 30_000 });
  }
  await page.screenshot({ path: join(scratch, `${name}-${width}${dark ? "-dark" : ""}.png`) });
  console.log(`  ${width} px${dark ? ", dark" : ""}: frame ${Math.round(box.width)} × ${Math.round(box.height)}`, wrong.length ? wrong : "as it should be");
  await page.close();
  return wrong.length;
}

mkdirSync(scratch, { recursive: true });
const home = await serve(resolve(dist));
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run"];
const browser = await chromium.launch({ executablePath: process.env.PLANNER_BROWSER, args });
let wrong = 0;
for (const [name, build] of Object.entries(HOSTS)) {
  if (wanted.length && !wanted.includes(name)) continue;
  try {
    const [tool, , folder, path] = build(prepared(name, home));
    console.log(`${name} (${tool})`);
    const address = new URL(path, await serve(folder)).href;
    for (const width of [1280, 375]) for (const dark of [false, true]) wrong += await look(browser, name, address, width, dark);
  } catch (error) {
    wrong += 1;
    console.log(`${name}: ${error.message.split("\n")[0]}`);
  }
}
await browser.close();
process.exit(wrong ? 1 : 0);
