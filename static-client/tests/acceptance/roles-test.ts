/** What is offered to whom. */
import { click, findAll, visit, waitFor } from '@ember/test-helpers';
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

  test('the topic is offered to everyone in the channel: the network decides', async function (assert) {
    assert.true((await offered()).includes('topic'), 'nobody moderates it');
    await become('bob', 'owner');
    assert.true((await offered()).includes('topic'), 'it may be without +t');
    assert
      .dom('[data-test-topic]')
      .hasAttribute('aria-label', 'Topic: Tea. Change it');
    await click('[data-test-topic]');
    assert.dom('[data-test-topic-input]').hasValue('Tea');
  });
});
