import { click } from '@ember/test-helpers';
import {
  setupApplicationTest as upstreamSetupApplicationTest,
  setupRenderingTest as upstreamSetupRenderingTest,
  setupTest as upstreamSetupTest,
  type SetupTestOptions,
} from 'ember-qunit';

// This file exists to provide wrappers around ember-qunit's
// test setup functions. This way, you can easily extend the setup that is
// needed per test type.

function setupApplicationTest(hooks: NestedHooks, options?: SetupTestOptions) {
  upstreamSetupApplicationTest(hooks, options);

  // The next test opens the same cache: a connection opened until then would stay open, with nobody to close it.
  hooks.afterEach(async function () {
    await this.owner.lookup('service:storage').cacheSettled;
  });
}

function setupRenderingTest(hooks: NestedHooks, options?: SetupTestOptions) {
  upstreamSetupRenderingTest(hooks, options);

  // Additional setup for rendering tests can be done here.
}

function setupTest(hooks: NestedHooks, options?: SetupTestOptions) {
  upstreamSetupTest(hooks, options);

  // Additional setup for unit tests can be done here.
}

/** Chooses an item in the menu of the open room. */
async function choose(item: string) {
  await click('[data-test-room-menu]');
  await click(`[data-test-menu="${item}"]`);
}

export { choose, setupApplicationTest, setupRenderingTest, setupTest };
