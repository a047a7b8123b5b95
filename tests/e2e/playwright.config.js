// The site is served from a sub-path, as on GitHub Pages. No retries: a test that fails now and then is a fault.
import { defineConfig } from "@playwright/test";

const port = 4179;
export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.js",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 60_000,
  reporter: [["list"]],
  use: {
    baseURL: `http://127.0.0.1:${port}/some/where/`,
    launchOptions: {
      executablePath: process.env.PLANNER_BROWSER || undefined,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
  webServer: {
    command: `node server.js ${port}`,
    url: `http://127.0.0.1:${port}/some/where/`,
    reuseExistingServer: false,
  },
});
