import { click, fillIn, visit, waitFor } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

module('Acceptance | mail', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  const settings = (more: object) => ({
    available: true,
    email: null,
    confirmed: false,
    enabled: false,
    minutes: 15,
    undeliverable: null,
    ...more,
  });

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
  });

  hooks.afterEach(() => server.stop());

  test('an address is given, confirmed, and refused mail', async function (assert) {
    server.answers['GET /api/notifications'] = { body: settings({}) };
    server.answers['PUT /api/notifications'] = {
      body: settings({ email: 'alice@home.test', enabled: true }),
    };
    server.answers['POST /api/notifications'] = {
      status: 429,
      body: { detail: 'too much mail went out to this address today' },
    };
    await visit('/settings/notifications');
    await waitFor('[data-test-mail-address]');
    assert.dom('[data-test-mail-waits]').doesNotExist();
    await fillIn('[data-test-mail-address]', 'alice@home.test');
    await click('[data-test-mail-enabled]');
    await click('[data-test-mail-save]');
    assert.dom('[data-test-mail-saved]').hasText('Saved.');
    assert.dom('[data-test-mail-waits]').exists();
    await click('[data-test-mail-again]');
    assert.dom('[data-test-error]').includesText('too much mail');
    server.answers['PUT /api/notifications'] = {
      body: settings({
        email: 'alice@home.test',
        undeliverable: '550 no such user',
      }),
    };
    await click('[data-test-mail-save]');
    assert
      .dom('[data-test-mail-undeliverable]')
      .includesText('550 no such user');
    assert.dom('[data-test-mail-waits]').doesNotExist();
  });

  test('without outgoing mail the settings say so', async function (assert) {
    server.answers['GET /api/notifications'] = {
      body: settings({ available: false }),
    };
    await visit('/settings/notifications');
    await waitFor('[data-test-mail-unavailable]');
    assert.dom('[data-test-mail-address]').doesNotExist();
  });

  test('an invitation is mailed, and shown if it came back', async function (assert) {
    const invite = {
      id: 'i1',
      inviter: 'alice',
      created: '2026-01-01T00:00:00.000Z',
      expires: '2099-01-01T00:00:00.000Z',
      email: 'bob@b.test',
    };
    server.answers['GET /api/invites'] = { body: { invites: [], mail: true } };
    server.answers['POST /api/invites'] = {
      status: 201,
      body: { ...invite, token: 'invite.i1.s' },
    };
    await visit('/');
    await click('[data-test-open-invite]');
    await waitFor('[data-test-invite-email]');
    await fillIn('[data-test-invite-email]', 'bob@b.test');
    const problem = { mail: 'undeliverable', mail_problem: 'no such user' };
    server.answers['GET /api/invites'] = {
      body: { invites: [{ ...invite, ...problem }], mail: true },
    };
    await click('[data-test-make-invite]');
    assert.dom('[data-test-mailed]').includesText('bob@b.test');
    assert.dom('#invite-link').hasValue(/#\/invite\/invite\.i1\.s$/);
    assert.dom('[data-test-invite-problem]').includesText('no such user');
    assert.dom('[data-test-invite-email]').hasNoValue();
  });

  test('without outgoing mail there are links only', async function (assert) {
    server.answers['GET /api/invites'] = { body: { invites: [] } };
    await visit('/');
    await click('[data-test-open-invite]');
    await waitFor('[data-test-make-invite]');
    assert.dom('[data-test-invite-email]').doesNotExist();
  });
});
