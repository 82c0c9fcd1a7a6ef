import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  babelCompatSupport,
  templateCompatSupport,
} from '@embroider/compat/babel';

/**
 * The timeline's rows are the only templates rendered by the hundred: the line breaks between their elements, which
 * are invisible, would be a third of the page's nodes.
 */
function tightRows(env) {
  const file = env.filename ?? env.moduleName ?? '';
  if (!/room\/(row|message|timeline)\.gts/.test(file)) {
    return { name: 'tight-rows', visitor: {} };
  }
  return {
    name: 'tight-rows',
    visitor: {
      TextNode(node, { parentNode }) {
        if (parentNode?.type === 'AttrNode') return undefined;
        return /^\s+$/.test(node.chars) ? null : undefined;
      },
    },
  };
}

export default {
  plugins: [
    [
      '@babel/plugin-transform-typescript',
      {
        allExtensions: true,
        onlyRemoveTypeImports: true,
        allowDeclareFields: true,
      },
    ],
    [
      'babel-plugin-ember-template-compilation',
      {
        enableLegacyModules: [
          'ember-cli-htmlbars',
          'ember-cli-htmlbars-inline-precompile',
          'htmlbars-inline-precompile',
        ],
        transforms: [...templateCompatSupport(), tightRows],
      },
    ],
    [
      'module:decorator-transforms',
      {
        runtime: {
          import: fileURLToPath(
            import.meta.resolve('decorator-transforms/runtime-esm'),
          ),
        },
      },
    ],
    [
      '@babel/plugin-transform-runtime',
      {
        absoluteRuntime: dirname(fileURLToPath(import.meta.url)),
        useESModules: true,
        regenerator: false,
      },
    ],
    ...babelCompatSupport(),
  ],

  generatorOpts: {
    compact: false,
  },
};
