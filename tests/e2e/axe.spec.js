// Every panel of the planner, at the top and alone in somebody else's page, in both themes and at four widths: nothing that
// axe objects to, and nothing that makes the page scroll sideways. The names of the panels are read where they are declared,
// so that a new panel cannot be forgotten.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

const WIDTHS = [320, 375, 1280, 2560];
// Longer than the page waits for the last change of several.
const REST = 250;
const THEMES = ["light", "dark"];
const COLOURS = ["color-contrast", "link-in-text-block"];
const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const shell = readFileSync(file("../../src/markup/shell.rs"), "utf8");
const regions = [...shell.matchAll(/Region \{ panel: "([a-z]+)", tab: None \}|region\("([a-z]+)", "([a-z]+)"\)/g)].map(
  ([, alone, panel, tab]) => ({ panel: alone ?? panel, tab }),
);
const declared = Number(shell.match(/REGIONS: \[Region; (\d+)\]/)[1]);
// What a panel shows only once it is asked.
const LINK = "v=1&m=llama-3.2-3b&d=iphone-15-pro";
const PACKAGE = file("../packages/conv_lut4_ios17.mlpackage.zip");
const asks = (panel) => (panel === "lesson" ? "lesson=core-ml-and-ane&" : "");

/** Opens an address, and a package where a panel is about one. */
async function open(page, address, withPackage) {
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(address);
  await expect(page.locator("#r-model")).not.toBeEmpty();
  if (withPackage) await page.locator('input[type="file"]').first().setInputFiles(PACKAGE);
}

/** Every width and theme of the page as it stands. A theme changes colours and nothing else: the second one is asked for those. */
async function everywhere(page, name, within = []) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await drawn(page);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const axe = within.reduce((axe, part) => axe.include(part), new AxeBuilder({ page }));
      const asked = colorScheme === THEMES[0] ? axe.withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]) : axe.withRules(COLOURS);
      const { violations } = await asked.analyze();
      const said = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
      expect(said, `${name}, ${width} px, ${colorScheme}`).toEqual([]);
      if (process.env.PLANNER_PICTURES) {
        const path = `${process.env.PLANNER_PICTURES}/${name.replaceAll(/\W+/g, "-")}-${width}-${colorScheme}.png`;
        await page.screenshot({ path, fullPage: true });
      }
    }
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(sideways, `${name} at ${width} px`).toBeLessThanOrEqual(0);
    expect(await page.evaluate(cutOff), `texts that leave their picture: ${name} at ${width} px`).toEqual([]);
  }
}

/** The texts of pictures that are not wholly inside of their picture. */
function cutOff() {
  const isOut = (text) => {
    const [own, around] = [text, text.ownerSVGElement].map((element) => element.getBoundingClientRect());
    return own.width > 0 && (own.left < around.left - 1 || own.right > around.right + 1 || own.top < around.top - 1 || own.bottom > around.bottom + 1);
  };
  return [...document.querySelectorAll("svg.chart text")].filter(isOut).map((text) => text.textContent);
}

/** Waits until the panels on the page stand still: those that the worker draws are drawn again for every width. */
async function drawn(page) {
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  let last = "";
  const still = async () => {
    const before = last;
    last = await page.evaluate(() => document.querySelectorAll('[aria-busy="true"]').length + document.querySelector("#plan").innerHTML);
    return last === before && last.startsWith("0");
  };
  await expect.poll(still, { intervals: [REST], timeout: 20_000 }).toBe(true);
  // What is under the strip of tabs that sticks would be measured by what is seen of it.
  await page.evaluate(() => scrollTo(0, 0));
}

test("every region of the page is one of those tested here", async () => {
  expect(regions.length).toBe(declared);
});

const tabs = [...new Set(regions.flatMap(({ tab }) => tab ?? []))];
for (const tab of tabs) {
  test(`the tab ${tab} has nothing that axe objects to, in any theme, at any width`, async ({ page }) => {
    test.setTimeout(180_000);
    // Two plans to compare, and the question that has most to show.
    const pins = ["iphone-13", "macbook-air-m4"].map((device) => `&c=${encodeURIComponent(`v=1&m=llama-3.2-3b&d=${device}`)}`);
    await open(page, `#${LINK}&t=${tab}${tab === "compare" ? pins.join("") : ""}`, tab === "package");
    if (tab === "package") await page.locator(".tabs").getByRole("button", { name: "The package" }).click();
    if (tab === "find") await page.locator("#find-question").selectOption("devices");
    // What stands above the tabs is looked at once, whole.
    await everywhere(page, `tab ${tab}`, tab === tabs[0] ? [] : [".masthead", ".tabs", ...regions.filter((own) => own.tab === tab).map(({ panel }) => `#r-${panel}`)]);
  });
}

for (const { panel, tab } of regions) {
  test(`the panel ${panel} alone in a frame has nothing that axe objects to, in any theme, at any width`, async ({ page }) => {
    test.setTimeout(120_000);
    await open(page, `?embed=1&panel=${panel}&${asks(panel)}#${LINK}`, tab === "package");
    await expect(page.locator(`#r-${panel}`)).not.toBeEmpty({ timeout: 20_000 });
    await everywhere(page, `panel ${panel}`);
  });
}

test("the dialogs have nothing that axe objects to, in any theme, at any width", async ({ page }) => {
  test.setTimeout(180_000);
  await open(page, `#${LINK}`);
  for (const opener of ["#r-figures .why", ".matrix-quality", "#r-figures .term", "#r-verdict .why"]) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.locator(opener).first().click();
    await expect(page.locator("#sheet .sheet-body")).not.toContainText("Looking it up");
    await everywhere(page, `dialog of ${opener}`, ["#sheet"]);
    await page.keyboard.press("Escape");
  }
});
