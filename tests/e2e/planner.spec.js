// The page as a person meets it: it answers, explains, reads a package, keeps its state in the link, and is accessible.
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

const fixture = fileURLToPath(new URL("../packages/conv_lut4_ios17.mlpackage.zip", import.meta.url));

/** Opens the page and fails on any console error, page error or request to another host. */
async function open(page, hash = "") {
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.hostname !== "127.0.0.1") complaints.push(`request to ${url.host}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.violatedDirective));
  });
  await page.goto(hash);
  await expect(page.locator("h1")).toBeVisible();
  return async () => {
    expect(complaints).toEqual([]);
    expect(await page.evaluate(() => globalThis.violations)).toEqual([]);
  };
}

async function accessible(page) {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
  const short = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
  expect(short).toEqual([]);
}

test("answers the course's question at once", async ({ page }) => {
  const clean = await open(page);
  await expect(page.locator("h1")).toContainText("Llama 3.2 3B");
  await expect(page.locator("h1")).toContainText("iPhone 15 Pro");
  const figures = page.locator("dl.figures");
  await expect(figures).toContainText("Bundle");
  await expect(figures).toContainText("tok/s");
  await expect(page.locator("table.matrix thead")).toContainText("Neural Engine");
  const shown = await page.locator("table.matrix button.cell").count();
  expect(shown).toBeGreaterThan(40);
  await page.getByRole("checkbox", { name: /every variant/i }).check();
  expect(await page.locator("table.matrix button.cell").count()).toBeGreaterThan(100);
  await clean();
});

test("another device gives another answer, and the link holds it", async ({ page }) => {
  const clean = await open(page);
  const before = await page.locator("h1").textContent();
  await page.locator("#device").selectOption("iphone-13");
  await expect(page.locator("h1")).toContainText("iPhone 13");
  expect(await page.locator("h1").textContent()).not.toBe(before);
  await expect(page).toHaveURL(/d=iphone-13/);
  const link = page.url();
  const after = await page.locator("h1").textContent();
  await page.goto("about:blank");
  await page.goto(link);
  await expect(page.locator("h1")).toHaveText(after);
  await clean();
});

test("a cell that is picked becomes the answer", async ({ page }) => {
  const clean = await open(page);
  const row = page.locator("table.matrix tr", { has: page.locator("th", { hasText: "Float16" }) }).first();
  const cell = row.locator("button.cell").first();
  // What binds a cell is said for a pointer and for the focus alike.
  const readout = page.locator(".matrix-readout");
  await cell.focus();
  await expect(readout).toContainText("Float16");
  await expect(readout).toContainText("limited by");
  await row.locator("button.cell").nth(2).hover();
  await expect(readout).toContainText("CPU + GPU");
  await cell.click();
  await expect(cell).toHaveAttribute("aria-pressed", "true");
  await expect(page).toHaveURL(/q=fp16/);
  await expect(page.locator("h1")).toContainText("does not fit", { ignoreCase: true });
  await clean();
});

test("every figure explains itself with formula and sources", async ({ page }) => {
  const clean = await open(page);
  await expect(page.locator("dl.figures")).toContainText(/error \d+ %/);
  await page.locator('dl.figures button[aria-label^="Why"]').nth(2).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  await expect(dialog).toContainText("bandwidth");
  await expect(dialog).toContainText("Median error on rows of sources that the fit had not seen");
  expect(await dialog.locator("a[href^=http]").count()).toBeGreaterThan(0);
  await accessible(page);
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await clean();
});

test("reads a real package that a person picks, and plans it", async ({ page }) => {
  const clean = await open(page);
  await page.locator('input[type="file"]').first().setInputFiles(fixture);
  await expect(page.locator("h1")).toContainText("conv_lut4_ios17");
  await expect(page.locator("body")).toContainText("mlProgram");
  await expect(page.locator("body")).toContainText("lut4");
  await accessible(page);
  await clean();
});

test("reads a real package that a person drops", async ({ page }) => {
  const clean = await open(page);
  const bytes = (await import("node:fs")).readFileSync(fixture).toString("base64");
  const transfer = await page.evaluateHandle((base64) => {
    const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([data], "conv_lut4_ios17.mlpackage.zip"));
    return transfer;
  }, bytes);
  await page.dispatchEvent(".drop", "drop", { dataTransfer: transfer });
  await expect(page.locator("h1")).toContainText("conv_lut4_ios17");
  await clean();
});

test("says what is wrong with a file that is no model, and keeps the plan", async ({ page }) => {
  const clean = await open(page);
  const before = await page.locator("h1").textContent();
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n";
  await page.locator('input[type="file"]').first().setInputFiles({
    name: "weights.mlmodel",
    mimeType: "application/octet-stream",
    buffer: Buffer.from(pointer),
  });
  await expect(page.getByRole("alert")).toContainText("Git LFS pointer");
  expect(await page.locator("h1").textContent()).toBe(before);
  await clean();
});

test("a link with a mistake says so and answers anyway", async ({ page }) => {
  const clean = await open(page, "#v=1&m=llama-3.2-3b&d=iphone-15-pro&ctx=many");
  await expect(page.locator("body")).toContainText("ctx=many");
  await expect(page.locator("h1")).toContainText("Llama 3.2 3B");
  await clean();
});

for (const [name, width, scheme] of [
  ["wide and light", 1280, "light"],
  ["wide and dark", 1280, "dark"],
  ["a phone in the light", 375, "light"],
  ["a phone in the dark", 375, "dark"],
]) {
  test(`has nothing that axe objects to: ${name}`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    const clean = await open(page);
    await accessible(page);
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(sideways).toBeLessThanOrEqual(0);
    await clean();
  });
}

test("nothing scrolls sideways at 320 px", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 800 });
  const clean = await open(page);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(sideways).toBeLessThanOrEqual(0);
  await clean();
});

test("the main job can be done by keyboard alone", async ({ page }) => {
  const clean = await open(page);
  await page.keyboard.press("Tab");
  await expect(page.locator("a.skip")).toBeFocused();
  await page.locator("#device").focus();
  await page.keyboard.type("iPhone 13");
  await expect(page.locator("h1")).toContainText("iPhone 13");
  const cell = page.locator("table.matrix button.cell").nth(5);
  await cell.focus();
  await page.keyboard.press("Enter");
  await expect(cell).toHaveAttribute("aria-pressed", "true");
  const why = page.locator('dl.figures button[aria-label^="Why"]').first();
  await why.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(why).toBeFocused();
  await clean();
});
