/** The focus is not lost when what has it goes. */
import {
  click,
  find,
  focus,
  settled,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { at, connection, event, state } from '../helpers/chat';
import { arriveInGeneral, message, point } from '../helpers/general';
import { FakeServer } from '../helpers/server';

const COMPOSER = '[data-test-composer]';

module('Acceptance | focus', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  /** As a mouse does in most browsers, and Enter everywhere. */
  async function press(selector: string) {
    await focus(selector);
    await click(selector);
  }

  const isKept = (assert: Assert, what: string) => {
    const { activeElement } = document;
    const page = find('[data-test-shell]')!;
    const kept = activeElement !== page && page.contains(activeElement);
    assert.true(kept, `${what}: ${activeElement?.outerHTML.slice(0, 200)}`);
  };

  test('after what is done with a message it is at the message', async function (assert) {
    await arriveInGeneral(server);
    await point('m1');
    await press('[data-test-react]');
    await press('[data-test-emoji="👍"]');
    assert.dom(message('m1')).isFocused();
    await point('m1');
    await press('[data-test-delete]');
    await press('[data-test-delete-cancel]');
    assert.dom(message('m1')).isFocused();
    await point('m1');
    await press('[data-test-delete]');
    await press('[data-test-delete-confirm]');
    assert.dom(message('m1')).isFocused();
    const { activity, ack } = await server.socket.taken('delete');
    ack(null, { ...activity, id: 'd1', published: at(Date.now()) });
    await waitFor('[data-test-deleted]');
    assert.dom(message('m1')).isFocused('also when it is deleted');
    await point('m0');
    await press('[data-test-reply]');
    await press('[data-test-reply-cancel]');
    assert.dom(COMPOSER).isFocused();
  });

  test('a reaction that is taken back, and a message that goes, leave it near', async function (assert) {
    await arriveInGeneral(server);
    const reacts = (type: 'add' | 'remove', id: string, ms: number) =>
      event(
        type,
        'alice',
        '#general',
        { type: 'reaction', content: '👍', inReplyTo: 'm0' },
        { id, published: at(ms) },
      );
    const now = Date.now();
    server.socket.say(reacts('add', 'r1', now));
    await waitFor('[data-test-reaction]');
    await press('[data-test-reaction]');
    server.socket.say(reacts('remove', 'r2', now + 1));
    await waitUntil(() => !find('[data-test-reaction]'));
    await settled();
    assert.dom(message('m0')).isFocused();
  });

  test('after a channel is left or joined it is in the conversation', async function (assert) {
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ channels: ['#general', '#tea'] })] },
    };
    await arriveInGeneral(server);
    await press('[data-test-room-menu]');
    await press('[data-test-menu="mute"]');
    assert.dom('[data-test-room-menu]').isFocused('a menu is closed');
    await press('[data-test-room-menu]');
    await press('[data-test-menu="leave"]');
    const leave = await server.socket.taken('leave');
    leave.ack(null, leave.activity);
    await waitFor('[data-test-room="#tea"]');
    await settled();
    isKept(assert, 'left');
    await visit('/net/%23general');
    await press('[data-test-join-here]');
    const join = await server.socket.taken('join');
    join.ack(null, join.activity);
    await waitUntil(() => !find('[data-test-join-here]'));
    await settled();
    assert.dom(COMPOSER).isFocused('joined');
  });

  test('after a certificate is accepted it is at the connection', async function (assert) {
    server.signIn();
    await visit('/net/*');
    await server.greet(1, [
      state('offline', 'The certificate is not valid.', {
        certificate: 'ab'.repeat(32),
      }),
    ]);
    const certified = connection({ certificate: 'ab'.repeat(32) });
    server.answers['PATCH /api/connections/net'] = { body: certified };
    await waitFor('[data-test-show-certificate]');
    await press('[data-test-show-certificate]');
    isKept(assert, 'shown');
    await press('[data-test-accept-certificate]');
    isKept(assert, 'accepted');
    server.socket.say(state('online', 'Connected.', { nick: 'alice' }));
    await waitFor('[data-test-network-card="online"]');
    await settled();
    isKept(assert, 'connected');
  });

  test('after a session is revoked it is in the section', async function (assert) {
    const grant = (id: string, created: string) => ({
      id,
      kind: 'session',
      client: 'Firefox',
      created,
      current: false,
      managed: false,
    });
    server.answers['GET /api/grants'] = {
      body: {
        grants: [
          grant('one', '2026-01-01T00:00:00.000Z'),
          grant('two', '2026-02-01T00:00:00.000Z'),
        ],
      },
    };
    server.answers['DELETE /api/grants/one'] = { status: 204 };
    await arriveInGeneral(server);
    await visit('/settings/apps');
    await press('[data-test-revoke-grant="one"]');
    assert.dom('[data-test-revoke-keep="one"]').isFocused('asked');
    const [row, about] = ['grant', 'revoke-about'].map((name) =>
      find(`[data-test-${name}="one"]`)!.getBoundingClientRect(),
    );
    const name = find('[data-test-grant="one"] strong')!;
    assert.true(about!.top >= name.getBoundingClientRect().bottom, 'below');
    assert.true(about!.width > row!.width * 0.9, 'as wide as the row');
    await press('[data-test-revoke-keep="one"]');
    assert.dom('[data-test-revoke-grant="one"]').isFocused('kept');
    await press('[data-test-revoke-grant="one"]');
    server.answers['GET /api/grants'] = {
      body: { grants: [grant('two', '2026-02-01T00:00:00.000Z')] },
    };
    await press('[data-test-revoke-really="one"]');
    await waitUntil(() => !find('[data-test-grant="one"]'));
    await settled();
    assert.dom('#apps-title').isFocused();
    await triggerKeyEvent('#apps-title', 'keydown', 'Tab');
  });

  test('a drawer that is opened takes it', async function (assert) {
    await arriveInGeneral(server);
    const ui = this.owner.lookup('service:ui');
    const within = (selector: string) =>
      find(selector)!.contains(document.activeElement);
    ui.openDrawer('navigation');
    await settled();
    assert.dom('[data-test-room-link="#general"]').isFocused();
    ui.closeDrawer();
    await settled();
    ui.openDrawer('members');
    await settled();
    assert.true(within('[data-test-members]'));
  });

  test('an invitation that was made is copied next', async function (assert) {
    const COPY = '[data-test-copy="invite-link"]';
    server.answers['GET /api/invites'] = { body: { invites: [] } };
    const made = (token: string) => {
      server.answers['POST /api/invites'] = {
        status: 201,
        body: { id: token, inviter: 'alice', token },
      };
    };
    await arriveInGeneral(server);
    await click('[data-test-open-invite]');
    assert.dom('[data-test-make-invite]').hasClass('primary');
    made('one');
    await press('[data-test-make-invite]');
    assert.dom(COPY).isFocused();
    assert.dom(COPY).hasClass('primary');
    assert.dom('[data-test-make-invite]').doesNotHaveClass('primary');
    made('two');
    await press('[data-test-make-invite]');
    assert.dom('[data-test-copy-value="invite-link"]').hasValue(/two$/);
    assert.dom(COPY).isFocused('also for another one');
  });

  test('the page of a call that was started begins at its title', async function (assert) {
    server.answers['POST /api/calls'] = {
      status: 201,
      body: { token: 'call.c.t', link: 'https://chat.example/call/call.c.t' },
    };
    server.answers['GET /api/calls/call.c.t'] = {
      body: { account: 'alice', connection: 'net', guests: false },
    };
    await arriveInGeneral(server, 2, ['calls']);
    await press('[data-test-start-call]');
    await press('[data-test-dialog="call"] [data-test-submit]');
    await waitFor('[data-test-call-preview]');
    await settled();
    assert.dom('#auth-title').isFocused();
    assert.strictEqual(
      getComputedStyle(find('#auth-title')!).outlineStyle,
      'none',
      'a heading has no box',
    );
  });

  test('a drawer that is closed does not keep it', async function (assert) {
    await arriveInGeneral(server);
    const ui = this.owner.lookup('service:ui');
    const sidebar = find('[data-test-sidebar]') as HTMLElement;
    ui.openDrawer('navigation');
    await settled();
    await focus('[data-test-open-switcher]');
    // What a narrow screen does.
    sidebar.style.visibility = 'hidden';
    ui.closeDrawer();
    await settled();
    isKept(assert, 'closed');
  });
});
