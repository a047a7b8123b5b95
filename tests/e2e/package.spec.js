// The panel of the open package: listings of any length, the picture of its bytes, search, files to keep, cancelling, and
// names that mean harm. Frame and task times are printed; they are no verdict, because machines differ.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { long, operation, pack } from "./specification.js";

const fixture = fileURLToPath(new URL("../packages/conv_lut4_ios17.mlpackage.zip", import.meta.url));

async function open(page) {
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.violatedDirective));
    globalThis.tasks = [];
    new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map((entry) => entry.duration)))
      .observe({ type: "longtask", buffered: true });
  });
  await page.goto("");
  await expect(page.locator("h1")).toBeVisible();
  return async () => {
    expect(complaints).toEqual([]);
    expect(await page.evaluate(() => globalThis.violations)).toEqual([]);
  };
}

/** Opens a file, or a folder. */
const give = (page, file) => {
  const isFolder = typeof file === "string" && file.endsWith(".mlpackage");
  return page.locator('input[type="file"]').nth(isFolder ? 1 : 0).setInputFiles(file);
};
const model = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });
const panel = (page) => page.locator("section.package");
const row = (page, idx) => page.locator(`table.rows tr[aria-rowindex="${idx + 2}"]`);

test("an open package is summed up, listed, sorted and searched", async ({ page }) => {
  const clean = await open(page);
  await expect(panel(page)).toBeHidden();
  await give(page, long(300));
  await expect(panel(page).locator("h2")).toHaveText("long");
  await expect(panel(page).locator("dl.facts")).toContainText("mlProgram");
  await expect(panel(page).locator("ul.bars")).toContainText("mul");
  // Largest weights first; a press on the head turns the order round.
  await expect(row(page, 0).locator("td").nth(0)).toHaveText("16.4 kB");
  const stored = page.getByRole("button", { name: "stored", exact: true });
  await stored.click();
  await expect(page.locator('th[aria-sort="ascending"]')).toHaveText("stored");
  await expect(row(page, 0).locator("td").nth(0)).toHaveText("4.10 kB");
  await expect(stored).toBeFocused();
  await page.getByRole("button", { name: "weight", exact: true }).click();
  await expect(row(page, 0).locator("th")).toHaveText("model_layers_0_attn_k_weight");
  await page.getByRole("searchbox").fill("LAYERS_7_MLP");
  await expect(panel(page).locator("p.hint[role=status]")).toHaveText("2 of 96 rows");
  await expect(page.getByRole("button", { name: /^Operations/ })).toContainText("0");
  await page.getByRole("searchbox").fill("");
  await panel(page).locator("ul.bars").getByRole("button", { name: "mul" }).click();
  await expect(page.getByRole("button", { name: /^Operations/ })).toHaveAttribute("aria-pressed", "true");
  await expect(panel(page).locator("p.hint[role=status]")).toHaveText("100 of 300 rows");
  await clean();
});

test("the picture of the bytes is gone down by pointer and by keyboard", async ({ page }) => {
  const clean = await open(page);
  await give(page, long(30));
  const tiles = panel(page).locator("g.tile");
  await panel(page).locator('[data-at="model_layers_3"]').click();
  await expect(panel(page).locator("nav.trail b")).toHaveText("layers_3");
  await tiles.first().focus();
  const first = await tiles.first().getAttribute("aria-label");
  await page.keyboard.press("ArrowRight");
  await expect(tiles.nth(1)).toBeFocused();
  expect(first).toContain("%");
  await expect(panel(page).locator(".chart-readout")).toHaveText(await tiles.nth(1).getAttribute("aria-label"));
  const at = await tiles.nth(1).getAttribute("data-at");
  await page.keyboard.press("Enter");
  expect(at).toMatch(/^model_layers_3_(attn|mlp)$/);
  await expect(panel(page).locator("nav.trail b")).toHaveText(at.slice("model_layers_3_".length));
  await expect(tiles.first()).toBeFocused();
  // A single weight leads to its row.
  await panel(page).locator("g.tile[data-find]").first().press("Enter");
  await expect(panel(page).locator("p.hint[role=status]")).toHaveText("1 of 96 rows");
  await panel(page).locator("nav.trail button").first().click();
  await expect(panel(page).locator("nav.trail b")).toHaveText("long");
  await panel(page).getByRole("button", { name: "By encoding" }).click();
  await expect(panel(page).locator("ul.legend")).toContainText("not compressed");
  await panel(page).getByText("Show as a table").last().click();
  await expect(panel(page).locator("details.data table")).toContainText("fp32");
  // It is drawn again for another width, and stays where it was.
  const svg = panel(page).locator("svg.treemap");
  const wide = await svg.evaluate((own) => own.viewBox.baseVal.width);
  await page.setViewportSize({ width: 375, height: 800 });
  await expect.poll(() => svg.evaluate((own) => own.viewBox.baseVal.width)).toBeLessThan(Math.min(wide, 376));
  await expect(panel(page).getByRole("button", { name: "By encoding" })).toHaveAttribute("aria-pressed", "true");
  await clean();
});

test("what is listed can be kept as CSV, and the whole as JSON", async ({ page }) => {
  const clean = await open(page);
  await give(page, fixture);
  await expect(row(page, 0)).toContainText("lut4");
  const kept = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
    return [download.suggestedFilename(), readFileSync(await download.path(), "utf8")];
  };
  const [csv, lines] = await kept("Save as CSV");
  expect(csv).toBe("conv_lut4_ios17-weights.csv");
  expect(lines).toContain("lut4");
  const [json, text] = await kept("Save as JSON");
  expect(json).toBe("conv_lut4_ios17-inspection.json");
  expect(JSON.parse(text).name).toBe("conv_lut4_ios17");
  await clean();
});

