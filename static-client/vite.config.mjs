import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { extensions, classicEmberSupport, ember } from '@embroider/vite';
import { babel } from '@rollup/plugin-babel';

/**
 * The page's own policy, for hosts that send none. The gateway, the storage and the functions may
 * each live elsewhere, so connections are open to https and to this machine.
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

/** Clients of other Sockethub servers load this from the gateway's origin. */
const socketIo = () => ({
  name: 'subspace-socket-io',
  apply: 'build',
  closeBundle() {
    const file = new URL(
      './node_modules/socket.io-client/dist/socket.io.min.js',
      import.meta.url,
    );
    mkdirSync('dist', { recursive: true });
    copyFileSync(fileURLToPath(file), 'dist/socket.io.js');
  },
});

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
    socketIo(),
  ],
});
