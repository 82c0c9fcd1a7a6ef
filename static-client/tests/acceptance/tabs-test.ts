import {
  click,
  currentURL,
  fillIn,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { arrival } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

/** The cache of remotestorage.js. */
const CACHE = 'remotestorage';

/** Counts the tests, each of which has a cache of its own, so that none is blocked by what earlier ones left open. */
let caches = 0;

/** From now on, the cache that this page opens or deletes is one used only by the current test. */
function ownCache() {
  caches += 1;
  const named = (name: string) => (name === CACHE ? `${name}-${caches}` : name);
  const real = IDBFactory.prototype;
  indexedDB.open = (name, version) =>
    real.open.call(indexedDB, named(name), version);
  indexedDB.deleteDatabase = (name) =>
    real.deleteDatabase.call(indexedDB, named(name));
}

/** From now on the cache is shared by all tests again. */
function sharedCache() {
  Reflect.deleteProperty(indexedDB, 'open');
  Reflect.deleteProperty(indexedDB, 'deleteDatabase');
}

/** Maximum time until it is deleted, in ms; remotestorage.js itself waits 10 seconds before opening another one. */
const SOON = 5000;

/**
 * Deletes the cache as another tab does when the user signs out; returns whether the deletion is blocked. A
 * connection that is closed during a read or write closes only at the end of that, and until then the browser reports
 * the deletion as blocked. So the result is whether it gets deleted, which it does not as long as one connection
 * stays open.
 */
function deleteCache(): Promise<'deleted' | 'blocked' | 'late'> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(CACHE);
    let blocked = false;
    request.onsuccess = () => resolve('deleted');
    request.onblocked = () => (blocked = true);
    request.onerror = () => reject(new Error('the cache cannot be deleted'));
    setTimeout(() => resolve(blocked ? 'blocked' : 'late'), SOON);
  });
}

module('Acceptance | several tabs', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    ownCache();
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
    server.signIn();
    await visit('/');
    await server.greet(1, arrival());
    await waitFor('[data-test-connection-state="online"]');
  });

  hooks.afterEach(async function () {
    await this.owner.lookup('service:storage').cacheSettled;
    sharedCache();
    server.stop();
  });

  test('who signs out in one tab is signed out in all, and none keeps the cache', async function (assert) {
    const storage = this.owner.lookup('service:storage');
    await waitUntil(() => storage.ready, { timeout: 10_000 });
    assert.strictEqual(await deleteCache(), 'deleted', 'nobody has it open');
    window.dispatchEvent(
      new StorageEvent('storage', {
        key: 'subspace:session',
        oldValue: '{}',
        newValue: null,
      }),
    );
    await waitUntil(() => currentURL() === '/sign-in');
    assert.dom('[data-test-notice]').hasText('You signed out in another tab.');
    assert.strictEqual(await deleteCache(), 'deleted', 'nor later');
    // Another key is no reason to sign out; nor is a second event.
    this.owner.lookup('service:session').notice = '';
    window.dispatchEvent(
      new StorageEvent('storage', { key: 'subspace:session', newValue: null }),
    );
    assert.strictEqual(this.owner.lookup('service:session').notice, '');
  });

  test('who signs in again on the same page has settings that sync', async function (assert) {
    const life = this.owner.lookup('service:life');
    const storage = this.owner.lookup('service:storage');
    const preferences = this.owner.lookup('service:preferences');
    const ready = () => waitUntil(() => storage.ready, { timeout: 10_000 });
    await ready();
    server.answers['DELETE /api/session'] = { status: 204 };
    await life.signOut();
    await visit('/sign-in');
    const told = 'PUT /storage/alice/subspace/settings';
    assert.true(server.spared(told));
    await fillIn('[data-test-name]', 'alice');
    await fillIn('[data-test-password]', 'correct horse');
    await click('[data-test-submit]');
    await server.greet(2, arrival());
    await ready();
    preferences.setTheme('dark');
    await server.asked(told);
    await life.signOut();
  });

  test('what other tabs keep besides does not end the session', function (assert) {
    for (const event of [
      { key: 'subspace:draft:alice:net/#general', newValue: null },
      { key: 'subspace:session', newValue: '{}' },
    ]) {
      window.dispatchEvent(new StorageEvent('storage', event));
    }
    assert.true(this.owner.lookup('service:session').signedIn);
  });
});
