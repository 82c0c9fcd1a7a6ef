import {
  click,
  currentURL,
  fillIn,
  find,
  visit,
  waitFor,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { STORAGE_SCOPES } from 'subspace-client/services/session';
import { setupApplicationTest } from '../helpers';
import { isAmber } from '../helpers/looks';
import { FakeServer } from '../helpers/server';

const OLD = 'correct horse battery';
const NEW = 'staple of my diet';

module('Acceptance | account', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit('/settings/account');
  });

  hooks.afterEach(() => server.stop());

  async function change(old: string, wanted: string, again = wanted) {
    await fillIn('#password-old', old);
    await fillIn('#password-new', wanted);
    await fillIn('#password-again', again);
    await click('[data-test-change-password]');
  }

  const error = (part: string) => `[data-test-field-error="password-${part}"]`;

  test('what is typed wrong is said at its field, and the server is spared', async function (assert) {
    await change('', NEW);
    assert.dom(error('old')).hasText('Enter your current password.');
    assert.dom('#password-old').isFocused();
    await change(OLD, 'short');
    assert.dom(error('old')).doesNotExist();
    assert.dom(error('new')).hasText('Use at least 10 characters (5 so far).');
    assert.dom('#password-new').isFocused();
    assert.dom('#password-new').hasAttribute('aria-invalid', 'true');
    assert
      .dom('#password-new')
      .hasAttribute('aria-describedby', /password-new-error/);
    await change(OLD, NEW, `${NEW}r`);
    assert.dom(error('new')).doesNotExist();
    assert.dom(error('again')).hasText("This doesn't match the new password.");
    assert.dom('#password-again').isFocused();
    assert.true(server.spared('PUT /api/password'));
  });

  test('what the server refuses is said at its field, and one stays signed in', async function (assert) {
    const refusals: [number, string, string][] = [
      [403, 'the current password is wrong', 'old'],
      [429, 'there were too many wrong passwords; try again later', 'old'],
      [422, 'the new password is the old one; choose another one', 'new'],
    ];
    for (const [status, detail, part] of refusals) {
      server.answers['PUT /api/password'] = { status, body: { detail } };
      await change(OLD, NEW);
      assert.dom(error(part)).includesText(detail.slice(1));
      assert.dom(`#password-${part}`).isFocused();
      assert.dom('[data-test-field-error]').exists({ count: 1 });
      assert.dom('#password-new').hasValue(NEW, 'nothing is typed twice');
    }
    server.answers['PUT /api/password'] = {
      status: 409,
      body: { detail: 'the password was changed a moment ago, elsewhere' },
    };
    await change(OLD, NEW);
    assert.dom('[data-test-field-error]').doesNotExist();
    assert.dom('[data-test-error]').includesText('changed a moment ago');
    assert.dom('[data-test-settings="account"]').exists();
  });

  test('the password is changed', async function (assert) {
    server.answers['PUT /api/password'] = { status: 204 };
    await change(OLD, NEW);
    await waitFor('[data-test-password-changed]');
    assert.false(isAmber('[data-test-password-changed]'));
    assert.deepEqual(server.told('PUT /api/password'), [
      { old: OLD, new: NEW },
    ]);
    for (const part of ['old', 'new', 'again']) {
      assert.dom(`#password-${part}`).hasValue('');
    }
    // Password managers are told whose password it is.
    assert.dom('[autocomplete="username"]').hasValue('alice');
    assert.dom('[data-test-settings="account"]').exists();
  });

  test('the token for the storage ends with the session', async function (assert) {
    await this.owner.lookup('service:session').storageToken(true);
    assert.deepEqual(server.told('POST /api/grants'), [
      {
        kind: 'app',
        client: location.origin,
        scopes: STORAGE_SCOPES,
        with_session: true,
      },
    ]);
  });

  test('all other sessions are ended', async function (assert) {
    server.answers['DELETE /api/sessions'] = {
      status: 503,
      body: { detail: 'the store does not answer' },
    };
    await click('[data-test-end-sessions]');
    assert.dom('[data-test-error]').hasText('The store does not answer.');
    assert.dom('[data-test-sessions-ended]').doesNotExist();
    server.answers['DELETE /api/sessions'] = { status: 204 };
    await click('[data-test-end-sessions]');
    await waitFor('[data-test-sessions-ended]');
    assert.false(isAmber('[data-test-sessions-ended]'));
    assert.dom('[data-test-error]').doesNotExist();
    assert.dom('[data-test-settings="account"]').exists();
  });

  test('sessions are named by their browser, and this one is marked', async function (assert) {
    const grant = { kind: 'session', created: '2026-01-15T10:00:00.000Z' };
    const later = '2026-01-15T10:01:00.000Z';
    server.answers['GET /api/grants'] = {
      body: {
        grants: [
          { ...grant, id: 'a', client: 'Firefox on Linux', current: true },
          { ...grant, id: 'b', client: 'Safari on iPhone', current: false },
          { ...grant, id: 'c', client: 'browser', current: false },
          {
            ...grant,
            id: 'd',
            client: 'browser',
            current: false,
            created: later,
          },
        ],
      },
    };
    await visit('/settings/apps');
    await waitFor('[data-test-grant="a"]');
    const named = (id: string) => `[data-test-grant="${id}"] strong`;
    const mark = '[data-test-this-browser]';
    assert.dom(named('a')).hasText('Firefox on Linux');
    assert.dom(`[data-test-grant="a"] ${mark}`).hasText('this browser');
    assert.dom(named('b')).hasText('Safari on iPhone');
    assert.dom(named('c')).hasText('A browser');
    assert.dom(mark).exists({ count: 1 });
    const text = (id: string) => find(`[data-test-grant="${id}"]`)!.textContent;
    assert.notStrictEqual(text('c'), text('d'), 'a minute tells them apart');
  });

  test('the settings have a first page', async function (assert) {
    await visit('/settings');
    assert.strictEqual(currentURL(), '/settings/appearance');
    assert.dom('[data-test-settings="appearance"]').exists();
  });

  test('an invitation that is on its way is no warning', async function (assert) {
    server.answers['GET /api/invites'] = { body: { invites: [], mail: true } };
    server.answers['POST /api/invites'] = {
      status: 201,
      body: { id: 'i', inviter: 'alice', token: 'invite.i.t' },
    };
    await click('[data-test-open-invite]');
    await fillIn('[data-test-dialog="invite"] input[type="email"]', 'b@x.org');
    await click('[data-test-dialog="invite"] button[type="submit"]');
    await waitFor('[data-test-mailed]');
    assert.false(isAmber('[data-test-mailed]'));
  });

  test('what is for administrators is neither offered to others nor shown', async function (assert) {
    const { session } = this.owner.lookup('service:life');
    session.current = { ...session.current!, admin: false };
    await visit('/settings/connectors');
    assert.dom('[data-test-settings-link="connectors"]').doesNotExist();
    assert.dom('[data-test-connectors]').doesNotExist();
    assert.true(server.spared('GET /api/connectors'));
  });
});
