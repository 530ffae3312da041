/**
 * CJDS's journey widget as one script for a page: its source and that of its components (both MIT) as they were
 * published, bundled by esbuild instead of webpack, since half of that is no more to be had. Everything lies in
 * the cache of `npm run sdks`.
 *
 *     git: cjaas-widgets, cjaas-common-components ─┐
 *     npm: what they import ───────────────────────┴─▶ colours generated ─▶ bundle
 */
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { cached, fetchTool, placeInCache, runTool } from '../sdks/tools.ts';

export const widgetVersion = '9.0.0';
const cacheName = `journey-widget-${widgetVersion}`;
const readyFile = 'ready';

/** Whether it was fetched before. */
export function isWidgetHere(): boolean {
  return existsSync(join(placeInCache(cacheName), readyFile));
}

/** Its version 9.0.0, and the version of the components that it names. */
const sources = {
  widget: {
    url: 'https://github.com/CiscoDevNet/cjaas-widgets',
    ref: '5f3a25962b209a8b5e2d3f393da0020fae91a3f7',
  },
  components: {
    url: 'https://github.com/CiscoDevNet/cjaas-common-components',
    ref: 'd47975e4581b3483c0cc6c89f00b7d15ecabc5b3',
  },
};

/** As the two name them, or next to that where it is not published. */
const packages = {
  '@momentum-ui/core': '19.16.1',
  '@momentum-ui/tokens': '1.7.1',
  '@momentum-ui/utils': '6.2.15',
  '@momentum-ui/web-components': '2.5.3',
  axios: '0.21.4',
  'axios-retry': '3.3.1',
  'country-codes-list': '1.6.8',
  'fs-extra': '9.0.1',
  'fs-path': '0.0.24',
  handlebars: '4.7.6',
  'libphonenumber-js': '1.10.6',
  linkifyjs: '3.0.5',
  'lit-element': '2.3.1',
  'lit-html': '1.2.1',
  'lodash.groupby': '4.6.0',
  luxon: '1.28.1',
  'mixpanel-browser': '2.42.0',
  'query-selector-shadow-dom': '0.4.6',
  sass: '1.60.0',
  uuid: '8.3.2',
};

/** The components that the widget imports, by the names under which they were published. */
const components: Readonly<Record<string, string>> = {
  'cjaas-timeline': 'timeline/Timeline.ts',
  'cjaas-profile': 'profile/Profile.ts',
  'cjaas-identity': 'identity/Identity.ts',
};

/** The agent's desktop has the input elements that the widget uses; so does this page. */
const page = `
  import '@momentum-ui/web-components/dist/comp/md-dropdown';
  import '@momentum-ui/web-components/dist/comp/md-input';
  import '@momentum-ui/web-components/dist/comp/md-tooltip';
  import './widget/CustomerJourney/src/index.ts';`;

/** The script of a page that can hold a `customer-journey-widget`. @throws Missing when it cannot be had. */
export async function widgetPage(): Promise<string> {
  const directory = cached(cacheName);
  if (!isWidgetHere()) await fetchAll(directory);
  const { outputFiles } = await build({
    stdin: { contents: page, resolveDir: directory },
    bundle: true,
    write: false,
    outfile: 'page.js',
    format: 'iife',
    platform: 'browser',
    plugins: [asWebpackDoes(directory)],
    nodePaths: [join(directory, 'node_modules')],
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.DOTENV': 'undefined' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl' },
    tsconfigRaw: {
      compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false },
    },
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

async function fetchAll(directory: string): Promise<void> {
  for (const [name, { ref, url }] of Object.entries(sources)) {
    const cwd = cached(`${cacheName}/${name}`);
    await runTool({ command: 'git', args: ['init', '--quiet'], cwd });
    const args = ['fetch', '--quiet', '--depth', '1', url, ref];
    await fetchTool({ command: 'git', args, cwd });
    const checkout = ['checkout', '--quiet', '--force', 'FETCH_HEAD'];
    await runTool({ command: 'git', args: checkout, cwd });
  }
  const manifest = { private: true, dependencies: packages };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  const install = ['install', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  await fetchTool({ command: 'npm', args: install, cwd: directory });
  // Theirs: it writes the colours that style sheets import.
  const generate = 'components/src/utils/generateScssFromTokens.js';
  await runTool({ command: process.execPath, args: [generate], cwd: directory });
  writeFileSync(join(directory, readyFile), '');
}

/** The part of sass that is used. */
interface Sass {
  compile(
    path: string,
    options: {
      logger: unknown;
      importers: readonly { findFileUrl(url: string): URL | null }[];
    },
  ): { css: string };
  readonly Logger: { readonly silent: unknown };
}

/** Aliases and style sheets as the webpack configurations of the two have them. */
function asWebpackDoes(directory: string): Plugin {
  const sass = createRequire(join(directory, 'package.json'))('sass') as Sass;
  const places = ['widget/CustomerJourney/src', 'components/src'].map((place) =>
    join(directory, place),
  );
  const homeOf = (file: string): string => places.find((place) => file.startsWith(place))!;
  return {
    name: 'as-webpack-does',
    setup(builder) {
      builder.onResolve({ filter: /^@cjaas\/common-components\/dist\/comp\// }, ({ path }) => {
        const file = components[path.slice(path.lastIndexOf('/') + 1)];
        return file === undefined ? undefined : { path: join(places[1]!, 'components', file) };
      });
      builder.onResolve({ filter: /^@\// }, ({ importer, kind, path }) =>
        builder.resolve(join(homeOf(importer), path.slice(2)), { kind, resolveDir: directory }),
      );
      builder.onLoad({ filter: /\.scss$/ }, ({ path }) => {
        const findFileUrl = (url: string): URL | null =>
          url.startsWith('@/') ? pathToFileURL(join(homeOf(path), url.slice(2))) : null;
        const options = { logger: sass.Logger.silent, importers: [{ findFileUrl }] };
        const { css } = sass.compile(path, options);
        const contents = `import { css, unsafeCSS } from 'lit-element';
          export default css\`\${unsafeCSS(${JSON.stringify(css)})}\`;`;
        return { contents, loader: 'js', resolveDir: directory };
      });
    },
  };
}
