import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['artifacts/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.node },
    rules: { eqeqeq: 'error', 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
  {
    // Code passed to page.evaluate and addInitScript runs in the browser.
    files: [
      'harness/shown.mjs',
      'harness/device.mjs',
      'harness/measure.mjs',
      'tests/phone.test.mjs',
      'tests/pictures.test.mjs',
      'bench-client.mjs',
    ],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
];
