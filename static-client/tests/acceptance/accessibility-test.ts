import { click, fillIn, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { choose, setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { setupCalls } from '../helpers/call';
import { arrival, event, said, state } from '../helpers/chat';
import { shows } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const HOOK = {
  id: 'h1',
  source: 'github',
  name: 'Our code',
  connection: 'net',
  channel: '#general',
  enabled: true,
  created: '2026-01-01T10:00:00.000Z',
  has_secret: true,
  filter: {},
  mention_everybody: false,
  notice: false,
};

module('Acceptance | accessibility', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  async function arrive() {
    server.signIn();
    await visit('/');
    await server.greet(1, arrival(['alice', 'bob', 'carol']));
    await waitFor('[data-test-member="alice"]');
    await waitFor('[data-test-connection-state="online"]');
  }

  test('before one is in', async function (assert) {
    server.answers['POST /api/session'] = {
      status: 401,
      body: { detail: 'the name or the password is wrong' },
    };
    await visit('/');
    await accessible(assert, 'sign-in');
    await fillIn('[data-test-name]', 'alice');
    await fillIn('[data-test-password]', 'wrong');
    await click('[data-test-submit]');
    await accessible(assert, 'sign-in that failed');
    server.answers['GET /api/invites/tok'] = { body: { inviter: 'carol' } };
    await visit('/invite/tok');
    await accessible(assert, 'invitation');
    await visit('/invite/nonsense');
    await accessible(assert, 'invitation that holds no more');
    server.answers['GET /api'] = {
      body: { name: 'Subspace', version: '0', needs_setup: true },
    };
    await visit('/setup/tok');
    await accessible(assert, 'set-up');
  });

  test('a room', async function (assert) {
    await arrive();
    const now = Date.now();
    server.socket.say(
      said('bob', '#general', 'alice: see https://example.org `code`', now),
      said('bob', '#general', '\x0304,01red\x03 \x0307orange\x03', now + 1),
      said('bob', '#general', 'waves', now + 2, { kind: 'me' }),
      said('bob', '#general', 'read this', now + 3, { kind: 'notice' }),
      event('leave', 'carol', '#general', { type: 'message', content: 'bye' }),
      said('carol', 'alice', 'psst', now + 4),
      event('update', 'bob', '#general', {
        type: 'presence',
        role: 'owner',
        show: 'away',
        content: 'at lunch',
      }),
    );
    await shows('read this');
    await accessible(assert, 'a room with people');
    await fillIn('[data-test-composer]', '/nonsense');
    await click('[data-test-send]');
    await accessible(assert, 'a command that is none');
    await click('[data-test-room-menu]');
    await accessible(assert, 'the menu of a room');
    await click('[data-test-room-menu]');
    server.socket.say(state('offline', 'The network cannot be reached.'));
    await visit('/net/*');
    await accessible(assert, 'the page of a network');
    server.socket.break();
    await accessible(assert, 'a broken connection');
  });

  test('dialogs', async function (assert) {
    await arrive();
    const close = async () => {
      await click('[data-test-dialog-close]');
      // The browser removes the dialog's entry.
      await waitUntil(
        () => !(history.state as { layer?: boolean } | null)?.layer,
      );
    };
    const { api } = this.owner.lookup('service:session');
    const ui = this.owner.lookup('service:ui');
    const key = this.owner.lookup('service:chat').activeKey!;
    server.answers['GET /api/invites'] = {
      body: {
        mail: true,
        invites: [
          {
            id: 'i',
            inviter: 'alice',
            expires: '2099-01-01T00:00:00.000Z',
            email: 'dave@example.org',
          },
        ],
      },
    };
    server.answers['GET /api/hooks'] = { body: { hooks: [HOOK] } };
    server.answers['GET /api/hooks/h1'] = {
      body: {
        ...HOOK,
        deliveries: [
          {
            id: 'd1',
            time: '2026-01-01T10:00:00.000Z',
            event: 'push',
            lines: ['[demo] ann pushed'],
            outcome: 'refused',
            reason: 'not in the channel',
          },
        ],
      },
    };
    server.answers['GET /api/addresses'] = {
      body: { domain: 'chat.example', addresses: [] },
    };
    const plain = [
      { kind: 'join', networkId: 'net' },
      { kind: 'invite' },
      { kind: 'network' },
      { kind: 'switcher' },
      { kind: 'topic', key },
      { kind: 'call', key },
      { kind: 'mail', key },
      { kind: 'help' },
    ] as const;
    for (const dialog of plain) {
      ui.open(dialog);
      await accessible(assert, dialog.kind);
      await close();
    }
    ui.open({ kind: 'network' });
    await waitFor('[data-test-network-list]');
    await accessible(assert, 'networks to choose from');
    await click('[data-test-custom-network]');
    await accessible(assert, 'a new network');
    await close();
    const { connections } = await api.connections();
    ui.open({ kind: 'network', connection: connections[0]! });
    await click('[data-test-remove-network]');
    await fillIn('[data-test-network-field="host"]', 'no host');
    await click('[data-test-submit]');
    await accessible(assert, 'a network that is changed');
    await close();

    await choose('webhooks');
    await waitFor('[data-test-open-hook="h1"]');
    await accessible(assert, 'webhooks');
    await click('[data-test-new-hook]');
    await click('[data-test-hook-more]');
    await click('[data-test-hook-quiet]');
    await accessible(assert, 'a new webhook');
    await close();
    await choose('webhooks');
    await click('[data-test-open-hook="h1"]');
    await waitFor('[data-test-outcome="refused"]');
    await accessible(assert, 'a webhook');
    await close();
  });

  test('settings', async function (assert) {
    server.answers['GET /api/notifications'] = {
      body: { available: true, email: 'a@example.org', minutes: 10 },
    };
    server.answers['GET /api/store'] = {
      body: {
        place: { kind: 'installation' },
        available: true,
        moving: null,
        left: [],
      },
    };
    server.answers['GET /api/grants'] = { body: { grants: [] } };
    server.answers['GET /api/connectors'] = {
      body: {
        connectors: [
          {
            id: 'irc',
            kind: 'gateway',
            state: 'silent',
            registration: { url: 'https://x' },
          },
        ],
      },
    };
    await arrive();
    const sections = [
      'appearance',
      'notifications',
      'account',
      'irc',
      'apps',
      'archives',
      'storage',
      'connectors',
    ];
    for (const section of sections) {
      await visit(`/settings/${section}`);
      await accessible(assert, section);
    }
    await visit('/settings/account');
    await click('[data-test-change-password]');
    await accessible(assert, 'a password that is wrong');
  });
});

module('Acceptance | accessibility of calls', function (hooks) {
  setupApplicationTest(hooks);
  const calls = setupCalls(hooks);

  test('before a call, and in it', async function (assert) {
    await calls.lobby();
    await accessible(assert, 'the lobby');
    await calls.join();
    await calls.call.welcome('bob');
    await waitFor('[data-test-call]');
    await accessible(assert, 'a call');
  });
});
