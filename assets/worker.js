// Reads a dropped model off the main thread. The reader is a wasm of its own, loaded when the first file is opened.
self.onmessage = async ({ data }) => {
  try {
    const reader = await import("./reader.js");
    await reader.default();
    const bytes = reader.open_files(data.paths, data.files);
    self.postMessage({ bytes }, [bytes.buffer]);
  } catch (error) {
    self.postMessage({ failure: String(error) });
  }
};
