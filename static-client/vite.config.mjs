import {
  copyFileSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { extensions, classicEmberSupport, ember } from '@embroider/vite';
import { babel } from '@rollup/plugin-babel';

/**
 * The page's own policy, for hosts that send none. The gateway, the storage and the functions may
 * each be elsewhere, so connections are open to https and to this machine.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "manifest-src 'self'",
  "connect-src 'self' https: wss: http://localhost:* http://127.0.0.1:* ws://localhost:* ws://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const policy = () => ({
  name: 'subspace-policy',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler(html, { path }) {
      if (path.includes('tests')) return html;
      return [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY },
          injectTo: 'head-prepend',
        },
      ];
    },
  },
});

/**
 * Minimum size of files that are also provided compressed, for servers that support that. In bytes.
 */
const COMPRESSED_FROM = 1024;

/** Adds files generated from finished ones. */
const finish = () => {
  let folder;
  return {
    name: 'subspace-finish',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      handler() {
        // Clients of other Sockethub servers load this from the gateway's origin.
        const client = './node_modules/socket.io-client/dist/socket.io.min.js';
        copyFileSync(
          fileURLToPath(new URL(client, import.meta.url)),
          join(folder, 'socket.io.js'),
        );
        for (const name of readdirSync(folder, { recursive: true })) {
          if (!/\.(js|css|html|svg)$/.test(name)) continue;
          const bytes = readFileSync(join(folder, name));
          if (bytes.length < COMPRESSED_FROM) continue;
          writeFileSync(
            join(folder, `${name}.gz`),
            gzipSync(bytes, { level: 9 }),
          );
        }
      },
    },
  };
};

export default defineConfig({
  base: './',
  build: { target: 'es2022' },
  plugins: [
    classicEmberSupport(),
    ember(),
    babel({
      babelHelpers: 'runtime',
      extensions,
    }),
    policy(),
    finish(),
  ],
});
