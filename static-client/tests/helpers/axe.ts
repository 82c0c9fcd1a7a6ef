/** What axe-core finds wrong with a page, in both themes. */

import axe from 'axe-core';
import { settled } from '@ember/test-helpers';

const THEMES = ['light', 'dark'] as const;

/** Rules about whole pages cannot be asked within the page of the tests, but of a copy of what is shown there. */
const WHOLE_PAGES = [
  'region',
  'landmark-one-main',
  'landmark-no-duplicate-main',
  'page-has-heading-one',
];

type Axe = typeof axe;

function sentences({ violations }: axe.AxeResults): string[] {
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => {
      const why = failureSummary?.split('\n')[1]?.trim() ?? '';
      return `${id} at ${target.join(' ')}: ${why}`;
    }),
  );
}

async function inPlace(): Promise<string[]> {
  const rules = Object.fromEntries(
    WHOLE_PAGES.map((rule) => [rule, { enabled: false }]),
  );
  return sentences(
    await axe.run('#ember-testing', { resultTypes: ['violations'], rules }),
  );
}

/** The styles of the client, without those of the tests' own page. */
function styles(): string {
  return [...document.styleSheets]
    .map((sheet) => [...sheet.cssRules].map(({ cssText }) => cssText))
    .map((rules) => rules.join('\n'))
    .filter((css) => !css.includes('#qunit'))
    .join('\n');
}

async function asPage(): Promise<string[]> {
  const frame = document.createElement('iframe');
  frame.style.cssText =
    'position: fixed; left: -5000px; width: 1440px; height: 900px';
  const loaded = new Promise((done) => (frame.onload = done));
  const body = document.querySelector('#ember-testing')!.innerHTML;
  frame.srcdoc = `<!doctype html><html lang="en"><head><title>Subspace</title><style>${styles()}</style></head><body>${body}</body></html>`;
  document.body.append(frame);
  await loaded;
  const page = frame.contentWindow as Window & { eval: typeof eval; axe: Axe };
  page.eval(axe.source);
  const found = await page.axe.run({
    runOnly: { type: 'rule', values: WHOLE_PAGES },
  });
  frame.remove();
  return sentences(found);
}

/** Asserts that what is shown has no violation by day nor by night. */
export async function accessible(assert: Assert, what: string) {
  await settled();
  const { dataset } = document.documentElement;
  const before = dataset['theme'];
  const found = await asPage();
  for (const theme of THEMES) {
    dataset['theme'] = theme;
    const violations = await inPlace();
    found.push(...violations.map((violation) => `${theme}: ${violation}`));
  }
  assert.deepEqual(found, [], what);
  if (before === undefined) delete dataset['theme'];
  else dataset['theme'] = before;
}
