// The page is built into dist/, which is kept in the repository and embedded in the programs: building them takes no Node.
import { defineConfig } from 'vite';

/** Where `npm run dev` finds a running market. */
const market = process.env.KLINED_MARKET ?? 'http://127.0.0.1:8780';

export default defineConfig({
  build: {
    // Nothing inline: the page's content security policy allows no inline script, style or data.
    assetsInlineLimit: 0,
    modulePreload: false,
    license: { fileName: 'licenses.txt' },
    rolldownOptions: {
      output: {
        // The chart library changes seldom, so browsers and the repository keep its file.
        codeSplitting: { groups: [{ name: 'charts', test: /node_modules/ }] },
      },
    },
  },
  server: { proxy: { '/api': market, '/ws': { target: market, ws: true } } },
});
