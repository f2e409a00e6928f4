// Bundle the page of the preview: node build.mjs SOURCE OUT. Runs where the packages are installed (build/preview/npm).
import { build } from 'esbuild';
import path from 'node:path';

const [, , source, out] = process.argv;

// packages of CommonJS that say `exports.default`: from an .mjs file, esbuild hands out the whole module as Node would
const DOUBLE = /^(react-custom-scrollbars-2)$/;
const single = {
  name: 'single-default',
  setup(bundle) {
    bundle.onResolve({ filter: DOUBLE }, ({ path: name, pluginData }) => (pluginData === 'inside' ? undefined : { path: name, namespace: 'single-default' }));
    bundle.onLoad({ filter: /.*/, namespace: 'single-default' }, async ({ path: name }) => {
      const found = await bundle.resolve(name, { kind: 'import-statement', resolveDir: process.cwd(), pluginData: 'inside' });
      const contents = `import * as all from ${JSON.stringify(found.path)};
export default all.default?.default ?? all.default;
export const Scrollbars = all.Scrollbars;`;
      return { contents, resolveDir: process.cwd() };
    });
  },
};

await build({
  entryPoints: [source],
  outfile: out,
  bundle: true,
  minify: true,
  jsx: 'automatic',
  nodePaths: [path.join(process.cwd(), 'node_modules')],
  plugins: [single],
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.ttf': 'empty' },
  logLevel: 'warning',
});
