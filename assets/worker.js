// Reads a dropped model off the main thread, with the same wasm as the page: there, ranges of a file can be read
// synchronously (FileReaderSync), so the reader is the one that the command-line tool uses.
self.onmessage = async ({ data }) => {
  try {
    const planner = await import(data.addresses.js);
    await planner.default({ module_or_path: data.addresses.wasm });
    const bytes = planner.open_in_worker(data.paths, data.files);
    self.postMessage({ bytes }, [bytes.buffer]);
  } catch (error) {
    self.postMessage({ failure: String(error) });
  }
};
