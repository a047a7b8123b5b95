export default {
  title: "A site with the planner in it",
  url: "http://127.0.0.1",
  baseUrl: "/",
  scripts: [{ src: "https://planner.example/embed.js", type: "module" }],
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false }]],
};
