import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Beside each file stand a `.br` and a `.gz` of it: the gateway compresses nothing when it serves. */
const compressAhead: Plugin = {
  name: "compress-ahead",
  // After Vite has written the names of scripts and styles into index.html.
  enforce: "post",
  generateBundle(_options, bundle) {
    for (const [fileName, file] of Object.entries(bundle)) {
      const source = Buffer.from(
        file.type === "chunk" ? file.code : file.source,
      );
      const br = brotliCompressSync(source, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: source.length,
        },
      });
      const gz = gzipSync(source, { level: 9 });
      this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: br });
      this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gz });
    }
  },
};

export default defineConfig({
  // The gateway may be served under any path: files are named from where the page is.
  base: "./",
  plugins: [compressAhead],
  build: {
    target: "es2023",
    // A file of its own each: the Content-Security-Policy allows no `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
});
