// The panels that the worker draws, the tabs that hold them, and what they take away from the page.
import { readFileSync } from "node:fs";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

async function open(page, address = "") {
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  await expect(page.locator("h1")).toBeVisible();
  return () => expect(complaints).toEqual([]);
}

async function accessible(page) {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
  expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`)).toEqual([]);
}

const tab = (page, name) => page.locator(".tabs").getByRole("button", { name });

test("every part of the page has something in it, and axe objects to none", async ({ page }) => {
  test.setTimeout(180_000);
  const clean = await open(page);
  const parts = [
    ["Memory and limits", "Memory at run time"],
    ["Size and speed", "Size and speed of the variants"],
    ["Where it runs", "Where the work goes"],
    ["What else fits", "What else fits?"],
    ["Compare", "Plans side by side"],
    ["Take away", "convert.py"],
    ["Accuracy", "What is wrong with this planner"],
    ["Reference", "Neural Engine"],
  ];
  for (const [name, content] of parts) {
    await tab(page, name).click();
    await expect(page.locator("#plan")).toContainText(content, { timeout: 20_000 });
    await accessible(page);
  }
  await expect(page).toHaveURL(/t=known/);
  clean();
});

test("a mark of speed against size is reached by keyboard, read and planned", async ({ page }) => {
  const clean = await open(page, "#v=1&t=speed");
  const figure = page.locator('figure[data-name="frontier"]');
  const marks = figure.locator(".mark");
  await marks.first().focus();
  await page.keyboard.press("ArrowRight");
  await expect(marks.nth(1)).toBeFocused();
  await expect(figure.locator(".chart-readout")).toContainText("quality:");
  const pick = await marks.nth(1).getAttribute("data-pick");
  await page.keyboard.press("Enter");
  await expect(page.locator(`button.cell[data-pick="${pick}"]`)).toHaveAttribute("aria-pressed", "true");
  await expect(marks.nth(1)).toBeFocused();
  await accessible(page);
  clean();
});

test("a term opens its definition by keyboard, and gives the focus back", async ({ page }) => {
  const clean = await open(page);
  const term = page.locator("#r-figures").getByRole("button", { name: "Memory", exact: true });
  await term.focus();
  await page.keyboard.press("Enter");
  const sheet = page.locator("#sheet");
  await expect(sheet.getByRole("heading", { name: "run-time memory" })).toBeVisible();
  await expect(sheet).toContainText("also:");
  await accessible(page);
  await sheet.locator(".term").first().click();
  await expect(sheet.getByRole("heading", { name: "run-time memory" })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(sheet).toBeHidden();
  await expect(term).toBeFocused();
  for (const one of await page.locator("#r-matrix .term").all()) {
    expect((await one.boundingBox()).height).toBeGreaterThanOrEqual(24);
  }
  clean();
});

test("forced colours, less motion and paper each have what they need", async ({ page }) => {
  await open(page, "#v=1&t=speed");
  const style = (selector, name) =>
    page.locator(selector).first().evaluate((element, name) => getComputedStyle(element)[name], name);
  const seen = page.locator('figure[data-name="frontier"]');
  await expect(seen).toBeVisible({ timeout: 20_000 });
  await page.emulateMedia({ forcedColors: "active" });
  const [dot, ground] = [await style(".chart .dot", "fill"), await style(".chart .ring, body", "backgroundColor")];
  expect(dot).not.toBe(ground);
  expect(await style('.cell[aria-pressed="true"]', "outlineStyle")).toBe("solid");
  await accessible(page);
  await page.emulateMedia({ forcedColors: "none", reducedMotion: "reduce" });
  expect(await style("button", "transitionDuration")).toBe("0s");
  await page.locator(".figure .why").first().click();
  await expect(page.locator("#sheet")).toBeVisible();
  expect(await style("#sheet", "animationName")).toBe("none");
  await page.keyboard.press("Escape");
  await page.emulateMedia({ reducedMotion: "no-preference", media: "print" });
  for (const selector of [".chart-readout", ".tabs", ".chart-marks"]) {
    expect(await style(selector, "display")).toBe("none");
  }
  expect(await style("#matrix-scroller", "overflowX")).toBe("visible");
});

test("the largest model that fits is found, and opens as a plan", async ({ page }) => {
  const clean = await open(page, "#v=1&d=iphone-13&t=find");
  const found = page.locator("#r-find");
  await expect(found.locator(".found-answer")).toContainText("is the largest of");
  const first = found.locator("tbody a").first();
  const name = await first.textContent();
  await first.click();
  await expect(page.locator("h1")).toContainText(name);
  await found.locator("#find-question").selectOption("devices");
  await expect(found.locator(".found-answer")).toContainText("for sure");
  await found.locator("#find-speed").fill("nonsense");
  await found.locator("#find-speed").press("Tab");
  await expect(found.getByRole("alert")).toContainText("no number");
  clean();
});

test("plans are pinned, compared, kept in the link and taken out again", async ({ page }) => {
  const clean = await open(page, "#v=1&t=compare");
  await page.locator(".verdict").getByRole("button", { name: "Pin to compare" }).click();
  await page.locator("#device").selectOption("iphone-13");
  await expect(page.locator("h1")).toContainText("iPhone 13");
  await page.locator(".verdict").getByRole("button", { name: "Pin to compare" }).click();
  const table = page.locator("#r-compare table");
  await expect(table.locator("thead a")).toHaveCount(2);
  await expect(table.locator("tr.differs").first()).toBeVisible();
  await expect(page).toHaveURL(/c=.*c=/);
  await page.reload();
  await expect(table.locator("thead a")).toHaveCount(2);
  await table.getByRole("button", { name: "Take plan 1 out" }).click();
  await expect(table.locator("thead a")).toHaveCount(1);
  clean();
});

test("the scripts of the plan can be saved", async ({ page }) => {
  const clean = await open(page, "#v=1&t=take");
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save convert.py" }).click();
  const file = await saving;
  expect(file.suggestedFilename()).toBe("convert.py");
  expect(readFileSync(await file.path(), "utf8")).toContain("coremltools");
  clean();
});

test("a chart can be saved as SVG with its colours, and as PNG", async ({ page }) => {
  const clean = await open(page);
  const figure = page.locator('figure[data-name="memory"]');
  for (const [form, start] of [["SVG", "<svg"], ["PNG", "\x89PNG"]]) {
    const saving = page.waitForEvent("download");
    await figure.getByRole("button", { name: new RegExp(`as ${form}$`) }).click();
    const bytes = readFileSync(await (await saving).path(), "latin1");
    expect(bytes.startsWith(start)).toBe(true);
    if (form === "SVG") expect(bytes).toContain("fill=\"rgb");
  }
  clean();
});

test("a lesson checks what was done", async ({ page }) => {
  const clean = await open(page, "#v=1&l=fit-a-3b");
  const lesson = page.locator("#r-lesson");
  await expect(lesson).toContainText("Not yet");
  await lesson.getByRole("link", { name: "Start from the lesson's plan" }).click();
  await expect(page.locator("h1")).toContainText("iPhone 13 Pro");
  await expect(lesson).toContainText("Not yet");
  await page.locator('button.cell[data-pick="lut4-g16/cpu-and-ne"]').click();
  await expect(lesson).toContainText("Solved");
  await lesson.getByRole("radio", { name: /KV cache/ }).check();
  await expect(lesson).toContainText("Right.");
  await accessible(page);
  clean();
});

test("every operation can be looked at: where it lands, why, what is around it, and what would change it", async ({ page }) => {
  const clean = await open(page, "#v=1&m=llama-3.2-1b&d=iphone-15-pro&t=where");
  await page.getByRole("button", { name: "Look at every operation" }).click();
  const panel = page.locator("#r-operations");
  const status = panel.locator("p.hint[role=status]");
  await expect(status).toContainText(/operations$/);
  // Functions, a strip along each, and rows.
  await panel.getByRole("button", { name: "decode", exact: true }).click();
  await expect(panel.getByRole("button", { name: "decode", exact: true })).toHaveAttribute("aria-pressed", "true");
  await expect(panel.getByRole("region", { name: "Operations of decode" })).toBeVisible();
  const stretch = panel.locator("svg.lanes .tile").first();
  await stretch.focus();
  await page.keyboard.press("ArrowRight");
  await expect(panel.locator(".chart-readout")).toContainText("of the cost");
  await page.keyboard.press("Enter");
  await expect(panel.locator(".near h3")).not.toBeEmpty();
  // A row says what is around it; a neighbour leads on.
  await panel.getByRole("spinbutton").fill("3");
  await expect(panel.locator(".near")).toContainText("predicted on");
  const title = await panel.locator(".near h3").textContent();
  await panel.locator(".near .neighbours button").first().click();
  await expect(panel.locator(".near h3")).not.toHaveText(title);
  // By unit, and by words.
  await panel.getByRole("group", { name: "Unit", exact: true }).getByRole("button", { name: "CPU", exact: true }).click();
  await expect(status).toContainText(" of ");
  await panel.getByRole("searchbox").fill("no such operation");
  await expect(status).toContainText("0 of ");
  await panel.getByRole("searchbox").fill("");
  // A recipe says what it would change.
  const recipe = panel.locator("details.fold").filter({ has: page.getByRole("button", { name: "What would it change?" , includeHidden: true }) }).first();
  await recipe.locator("summary").click();
  await recipe.getByRole("button", { name: "What would it change?" }).click();
  await expect(recipe.locator("div[aria-live]")).toContainText("not measured");
  await panel.getByRole("button", { name: "The same model on every chip" }).click();
  await expect(panel.locator("table.heats")).toContainText("M4");
  await accessible(page);
  await clean();
});

test("a measured plan is laid over the prediction", async ({ page }) => {
  const clean = await open(page, "#v=1&m=resnet-50&d=macbook-air-m1&t=where");
  await expect(page.locator("#r-evidence")).toContainText("Open a measured plan");
  const plan = { name: "plan.json", mimeType: "application/json", buffer: Buffer.from("{\"layers\": 3}") };
  await page.locator("#r-evidence input[type=file]").setInputFiles(plan);
  await expect(page.locator("#r-evidence").getByRole("alert")).toBeVisible();
  clean();
});

test("an embedded page shows the panels it was asked for, and nothing else", async ({ page }) => {
  const clean = await open(page, "?embed=1&panel=verdict,limits&theme=dark#v=1&m=llama-3.2-1b");
  await expect(page.locator("h1")).toContainText("Llama 3.2 1B");
  await expect(page.locator("#r-limits")).toContainText("memory of one app");
  await expect(page.locator("table.matrix")).toHaveCount(0);
  await expect(page.locator(".masthead")).toBeHidden();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await accessible(page);
  clean();
});
