import {
  click,
  currentURL,
  fillIn,
  find,
  settled,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { choose, setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { at, connection, event, said, state } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

module('Acceptance | sidebar', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  test('a channel that one is not in stands among the others like any of them', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    this.owner.lookup('service:chat').openRoom('net', '#outside');
    const link = (name: string) =>
      find(`[data-test-room-link="${name}"]`) as HTMLElement;
    await waitFor('[data-test-room-link="#outside"]');
    const [inside, outside] = [link('#general'), link('#outside')];
    assert.true(outside.classList.contains('outside'));
    const looks = (element: HTMLElement) => {
      const style = getComputedStyle(element);
      return {
        height: element.offsetHeight,
        row: element.parentElement!.offsetHeight,
        padding: style.padding,
        margin: style.margin,
      };
    };
    assert.deepEqual(looks(outside), looks(inside));
    // Only the open room has a background.
    assert.strictEqual(
      getComputedStyle(outside).backgroundColor,
      'rgba(0, 0, 0, 0)',
    );
  });

  async function type(text: string) {
    await fillIn('[data-test-composer]', text);
    await triggerKeyEvent('[data-test-composer]', 'keydown', 'Enter');
  }

  test('a channel that was left by a command stays left, whatever is replayed', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    const said2 = said('alice', '#two', 'before', Date.now());
    server.socket.say(event('join', 'alice', '#two'), said2);
    await waitFor('[data-test-room-link="#two"]');
    await visit('/net/%23two');
    await type('/part');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitUntil(() => !find('[data-test-room-link="#two"]'));
    assert.dom('[data-test-toast]').includesText('You left #two.');
    // The page that one gets to by that is not the user's choice; the next one is.
    await waitFor('[data-test-room="#general"]');
    assert.dom('[data-test-toast]').exists();
    performance.now = () => Performance.prototype.now.call(performance) + 5000;
    try {
      await visit('/settings/appearance');
    } finally {
      Reflect.deleteProperty(performance, 'now');
    }
    assert.dom('[data-test-toast]').doesNotExist('one goes on');
    server.socket.say(said2, said('bob', '#general', 'by now', Date.now()));
    await waitUntil(() =>
      this.owner
        .lookup('service:chat')
        .room('net', '#general')!
        .entries.some(({ text }) => text === 'by now'),
    );
    await settled();
    assert.dom('[data-test-room-link="#two"]').doesNotExist();
    // A later message means that the person is back.
    const later = at(Date.now() + 60_000);
    server.socket.say(
      said('bob', '#two', 'after', 0, { id: 'later', published: later }),
    );
    await waitFor('[data-test-room-link="#two"]');
    assert.dom('[data-test-room-link="#two"]').exists();
  });

  test('what was just done is said where it covers no button', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    this.owner.lookup('service:chat').openRoom('net', '#outside');
    server.socket.say(event('join', 'alice', '#two'));
    await waitFor('[data-test-room-link="#two"]');
    await visit('/net/%23two');
    await type('/part');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitFor('[data-test-room="#general"]');
    await visit('/net/%23outside');
    await waitFor('[data-test-join-here]');
    assert.dom('[data-test-toast]').exists();
    const toast = find('[data-test-toast]')!.getBoundingClientRect();
    for (const other of [
      '[data-test-join-here]',
      '[data-test-composer]',
      '[data-test-timeline]',
    ]) {
      const { top, bottom } = find(other)!.getBoundingClientRect();
      const common = Math.min(bottom, toast.bottom) - Math.max(top, toast.top);
      assert.true(common <= 0, other);
    }
  });

  test('the menu of a channel that one is not in joins it, or takes it off the list', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet(1, [
      state('online', 'Connected.', { nick: 'alice', supports: ['calls'] }),
    ]);
    await waitFor('[data-test-connection-state="online"]');
    await visit('/net/%23outside');
    await waitFor('[data-test-join-here]');
    assert.dom('[data-test-start-call]').doesNotExist();
    await click('[data-test-room-menu]');
    assert.dom('[data-test-menu="call"]').doesNotExist();
    assert.dom('[data-test-menu="leave"]').hasText('Remove from the list');
    await click('[data-test-menu="join"]');
    const { activity } = await server.socket.taken('join');
    assert.strictEqual(activity.target?.name, '#outside');
    await choose('leave');
    await waitFor('[data-test-room="#general"]');
    assert.dom('[data-test-room-link="#outside"]').doesNotExist();
  });

  test('what cannot be a name of a channel is not said to be none yet', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    this.owner.lookup('service:actions').listRooms = () => Promise.resolve([]);
    this.owner.lookup('service:ui').open({ kind: 'join', networkId: 'net' });
    await waitFor('[data-test-channel]');
    await waitFor('[data-test-no-room]');
    await fillIn('[data-test-channel]', 'project');
    assert.dom('[data-test-no-room]').includesText('No such channel yet.');
    await fillIn('[data-test-channel]', 'project x');
    assert.dom('[data-test-no-room]').includesText("can't be a channel name");
    await click('[data-test-dialog="join"] [data-test-submit]');
    assert.dom('[data-test-dialog="join"]').includesText("can't be a channel");
    assert.dom('[data-test-no-room]').doesNotExist('once');
  });

  test('whoever is in no channel is shown where there are some', async function (assert) {
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ channels: [] })] },
    };
    server.signIn();
    await visit('/');
    await server.greet(1, [state('online', 'Connected.', { nick: 'alice' })]);
    await waitFor('[data-test-browse="Example"]');
    await accessible(assert, 'no channels');
    await click('[data-test-browse="Example"]');
    assert.dom('[data-test-dialog="join"]').exists();
  });

  test('what can be undone goes with whoever did it', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    await type('/part #general');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitFor('[data-test-toast]');
    const { ui } = this.owner.lookup('service:life');
    await this.owner.lookup('service:life').signOut();
    assert.strictEqual(ui.toast, undefined);
  });

  test('a channel that one is not in is closed at once by /part', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    await visit('/net/%23outside');
    await waitFor('[data-test-room="#outside"]');
    await type('/part');
    await waitFor('[data-test-room="#general"]');
    assert.strictEqual(currentURL(), '/net/%23general');
    assert.dom('[data-test-room-link="#outside"]').doesNotExist();
    assert.dom('[data-test-toast]').doesNotExist('nothing is taken back');
    assert.notOk(localStorage.getItem('subspace:draft:alice:net/#outside'));
  });

  test('of a channel that one is not in nobody says how many people it has', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-member="alice"]');
    const people = '[data-test-toggle-members]';
    assert.dom(people).hasText('2');
    assert.dom(people).hasAttribute('aria-label', 'People in #general: 2');
    assert.dom('[data-test-members] h2').hasText('People 2');
    assert.dom('[data-test-not-joined]').doesNotExist();
    await visit('/net/%23outside');
    await waitFor('[data-test-room="#outside"]');
    assert.dom(people).hasText('');
    assert
      .dom(people)
      .hasAttribute('aria-label', 'People in #outside: not joined');
    assert.dom('[data-test-members] h2').hasText('People');
    assert.dom('[data-test-not-joined]').hasText('Not joined');
    assert.dom('[data-test-topic]').hasText('Example', 'nor its topic');
    await click('[data-test-room-menu]');
    assert.dom('[data-test-menu="mute"]').exists();
    assert.dom('[data-test-menu="topic"]').doesNotExist();
  });
});
