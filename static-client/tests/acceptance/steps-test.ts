/** The second step of a dialog, and the button Back. */
import {
  click,
  currentURL,
  find,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { choose, setupApplicationTest } from '../helpers';
import { connection } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

const HERE = '/net/%23general';
const LIST = '[data-test-find-network]';
const FORM = '[data-test-network-field="name"]';
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

interface State {
  layer?: string;
  step?: number;
}

module('Acceptance | steps of a dialog', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ channels: ['#general', '#tea'] })] },
    };
    server.answers['GET /api/hooks'] = { body: { hooks: [HOOK] } };
    server.answers['GET /api/hooks/h1'] = { body: { ...HOOK, deliveries: [] } };
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit(HERE);
    await server.greet();
    await waitFor('[data-test-room="#general"]');
    // Tests do not write the address, so an entry taken over in an earlier one is still marked.
    history.replaceState({ mine: true }, '');
  });

  hooks.afterEach(() => server.stop());

  const state = () => history.state as State | null;
  /** The browser is where it was before the dialog was opened. */
  const isBelow = () => 'mine' in (state() ?? {});

  async function back(until: () => boolean) {
    history.back();
    await waitUntil(until, { timeout: 10_000 });
    await settled();
  }

  async function openForm() {
    await click('[data-test-add-network]');
    await waitFor('[data-test-custom-network]');
    await click('[data-test-custom-network]');
    await waitFor(FORM);
  }

  test('Back leads from the form of a network to the list, and then closes the dialog', async function (assert) {
    await openForm();
    await back(() => !find(FORM));
    assert.dom(LIST).isFocused();
    await click('[data-test-custom-network]');
    await back(() => !find(FORM));
    assert.dom(LIST).isFocused('again');
    await back(() => !find('[data-test-dialog]'));
    assert.strictEqual(currentURL(), HERE);
    assert.true(isBelow());
    assert.dom('[data-test-add-network]').isFocused();
  });

  test('a step that is left by hand leaves no entry', async function (assert) {
    await openForm();
    assert.strictEqual(state()?.step, 1);
    await click('[data-test-network-list-again]');
    assert.dom(LIST).exists();
    assert.strictEqual(state()?.step, undefined);
    assert.ok(state()?.layer);
    await back(() => !find('[data-test-dialog]'));
    assert.true(isBelow());
  });

  test('a dialog that is closed in its second step takes both entries away', async function (assert) {
    await openForm();
    await click('[data-test-dialog-close]');
    assert.true(isBelow());
    await openForm();
    const ui = this.owner.lookup('service:ui');
    // The first entry is still being taken away when the dialog is closed.
    (find('[data-test-network-list-again]') as HTMLElement).click();
    ui.close();
    await settled();
    assert.true(isBelow(), 'one after the other');
  });

  test('another page does not come above the entries of a step', async function (assert) {
    const router = this.owner.lookup('service:router');
    await openForm();
    router.transitionTo('chat.room', 'net', '#tea');
    await waitFor('[data-test-room="#tea"]');
    await settled();
    assert.dom('[data-test-dialog]').doesNotExist();
    assert.strictEqual(currentURL(), '/net/%23tea');
    assert.true(isBelow());
  });

  test('another dialog that takes the place of a second step is closed by Back', async function (assert) {
    const ui = this.owner.lookup('service:ui');
    await openForm();
    ui.open({ kind: 'help' });
    await settled();
    await back(() => !find('[data-test-dialog]'));
    assert.strictEqual(currentURL(), HERE);
    assert.true(isBelow());
  });

  test('Back leads from a webhook and its options to the list', async function (assert) {
    await choose('webhooks');
    await waitFor('[data-test-open-hook]');
    await click('[data-test-new-hook]');
    assert.dom('[data-test-hook-form]').exists();
    await back(() => !find('[data-test-hook-form]'));
    assert.dom('[data-test-new-hook]').exists();
    assert.true(find('dialog')!.contains(document.activeElement));
    await click('[data-test-open-hook="h1"]');
    await waitFor('[data-test-no-deliveries]');
    await click('[data-test-change-hook]');
    assert.dom('[data-test-hook-form]').exists();
    await back(() => !find('[data-test-hook-form]'));
    assert.dom('[data-test-no-deliveries]').exists();
    await back(() => !find('[data-test-no-deliveries]'));
    assert.dom('[data-test-new-hook]').exists();
    await back(() => !find('[data-test-dialog]'));
    assert.strictEqual(currentURL(), HERE);
    assert.true(isBelow());
  });
});
