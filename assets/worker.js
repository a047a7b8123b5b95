// Reads a dropped model off the main thread, keeps it, and answers questions about it, and draws the panels that a first
// visit does not need. It is a wasm of its own, loaded when it is first asked for something. Messages in: {id, paths,
// files} opens, {id, query} asks, {id, panel, link, width, everything, more} draws. Messages out, with the same id: {read}
// how many bytes were read so far, then {bytes} or {text} the answer, or {failure} why there is none.
const started = import("./reader.js").then(async (reader) => {
  // Kept where a profiler finds it: how much memory the reader has.
  self.wasm = await reader.default();
  return reader;
});
let measured;
const rows = () => (measured ??= fetch(new URL("accuracy.tsv", self.location.href)).then((got) => (got.ok ? got.text() : "")).catch(() => ""));
self.onmessage = async ({ data: { id, paths, files, query, panel, link, width, everything, more } }) => {
  try {
    const reader = await started;
    if (panel !== undefined) {
      // The measured rows are a file of the site, fetched once when they are first looked at.
      if (panel === "accuracy") more += `\n${await rows()}`;
      // What is taken away leads back to where this page is served.
      if (panel === "take") more = new URL("./", self.location.href).href;
      self.postMessage({ id, text: reader.panel(panel, link, width, everything, more) });
      return;
    }
    const say = (read) => self.postMessage({ id, read });
    const bytes = query ? reader.answer(query) : reader.open_files(paths, files, say);
    self.postMessage({ id, bytes }, [bytes.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: String(error) });
  }
};
