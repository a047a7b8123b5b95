// The planner in somebody else's page: the protocol, the element, locks and themes; and at home, without a network.
import { expect, test } from "@playwright/test";

const LINK = "v=1&m=llama-3.2-1b&d=iphone-15-pro";

/** A page of another folder with this body, and what it heard. */
async function host(page, body) {
  await page.route("**/elsewhere/page.html", (route) =>
    route.fulfill({ contentType: "text/html", body: `<!doctype html><html lang="en"><title>A page</title><body>${body}` }),
  );
  await page.addInitScript(() => {
    if (window !== top) return;
    globalThis.heard = [];
    addEventListener("message", ({ data }) => globalThis.heard.push(data));
    for (const name of ["ready", "change", "lesson"]) {
      addEventListener(name, (event) => event.detail?.link && globalThis.heard.push({ fired: name, ...event.detail }));
    }
  });
  await page.goto("/elsewhere/page.html");
  return page.frameLocator("iframe");
}

const heard = (page, wanted) =>
  page.evaluate((names) => globalThis.heard.filter((message) => names.some((name) => (message.type ?? message.fired) === name)), wanted);

test("a page that answers the hello may set the plan, ask for it, and hears of changes", async ({ page, baseURL }) => {
  const planner = await host(page, `<iframe src="${baseURL}index.html?embed=1#${LINK}" width="900" height="900"></iframe>`);
  await expect(planner.locator("h1")).toContainText("Llama 3.2 1B");
  await expect.poll(async () => (await heard(page, ["hello"])).length).toBeGreaterThan(0);
  // Before the handshake nothing is told but that a planner is here and how high it is; and nothing is taken.
  expect(await heard(page, ["ready", "change"])).toEqual([]);
  const say = (message) =>
    page.evaluate((words) => document.querySelector("iframe").contentWindow.postMessage({ planner: 1, ...words }, "*"), message);
  await say({ type: "set", link: "v=1&m=llama-3.2-3b&d=iphone-15-pro" });
  await say({ type: "hello", versions: [99] });
  await page.waitForTimeout(300);
  await expect(planner.locator("h1")).toContainText("Llama 3.2 1B");

  await say({ type: "hello", versions: [1, 99] });
  await expect.poll(async () => (await heard(page, ["ready"])).length).toBe(1);
  const [ready] = await heard(page, ["ready"]);
  expect(ready.link).toContain("m=llama-3.2-1b");
  expect(ready.answer.sentence).toContain("Llama 3.2 1B");
  expect(["fits", "tight", "no", "unknown"]).toContain(ready.answer.status);
  await say({ type: "set", link: "v=1&m=llama-3.2-3b&d=iphone-15-pro" });
  await expect(planner.locator("h1")).toContainText("Llama 3.2 3B");
  await expect.poll(async () => (await heard(page, ["change"])).at(-1)?.answer.sentence ?? "").toContain("Llama 3.2 3B");
  // Words that are no link leave the planner standing and say what is wrong.
  await say({ type: "set", link: "v=1&m=<img src=x onerror=alert(1)>" });
  await expect(planner.locator("#r-notes")).toContainText("m");
  await expect(planner.locator("h1")).toBeVisible();
});

test("a learning platform hears the frame's height in its own words", async ({ page, baseURL }) => {
  await host(page, `<iframe src="${baseURL}index.html?embed=1#${LINK}" width="900" height="300"></iframe>`);
  const lti = () =>
    page.evaluate(() => {
      const forms = globalThis.heard.filter((message) => (typeof message === "string" ? JSON.parse(message) : message).subject === "lti.frameResize");
      return new Set(forms.map((message) => typeof message)).size;
    });
  await expect.poll(lti).toBe(2);
});

