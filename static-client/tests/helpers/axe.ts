/** Accessibility violations that axe-core finds in a page, in both themes. */

import axe from 'axe-core';
import { settled } from '@ember/test-helpers';

const THEMES = ['light', 'dark'] as const;

/** Rules about whole pages do not apply to a part of the test page. */
const WHOLE_PAGES = [
  'region',
  'landmark-one-main',
  'landmark-no-duplicate-main',
  'page-has-heading-one',
];

async function violations(): Promise<string[]> {
  const { violations: found } = await axe.run('#ember-testing', {
    resultTypes: ['violations'],
    rules: Object.fromEntries(
      WHOLE_PAGES.map((rule) => [rule, { enabled: false }]),
    ),
  });
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => {
      const why = failureSummary?.split('\n')[1]?.trim() ?? '';
      return `${id} at ${target.join(' ')}: ${why}`;
    }),
  );
}

/** Asserts that the page has no violations in the light or the dark theme. */
export async function accessible(assert: Assert, what: string) {
  await settled();
  const { dataset } = document.documentElement;
  const before = dataset['theme'];
  const found: string[] = [];
  for (const theme of THEMES) {
    dataset['theme'] = theme;
    for (const violation of await violations()) {
      found.push(`${theme}: ${violation}`);
    }
  }
  assert.deepEqual(found, [], what);
  if (before === undefined) delete dataset['theme'];
  else dataset['theme'] = before;
}
