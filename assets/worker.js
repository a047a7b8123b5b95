// Reads a dropped model off the main thread, keeps it, and answers questions about it. The reader is a wasm of its own,
// loaded when the first file is opened. Messages in: {id, paths, files} opens, {id, query} asks. Messages out, with the
// same id: {read} how many bytes were read so far, then {bytes} the answer, or {failure} why there is none.
const started = import("./reader.js").then(async (reader) => {
  // Kept where a profiler finds it: how much memory the reader has.
  self.wasm = await reader.default();
  return reader;
});
self.onmessage = async ({ data: { id, paths, files, query } }) => {
  try {
    const reader = await started;
    const say = (read) => self.postMessage({ id, read });
    const bytes = query ? reader.answer(query) : reader.open_files(paths, files, say);
    self.postMessage({ id, bytes }, [bytes.buffer]);
  } catch (error) {
    self.postMessage({ id, failure: String(error) });
  }
};
