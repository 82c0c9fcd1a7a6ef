/** The way to what is new, and to the beginning and the end. */
import {
  click,
  find,
  settled,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { connection, said } from '../helpers/chat';
import { shows, texts } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const GENERAL = '/chat-messages/irc.example/channels/general/';
const BAR = '[data-test-new-bar]';
const TIMELINE = '[data-test-timeline]';

module('Acceptance | what is new', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  /** The documents of the archive, by path. */
  let documents: Record<string, unknown>;

  hooks.beforeEach(function () {
    documents = {};
    server = new FakeServer();
    server.start();
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ channels: ['#general', '#tea'] })] },
    };
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    const storage = this.owner.lookup('service:storage');
    storage.start = () => {
      storage.ready = true;
      return Promise.resolve();
    };
    this.owner.lookup('service:archives').sources = () => [
      {
        id: '',
        read: (path) => Promise.resolve(documents[path]),
        list: () => Promise.resolve([]),
      },
    ];
    server.signIn();
  });

  hooks.afterEach(() => server.stop());

  /** Everything up to then was read earlier. */
  function read(store: { set(key: string, value: unknown): void }, at: number) {
    store.set('cache:read-markers', { 'net/#general': at });
  }

  /** The other room is known to be so. */
  async function unread(count: string) {
    await waitUntil(() =>
      find('[data-test-unread]')?.textContent.includes(count),
    );
  }

  function within(selector: string): boolean {
    const row = find(selector)?.getBoundingClientRect();
    const frame = find(TIMELINE)!.getBoundingClientRect();
    return !!row && row.top >= frame.top && row.bottom <= frame.bottom;
  }

  test('however much is new, one way leads to where it begins', async function (assert) {
    const begin = Date.now() - 2_000_000;
    read(this.owner.lookup('service:session').store, begin);
    await visit('/net/%23tea');
    await server.greet();
    await waitFor('[data-test-room="#tea"]');
    server.socket.say(
      ...Array.from({ length: 150 }, (_, n) =>
        said('bob', '#general', `old ${n}`, begin - 150_000 + n * 1000),
      ),
      ...Array.from({ length: 900 }, (_, n) =>
        said('bob', '#general', `new ${n}`, begin + 1000 + n * 1000),
      ),
    );
    await unread('900');
    await visit('/net/%23general');
    await shows('new 899');
    await waitFor(BAR);
    assert.dom('[data-test-to-new]').includesText('900 new messages since ');
    await accessible(assert, 'the way to what is new');
    await click('[data-test-to-new]');
    await waitUntil(() => within('[data-test-divider]'));
    assert.true(texts().includes('old 149'), 'with what was before');
    assert.true(texts().includes('new 0'));
    assert.dom(TIMELINE).isFocused();
    await waitUntil(() => !find(BAR));
    assert.dom('[data-test-jump]').exists();

    await triggerKeyEvent(TIMELINE, 'keydown', 'End');
    await shows('new 899');
    await waitUntil(() => !find('[data-test-jump]'));
    await settled();
    assert.dom(BAR).doesNotExist('one has been there');

    await triggerKeyEvent(TIMELINE, 'keydown', 'Home');
    await shows('old 0');
    assert.strictEqual(texts()[0], 'old 0');
    assert.strictEqual(find(TIMELINE)!.scrollTop, 0);
    await waitFor('[data-test-jump]');
    await triggerKeyEvent(TIMELINE, 'keydown', 'End', { shiftKey: true });
    assert.strictEqual(texts()[0], 'old 0', 'other keys are not taken');
  });

  test('what is new and not loaded yet is loaded for it', async function (assert) {
    const days = ['2026/01/08', '2026/01/09', '2026/01/10'];
    const noon = (day: string) =>
      Date.parse(`${day.replaceAll('/', '-')}T12:00Z`);
    documents[`${GENERAL}meta`] = { last: days[2] };
    days.forEach((day, index) => {
      documents[`${GENERAL}${day}`] = {
        today: {
          '@id': day,
          previous: days[index - 1],
          messages: Array.from({ length: 80 }, (_, n) => ({
            id: `${day}-${n}`,
            timestamp: noon(day) + n * 1000,
            from: 'bob',
            text: `${day} ${n}`,
          })),
        },
      };
    });
    read(this.owner.lookup('service:session').store, noon(days[0]!) + 39_500);
    await visit('/net/%23general');
    await server.greet();
    await waitFor(BAR, { timeout: 5000 });
    assert.dom('[data-test-to-new]').includesText('80+ new messages since ');
    assert.dom('[data-test-to-new]').includesText('January 8');
    await click('[data-test-to-new]');
    await waitUntil(() => within('[data-test-divider]'));
    assert.true(texts().includes('2026/01/08 39'));
    assert.true(texts().includes('2026/01/08 40'));
    await waitUntil(() => !find(BAR));
  });

  test('who does not want to go there is not asked again', async function (assert) {
    const begin = Date.now() - 2_000_000;
    read(this.owner.lookup('service:session').store, begin);
    await visit('/net/%23tea');
    await server.greet();
    await waitFor('[data-test-room="#tea"]');
    server.socket.say(
      said('bob', '#general', 'old', begin),
      ...Array.from({ length: 200 }, (_, n) =>
        said('bob', '#general', `new ${n}`, begin + 1000 + n * 1000),
      ),
    );
    await unread('200');
    await visit('/net/%23general');
    await waitFor(BAR);
    await click('[data-test-dismiss-new]');
    assert.dom(BAR).doesNotExist();
    server.socket.say(said('carol', '#general', 'one more', Date.now()));
    await shows('one more');
    await settled();
    assert.dom(BAR).doesNotExist();
  });

  test('what is new and seen at once needs no way', async function (assert) {
    const begin = Date.now() - 2_000_000;
    read(this.owner.lookup('service:session').store, begin);
    await visit('/net/%23tea');
    await server.greet();
    await waitFor('[data-test-room="#tea"]');
    server.socket.say(
      ...Array.from({ length: 100 }, (_, n) =>
        said('bob', '#general', `old ${n}`, begin - 100_000 + n * 1000),
      ),
      said('bob', '#general', 'new', begin + 1),
    );
    await unread('1');
    let shown = 0;
    const observer = new MutationObserver(() => {
      if (find(BAR)) shown += 1;
    });
    observer.observe(find('[data-test-shell]')!, {
      subtree: true,
      childList: true,
    });
    await visit('/net/%23general');
    await shows('new');
    await waitUntil(() => within('[data-test-divider]'));
    await settled();
    observer.disconnect();
    assert.strictEqual(shown, 0, 'not even for a moment');
    assert.dom(BAR).doesNotExist();
  });

  test('where few messages are one is at the beginning and at the end', async function (assert) {
    await visit('/net/%23general');
    await server.greet();
    server.socket.say(said('bob', '#general', 'the only one', Date.now()));
    await shows('the only one');
    await triggerKeyEvent(TIMELINE, 'keydown', 'Home');

    assert.deepEqual(texts(), ['the only one']);
    assert.dom('[data-test-jump]').doesNotExist();
  });
});