test("reading can be cancelled, and the plan stays", async ({ page }) => {
  const clean = await open(page);
  const before = await page.locator("h1").textContent();
  // The reader arrives late: a slow line.
  let arrive = () => {};
  const late = new Promise((resolve) => (arrive = resolve));
  await page.context().route("**/reader_bg*.wasm", async (route) => {
    await late;
    await route.continue().catch(() => {});
  });
  await give(page, fixture);
  await expect(page.locator(".progress")).toContainText("Reading conv_lut4_ios17");
  await expect(page.locator(".progress")).toContainText(/\b[1-9] s/);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.locator(".progress")).toHaveCount(0);
  // The one that was reading is gone; the one that draws panels may be there.
  expect(page.workers().length).toBeLessThanOrEqual(1);
  arrive();
  expect(await page.locator("h1").textContent()).toBe(before);
  await expect(panel(page)).toBeHidden();
  await page.context().unroute("**/reader_bg*.wasm");
  await give(page, fixture);
  await expect(panel(page).locator("h2")).toHaveText("conv_lut4_ios17");
  await clean();
});

test("a file that cannot be read leaves the open package as it was", async ({ page }) => {
  const clean = await open(page);
  await give(page, fixture);
  await expect(row(page, 0)).toContainText("lut4");
  await give(page, model("broken.mlmodel", Buffer.from("not a model at all, but long enough to look at")));
  await expect(page.getByRole("alert")).toContainText("Could not be read");
  await page.getByRole("button", { name: /^Bytes/ }).click();
  await expect(row(page, 0)).toContainText("model.mlmodel");
  await clean();
});

test("names that mean harm are shown as names", async ({ page }) => {
  const clean = await open(page);
  const hostile = '"><img src=x onerror="globalThis.harmed=1"><b>_\u202e\u0007<script>globalThis.harmed=1</script>';
  const weights = [[`${hostile}_a`, 512], [`${hostile}_b`, 512]];
  const operations = [
    operation("add", "x", `${hostile}_a`, hostile, 512),
    operation(hostile, hostile, `${hostile}_b`, "y", 512),
  ];
  await give(page, pack("harmless", weights, operations, "y"));
  await expect(row(page, 0)).toContainText("<img src=x");
  for (const list of [/^Operations/, /^Kinds/, /^Shared/, /^Bytes/]) await page.getByRole("button", { name: list }).click();
  await panel(page).getByRole("button", { name: "By encoding" }).click();
  expect(await panel(page).locator("img, script, i").count()).toBe(0);
  expect(await page.evaluate(() => globalThis.harmed)).toBeUndefined();
  expect(await panel(page).textContent()).not.toContain("\u202e");
  await clean();
});

test("twenty thousand operations scroll with a screenful of rows in the page", async ({ page }) => {
  const clean = await open(page);
  // The page itself is drawn by now; what counts is the file.
  await expect(page.locator("#r-limits")).not.toBeEmpty();
  await page.evaluate(() => void globalThis.tasks.splice(0));
  await give(page, long(20_000));
  await page.getByRole("button", { name: /^Operations/ }).click();
  await expect(row(page, 0)).toContainText("sum_0");
  await expect(page.locator("table.rows")).toHaveAttribute("aria-rowcount", "20001");
  const box = page.locator(".rows-box");
  const opening = await page.evaluate(() => Math.max(0, ...globalThis.tasks.splice(0)));
  const frames = await box.evaluate(async (box) => {
    const times = [];
    let last = performance.now();
    for (let idx = 0; idx < 120; idx++) {
      box.scrollTop += 900;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times.sort((a, b) => a - b);
  });
  const scrolling = await page.evaluate(() => Math.max(0, ...globalThis.tasks));
  const fps = Math.round((1000 * frames.length) / frames.reduce((sum, time) => sum + time, 0));
  console.log(
    `20 000 operations: longest task while opening ${Math.round(opening)} ms, while scrolling ${Math.round(scrolling)} ms;`,
    `${fps} frames a second, median ${frames[60].toFixed(1)} ms, 95 % ${frames[114].toFixed(1)} ms`,
  );
  expect(await page.locator("table.rows tbody tr").count()).toBeLessThan(80);
  await box.focus();
  await page.keyboard.press("End");
  await expect(row(page, 19_999)).toContainText("sum_19999");
  await page.keyboard.press("Home");
  await expect(row(page, 0)).toContainText("sum_0");
  await page.keyboard.press("PageDown");
  await expect(row(page, 0)).not.toBeInViewport();
  await clean();
});

for (const [name, width, scheme] of [
  ["wide and light", 1280, "light"],
  ["wide and dark", 1280, "dark"],
  ["a phone in the light", 375, "light"],
  ["a phone in the dark", 375, "dark"],
]) {
  test(`the panel has nothing that axe objects to: ${name}`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    const clean = await open(page);
    await give(page, long(300));
    await expect(row(page, 0)).toContainText("model_layers");
    await expect(panel(page).locator("g.tile").first()).toBeVisible();
    const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
    expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`)).toEqual([]);
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(sideways).toBeLessThanOrEqual(0);
    if (process.env.PLANNER_PICTURES) {
      await panel(page).screenshot({ path: `${process.env.PLANNER_PICTURES}/package-${width}-${scheme}.png` });
    }
    await clean();
  });
}
