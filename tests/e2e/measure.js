// Measures the page in a browser, by hand: `node tests/e2e/measure.js` after `cargo xtask build`. Prints the
// first paint and readiness with a slowed processor and network, the longest tasks while the context slider moves, and how
// long the worker plans a large graph.
// Tests do not time; these are figures for the notes of a change, on an idle machine.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { long } from "./specification.js";

const port = 4178;
const site = `http://127.0.0.1:${port}/`;
const server = spawn(process.execPath, [fileURLToPath(new URL("server.js", import.meta.url)), String(port)], { stdio: "inherit" });
await new Promise((done) => setTimeout(done, 500));
const browser = await chromium.launch({ executablePath: process.env.PLANNER_BROWSER || undefined, args: ["--no-sandbox", "--disable-gpu"] });

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

async function visit({ cpu, network, width = 412 }) {
  const context = await browser.newContext({ viewport: { width, height: 823 } });
  const page = await context.newPage();
  const tools = await context.newCDPSession(page);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: cpu });
  if (network) {
    await tools.send("Network.enable");
    // Lighthouse's "slow 4G", which used to be called "fast 3G".
    const [downloadThroughput, uploadThroughput] = [1.6e6 / 8, 750e3 / 8];
    await tools.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput, uploadThroughput });
  }
  await page.addInitScript(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) globalThis.tasks.push([startTime, duration]);
    }).observe({ type: "longtask", buffered: true });
    new MutationObserver(() => {
      if (!globalThis.answered && document.querySelector("h1")) globalThis.answered = performance.now();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${site}#v=1&m=llama-3.1-8b&d=macbook-pro-14-m4-pro`);
  await page.waitForSelector("table.matrix");
  await page.waitForTimeout(2500);
  const figures = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    answered: globalThis.answered,
    ready: Math.max(globalThis.answered, ...globalThis.tasks.map(([start, duration]) => start + duration)),
    longest: Math.max(0, ...globalThis.tasks.map(([, duration]) => duration)),
  }));
  return { page, context, figures };
}

for (const conditions of [{ cpu: 1 }, { cpu: 4, network: true }]) {
  const runs = [];
  for (let run = 0; run < 5; run += 1) {
    const { context, figures } = await visit(conditions);
    runs.push(figures);
    await context.close();
  }
  const line = Object.keys(runs[0]).map((key) => `${key} ${median(runs.map((run) => run[key])).toFixed(0)} ms`);
  console.log(`first visit, ${JSON.stringify(conditions)}: ${line.join(", ")} (medians of 5)`);
}

for (const cpu of [1, 4]) {
  const { page, context } = await visit({ cpu, width: 1280 });
  const slider = page.locator('input[type=range]').first();
  await slider.focus();
  const figures = await page.evaluate(
    () =>
      new Promise((done) => {
        globalThis.tasks.length = 0;
        const slider = document.activeElement;
        const [low, high] = [Number(slider.min), Number(slider.max)];
        const frames = [];
        let [step, last] = [0, performance.now()];
        const next = (now) => {
          frames.push(now - last);
          last = now;
          step += 1;
          slider.value = String(Math.round(low + ((high - low) * (step % 60)) / 60));
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          if (step < 180) requestAnimationFrame(next);
          else done({ frames: frames.slice(1), tasks: globalThis.tasks.map(([, duration]) => duration) });
        };
        requestAnimationFrame(next);
      }),
  );
  const { frames, tasks } = figures;
  const late = frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.95)];
  console.log(
    `sliding, processor ÷ ${cpu}: frame ${median(frames).toFixed(1)} ms median, ${late.toFixed(1)} ms at 95 %; ` +
      `${tasks.length} tasks over 50 ms, the longest ${Math.max(0, ...tasks).toFixed(0)} ms`,
  );
  await context.close();
}
// How long the worker plans a graph of ten thousand operations, opened as a person opens a file.
{
  const page = await browser.newPage();
  await page.goto(site);
  await page.waitForSelector("table.matrix");
  await page.locator('input[type="file"]').nth(1).setInputFiles(long(10_000));
  await page.waitForSelector("section.package h2");
  const scenario = new URL(page.url()).hash.slice(1);
  const [worker] = page.workers();
  const times = await worker.evaluate(
    async ([home, link]) => {
      // The same module as the worker's own, so the package is open in it.
      const reader = await import(`${home}reader.js`);
      // `Query::Plan(PlanQuery::Open(link))` in postcard: two tags, a length, the text.
      const text = new TextEncoder().encode(link);
      const question = new Uint8Array([5, 0, (text.length & 0x7f) | 0x80, text.length >> 7, ...text]);
      const times = [];
      for (let run = 0; run < 9; run += 1) {
        const begun = performance.now();
        reader.answer(question);
        times.push(performance.now() - begun);
      }
      return times;
    },
    [site, scenario],
  );
  console.log(`planning 10 000 operations, reasons and all, drawn: ${median(times).toFixed(0)} ms (median of 9, least ${Math.min(...times).toFixed(0)})`);
}
await browser.close();
server.kill();