test("the element takes attributes, fires changes, and follows its attributes", async ({ page, baseURL }) => {
  const element = '<coreml-planner model="llama-3.2-1b" device="iphone-15-pro" panel="verdict,matrix" theme="dark"></coreml-planner>';
  const planner = await host(page, `<script type="module" src="${baseURL}embed.js"></script>${element}`);
  await expect(planner.locator("h1")).toContainText("Llama 3.2 1B");
  await expect(planner.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(planner.locator("#r-figures")).toBeHidden();
  await expect.poll(async () => (await heard(page, ["ready"])).length).toBeGreaterThan(0);
  await planner.locator("table.matrix .cell[aria-pressed=false]").first().click();
  await expect.poll(async () => (await heard(page, ["change"])).length).toBeGreaterThan(0);
  const link = await page.evaluate(() => document.querySelector("coreml-planner").permalink);
  expect(link).toContain("some/where/#v=1");
  await page.evaluate(() => document.querySelector("coreml-planner").setAttribute("model", "llama-3.2-3b"));
  await expect(planner.locator("h1")).toContainText("Llama 3.2 3B");
});

test("the element leaves the page's tree alone and dresses as the page around it does", async ({ page, baseURL }) => {
  const element = '<coreml-planner model="llama-3.2-1b"><a href="#">The planner, for those without scripts</a></coreml-planner>';
  const planner = await host(page, `<script type="module" src="${baseURL}embed.js"></script>${element}`);
  await expect(planner.locator("h1")).toContainText("Llama 3.2 1B");
  // A framework that finds children it did not write draws the page again.
  expect(await page.evaluate(() => document.querySelector("coreml-planner").children.length)).toBe(1);
  const theme = planner.locator("html");
  await expect(theme).toHaveAttribute("data-theme", "light");
  const paint = (background) =>
    page.evaluate((colour) => document.body.setAttribute("style", `background: ${colour}`), background);
  await paint("#101218");
  await expect(theme).toHaveAttribute("data-theme", "dark");
  await paint("#fff");
  await expect(theme).toHaveAttribute("data-theme", "light");
  await page.evaluate(() => document.querySelector("coreml-planner").setAttribute("theme", "auto"));
  await expect(theme).not.toHaveAttribute("data-theme");
});

test("locks take away what they name, for hands and for keys", async ({ page }) => {
  await page.goto(`?embed=1&lock=model,workload#${LINK}`);
  await expect(page.locator("h1")).toBeVisible();
  await expect(page.locator('[data-control="device"]')).toBeVisible();
  for (const control of ["model", "workload"]) await expect(page.locator(`[data-control="${control}"]`)).toBeHidden();
  await page.goto(`?embed=1&lock=1#${LINK}`);
  await page.reload();
  await expect(page.locator("h1")).toBeVisible();
  await expect(page.locator(".rail")).toBeHidden();
});

test("after one visit the planner works without a network, panels of the worker too", async ({ page, context }) => {
  await page.goto(`?offline#${LINK}`);
  await expect(page.locator("h1")).toContainText("Llama 3.2 1B");
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    if (active.state !== "activated") await new Promise((done) => active.addEventListener("statechange", done, { once: true }));
  });
  await context.setOffline(true);
  await page.reload();
  await expect(page.locator("h1")).toContainText("Llama 3.2 1B");
  await page.locator(".tabs").getByRole("button", { name: "What else fits" }).click();
  await expect(page.locator("#r-find table").first()).toBeVisible();
  await page.locator(".tabs").getByRole("button", { name: "Accuracy" }).click();
  await expect(page.locator("#r-accuracy svg").first()).toBeVisible();
  // A frame registers nothing: the page around decides what is kept.
  await context.setOffline(false);
});

test("a frame leaves no service worker behind", async ({ page, baseURL }) => {
  const planner = await host(page, `<iframe src="${baseURL}index.html?embed=1&offline#${LINK}" width="900" height="900"></iframe>`);
  await expect(planner.locator("h1")).toBeVisible();
  expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0);
});

test("the site stands at the root of a host as well", async ({ page }) => {
  await page.goto(`/index.html#${LINK}`);
  await expect(page.locator("h1")).toContainText("Llama 3.2 1B");
  await page.locator(".tabs").getByRole("button", { name: "Where it runs" }).click();
  await expect(page.locator("#r-placement")).toContainText("Neural Engine");
});
