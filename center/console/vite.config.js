// SPDX-License-Identifier: GPL-2.0-or-later
import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    outDir: "../../build/console",
    emptyOutDir: true,
    target: "es2022",
    // Center's Content-Security-Policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // light-dark() stays as it is written.
    cssTarget: "esnext",
  },
});
