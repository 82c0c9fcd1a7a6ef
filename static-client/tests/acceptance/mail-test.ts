import { click, settled, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { choose, setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

const ADDRESS = {
  id: 'a1',
  address: 'general.x7k2@chat.example',
  connection: 'net',
  channel: '#General',
  created: '2026-01-01T10:00:00.000Z',
};

module('Acceptance | mail', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  const list = (domain: string | null, ...addresses: object[]) => {
    server.answers['GET /api/addresses'] = { body: { domain, addresses } };
  };

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-room-menu]');
  });

  hooks.afterEach(() => server.stop());

  test('an address is made, changed and deleted', async function (assert) {
    // Those of other channels do not belong to this one.
    list('chat.example', { ...ADDRESS, id: 'b', channel: '#other' });
    await choose('mail');
    await waitFor('[data-test-make-mail]');
    server.answers['POST /api/addresses'] = { status: 201, body: ADDRESS };
    await click('[data-test-make-mail]');
    await waitFor('[data-test-copy-value="mail-address"]');
    assert
      .dom('[data-test-copy-value="mail-address"]')
      .hasValue(ADDRESS.address);
    server.answers['POST /api/addresses/a1'] = {
      body: { ...ADDRESS, address: 'general.new1@chat.example' },
    };
    await click('[data-test-change-mail]');
    await waitUntil(() =>
      document
        .querySelector<HTMLInputElement>(
          '[data-test-copy-value="mail-address"]',
        )
        ?.value.includes('new1'),
    );
    server.answers['DELETE /api/addresses/a1'] = { status: 204 };
    await click('[data-test-remove-mail]');
    await waitFor('[data-test-make-mail]');
    await server.asked('DELETE /api/addresses/a1');
    assert.dom('[data-test-make-mail]').isEnabled();
  });

  test('the address that a channel has is shown; a refusal keeps it', async function (assert) {
    list('chat.example', ADDRESS);
    await choose('mail');
    await waitFor('[data-test-copy-value="mail-address"]');
    assert
      .dom('[data-test-copy-value="mail-address"]')
      .hasValue(ADDRESS.address);
    server.answers['DELETE /api/addresses/a1'] = {
      status: 503,
      body: { detail: 'The storage does not answer; try again later.' },
    };
    await click('[data-test-remove-mail]');
    await waitFor('[data-test-error]');
    assert
      .dom('[data-test-error]')
      .hasText('The storage does not answer; try again later.');
    assert
      .dom('[data-test-copy-value="mail-address"]')
      .hasValue(ADDRESS.address);
    assert.dom('[data-test-remove-mail]').isEnabled();
  });

  test('where there is no mail, or no more of it, a sentence says so', async function (assert) {
    list(null);
    await choose('mail');
    await waitFor('[data-test-no-mail]');
    assert
      .dom('[data-test-no-mail]')
      .hasText("This server doesn't accept e-mail.");
    assert.dom('[data-test-make-mail]').doesNotExist();
    await click('[data-test-dialog-close]');
    list('chat.example');
    server.answers['POST /api/addresses'] = {
      status: 409,
      body: { detail: 'You have 200 mail addresses; delete one first.' },
    };
    await choose('mail');
    await waitFor('[data-test-make-mail]');
    await click('[data-test-make-mail]');
    await waitFor('[data-test-error]');
    await settled();
    assert
      .dom('[data-test-error]')
      .hasText('You have 200 mail addresses; delete one first.');
    assert.dom('[data-test-make-mail]').isEnabled();
  });
});
