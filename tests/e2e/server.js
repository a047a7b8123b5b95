// A static file server for dist/ under a sub-path, as on GitHub Pages, and at the root, as on a host of its own.
// It compresses with brotli, as such hosts do.
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
const base = "/some/where/";
const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};
const compressed = new Map();

createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  const inside = normalize(path.slice(path.startsWith(base) ? base.length : 1) || "index.html");
  const file = join(dist, inside);
  if (inside.startsWith("..") || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end("not found");
    return;
  }
  if (!compressed.has(file)) compressed.set(file, brotliCompressSync(readFileSync(file)));
  const headers = { "content-type": types[extname(file)] ?? "application/octet-stream", "content-encoding": "br" };
  response.writeHead(200, headers).end(compressed.get(file));
}).listen(Number(process.argv[2]), "127.0.0.1");
