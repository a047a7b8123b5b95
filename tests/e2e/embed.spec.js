// The page of recipes, and its recipes for plain HTML, pasted into a page of another folder as a reader would.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

/** A page that holds a recipe, with the address of this site in the place of the example's. */
async function paste(page, baseURL, title) {
  await page.goto("recipes.html");
  const recipe = await page.locator("pre").filter({ hasText: title }).first().textContent();
  expect(recipe).toContain("https://planner.example/");
  const body = `<!doctype html><html lang="en"><title>A page</title><body>${recipe.replaceAll("https://planner.example/", baseURL)}`;
  await page.route("**/elsewhere/page.html", (route) => route.fulfill({ contentType: "text/html", body }));
  await page.goto("/elsewhere/page.html");
  return page.frameLocator("iframe");
}

test("the recipes are a page without complaints, at every width and in both themes", async ({ page }) => {
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.goto("recipes.html");
      const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
      expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target + node.failureSummary)}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  }
  if (process.env.PLANNER_PICTURES) await page.screenshot({ path: `${process.env.PLANNER_PICTURES}/recipes.png` });
  expect(complaints).toEqual([]);
});

test("the element of the recipe shows its plan and grows with it", async ({ page, baseURL }) => {
  const planner = await paste(page, baseURL, "context=\"4096\"");
  await expect(planner.locator("h1")).toContainText("Llama 3.2 3B");
  await expect(planner.locator(".masthead")).toBeHidden();
  await expect.poll(() => page.locator("iframe").evaluate((frame) => frame.clientHeight)).toBeGreaterThan(700);
});

test("the frame of the recipe shows its plan", async ({ page, baseURL }) => {
  const planner = await paste(page, baseURL, "loading=\"lazy\"");
  await expect(planner.locator("h1")).toContainText("Llama 3.2 3B");
});
