import {
  findAll,
  settled,
  triggerEvent,
  visit,
  waitFor,
  waitUntil,
  find,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import type Owner from '@ember/owner';
import { BLOCK, WINDOW } from 'subspace-client/lib/chat/row-keeper';
import { setupApplicationTest } from '../helpers';
import { arrival, said } from '../helpers/chat';
import { changes, rowsTouched, shows, texts } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

module('Acceptance | rows of a room', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  async function arrive(members: string[]) {
    server.signIn();
    await visit('/');
    await server.greet(1, arrival(members));
    await waitFor('[data-test-member="alice"]');
    await waitFor('[data-test-connection-state="online"]');
  }

  /** The storage is connected, at once or when the test says so, without any markers or archives. */
  function knowMarkers(owner: Owner, when = Promise.resolve()) {
    const storage = owner.lookup('service:storage');
    storage.start = async () => {
      await when;
      storage.ready = true;
    };
    owner.lookup('service:archives').sources = () => [
      {
        id: '',
        read: () => Promise.resolve(undefined),
        list: () => Promise.resolve([]),
      },
    ];
  }

  /** The page is hidden, or visible again. */
  async function look(visibility: DocumentVisibilityState) {
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => visibility,
    });
    await triggerEvent(document, 'visibilitychange');
  }

  test('a line that comes touches its own row, and leaves a selection alone', async function (assert) {
    knowMarkers(this.owner);
    await arrive(['alice', 'bob', 'carol']);
    const now = Date.now();
    const people = ['bob', 'carol'];
    server.socket.say(
      ...Array.from({ length: 107 }, (_, n) =>
        said(
          people[n % 5 ? 0 : 1]!,
          '#general',
          n % 3
            ? `line ${n} for alice`
            : `see https://example.org/${n} and \`code\``,
          now - 200_000 + n * 1000,
        ),
      ),
    );
    await waitUntil(() => texts().length === 107);
    // Everything from the storage and the archives is shown, and changes nothing any longer.
    await waitFor('[data-test-beginning]');
    await settled();
    const rows = findAll('[data-row]');
    const chosen = findAll('[data-test-text]')[100]!;
    getSelection()!.selectAllChildren(chosen);
    const selected = getSelection()!.toString();
    assert.notStrictEqual(selected, '');

    const line = await changes(async () => {
      server.socket.say(said('bob', '#general', 'the next one', now));
      await shows('the next one');
      await settled();
    });
    assert.true(line <= 20, `${line} nodes changed for one line`);
    assert.strictEqual(getSelection()!.toString(), selected);
    assert.deepEqual(
      findAll('[data-row]').slice(0, rows.length),
      rows,
      'the other rows are the same elements',
    );
    const own = findAll('[data-test-message]').at(-1)!;
    const walk = document.createTreeWalker(own);
    let size = 1;
    while (walk.nextNode()) size += 1;
    assert.true(size <= 12, `a row has ${size} nodes`);

    const five = await changes(async () => {
      server.socket.say(
        ...[1, 2, 3, 4, 5].map((n) =>
          said('bob', '#general', `burst ${n}`, now + n),
        ),
      );
      await shows('burst 5');
      await settled();
    });
    assert.true(five <= 5 * line, `${five} nodes changed for five lines`);
    getSelection()!.removeAllRanges();
  });

  test('in a long room old rows go together, and no other row is touched', async function (assert) {
    knowMarkers(this.owner);
    await arrive(['alice', 'bob', 'carol']);
    const now = Date.now();
    let count = 0;
    const talk = async (lines: number) => {
      const people = ['bob', 'carol'];
      server.socket.say(
        ...Array.from({ length: lines }, () => {
          count += 1;
          const text = `line ${count}`;
          return said(people[count % 2]!, '#general', text, now + count);
        }),
      );
      await shows(`line ${count}`);
      await settled();
    };
    await waitFor('[data-test-beginning]');
    await talk(WINDOW + 3 * BLOCK);
    await talk(1);
    const rendered = () => findAll('[data-row]').length;
    const most = WINDOW + BLOCK + 1;
    assert.true(rendered() <= most, `${rendered()} rows`);

    const lines = 2 * BLOCK;
    let quiet = 0;
    let gone = 0;
    for (let n = 0; n < lines; n++) {
      const { added, removed } = await rowsTouched(() => talk(1));
      assert.strictEqual(added, 1, 'its own row and no other');
      if (!removed) quiet += 1;
      gone += removed;
    }
    assert.true(quiet >= lines - 3, `rows went with ${lines - quiet} lines`);
    assert.true(gone <= lines + BLOCK, `${gone} rows went`);

    for (let n = 0; n < 6; n++) {
      const { added } = await rowsTouched(() => talk(10));
      assert.strictEqual(added, 10, 'no row is moved');
      assert.true(rendered() <= most, `${rendered()} rows`);
    }
  });

  test('what comes under the eyes of the reader was never unread', async function (assert) {
    knowMarkers(this.owner);
    await arrive(['alice', 'bob']);
    // After the start: from then on it counts as unread.
    const now = Date.now() + 100_000;
    server.socket.say(said('carol', '#general', 'before', now - 90_000));
    server.socket.say(said('bob', '#general', 'first', now - 60_000));
    await shows('first');
    await settled();
    const room = () => this.owner.lookup('service:chat').activeRoom!;
    await waitUntil(() => room().readAt === now - 60_000);

    const titles: string[] = [];
    const observer = new MutationObserver(() => titles.push(document.title));
    observer.observe(document.head, { subtree: true, childList: true });
    const line = await changes(async () => {
      server.socket.say(said('bob', '#general', 'second', now));
      await shows('second');
      await settled();
    });
    observer.disconnect();
    assert.true(line <= 20, `${line} nodes changed for the first line`);
    assert.deepEqual(
      titles.filter((title) => title.startsWith('(')),
      [],
      'the title counts nothing meanwhile',
    );
    assert.dom('[data-test-divider]').doesNotExist();
    assert.strictEqual(room().readAt, now, 'and it is read');

    // A reader further up is told what is below, and none of it counts as read.
    const timeline = find('[data-test-timeline]')!;
    server.socket.say(
      ...Array.from({ length: 80 }, (_, n) =>
        said('bob', '#general', `more ${n}`, now + 1 + n),
      ),
    );
    await shows('more 79');
    timeline.scrollTop = 0;
    await triggerEvent(timeline, 'scroll');
    await waitFor('[data-test-jump]');
    server.socket.say(said('bob', '#general', 'below', now + 1000));
    await waitUntil(() => find('[data-test-jump]')?.textContent.includes('1'));
    assert.dom('[data-test-jump]').includesText('1 new');
    assert.strictEqual(room().readAt, now + 80);
  });

  test('what comes while nobody looks is new, and nothing else', async function (assert) {
    let answer = () => {};
    knowMarkers(this.owner, new Promise<void>((resolve) => (answer = resolve)));
    await arrive(['alice', 'bob']);
    const now = Date.now() + 100_000;
    server.socket.say(said('bob', '#general', 'early', now));
    await shows('early');
    answer();
    const room = () => this.owner.lookup('service:chat').activeRoom!;
    await waitUntil(() => room().readAt === now);
    assert
      .dom('[data-test-divider]')
      .doesNotExist('it came before the markers, but under the eyes');
    try {
      await look('hidden');
      await look('visible');
      server.socket.say(said('bob', '#general', 'seen', now + 1));
      await shows('seen');
      await settled();
      assert.dom('[data-test-divider]').doesNotExist('nothing came meanwhile');
      await look('hidden');
      server.socket.say(said('bob', '#general', 'missed', now + 2));
      await shows('missed');
      await look('visible');
      await waitUntil(() => room().readAt === now + 2);
      assert.dom('[data-test-divider]').exists('something did');
    } finally {
      Reflect.deleteProperty(document, 'visibilityState');
    }
  });

  test('what was read a moment before the page is left is read', async function (assert) {
    const now = Date.now() + 100_000;
    const written: [string, number][] = [];
    const storage = this.owner.lookup('service:storage');
    storage.storeMarker = (key, at) => {
      written.push([key, at]);
      // The page is left before the storage has responded.
      return new Promise(() => {});
    };
    knowMarkers(this.owner);
    await arrive(['alice', 'bob']);
    const room = () => this.owner.lookup('service:chat').activeRoom!;
    const reads = async (text: string, at: number) => {
      server.socket.say(said('bob', '#general', text, at));
      await shows(text);
      await waitUntil(() => room().readAt === at);
    };
    await reads('first', now);
    assert.deepEqual(written, [], 'it waits for more');
    try {
      await look('hidden');
      assert.deepEqual(written, [['net/#general', now]], 'but not then');
    } finally {
      Reflect.deleteProperty(document, 'visibilityState');
    }
    await reads('second', now + 1);
    await triggerEvent(window, 'pagehide');
    assert.deepEqual(written.at(-1), ['net/#general', now + 1]);
    const { store } = this.owner.lookup('service:session');
    assert.deepEqual(
      store.get('cache:read-markers'),
      { 'net/#general': now + 1 },
      'this browser has it at once',
    );
  });

  test('what an earlier page has read is read', async function (assert) {
    const now = Date.now() + 100_000;
    const { store } = this.owner.lookup('service:session');
    store.set('cache:read-markers', { 'net/#general': now + 1, 'net/#x': '?' });
    const written: [string, number][] = [];
    const storage = this.owner.lookup('service:storage');
    storage.storeMarker = (key, at) => {
      written.push([key, at]);
      return Promise.resolve();
    };
    knowMarkers(this.owner);
    await arrive(['alice', 'bob']);
    server.socket.say(said('bob', '#general', 'read', now));
    await shows('read');
    const room = () => this.owner.lookup('service:chat').activeRoom!;
    await waitUntil(() => room().readAt === now + 1);
    assert.dom('[data-test-divider]').doesNotExist();
    await waitUntil(() => written.length > 0, { timeout: 5000 });
    assert.deepEqual(written, [['net/#general', now + 1]], 'and is written');
  });
});
