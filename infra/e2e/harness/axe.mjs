// axe-core's findings about a page, in the light and the dark theme.
import assert from 'node:assert/strict';

import axe from 'axe-core';

/** Asserts that a page has no violations in either theme. */
export async function accessible(page, what) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    // Not through a script tag, which the page's policy would refuse.
    await page.evaluate(axe.source);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run({ resultTypes: ['violations'] });
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(
          ({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`,
        ),
      );
    });
    assert.deepEqual(found, [], `${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
}
