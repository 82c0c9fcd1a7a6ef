/** What is offered to whom. */
import { click, findAll, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { event } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

module('Acceptance | roles', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-member="alice"]');
  });

  hooks.afterEach(() => server.stop());

  async function become(nick: string, role: string) {
    server.socket.say(
      event('update', nick, '#general', { type: 'presence', role }),
    );
    await waitFor(`[data-test-member="${nick}"][data-test-role="${role}"]`);
  }

  async function offered(): Promise<string[]> {
    await click('[data-test-room-menu]');
    const items = findAll('[role="menuitem"]').map(
      (item) => item.getAttribute('data-test-menu') ?? '',
    );
    await click('[data-test-room-menu]');
    return items;
  }

  test('who does not moderate a channel reads its topic, and is not offered to change it', async function (assert) {
    assert.true((await offered()).includes('topic'), 'nobody moderates it');
    await become('bob', 'owner');
    assert.false((await offered()).includes('topic'), 'bob does');
    assert
      .dom('[data-test-topic]')
      .hasAttribute('aria-label', 'Topic: Tea. Show it');
    await click('[data-test-topic]');
    assert.dom('[data-test-topic-text]').hasText('Tea');
    assert.dom('[data-test-topic-input]').doesNotExist();
    // It is so while one looks at it, too.
    await become('alice', 'admin');
    await waitUntil(() => findAll('[data-test-topic-input]').length);
    assert.dom('[data-test-topic-input]').hasValue('Tea');
    await click('[data-test-dialog-close]');
    assert.true((await offered()).includes('topic'), 'alice does as well');
    assert
      .dom('[data-test-topic]')
      .hasAttribute('aria-label', 'Topic: Tea. Change it');
    await become('alice', 'participant');
    assert.false((await offered()).includes('topic'), 'with a voice only');
  });
});
