import {
  click,
  fillIn,
  findAll,
  focus,
  select,
  triggerEvent,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import {
  DEFAULT_DESCRIPTOR,
  type PlatformDescriptor,
} from 'subspace-client/lib/protocol';
import ECHO from '../../../connectors/dummy/src/dummy.json';
import { setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { connection, SERVER, state } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

const BOX = '[data-test-network-field="without_account"]';
const DUMMY = ECHO as PlatformDescriptor;
const SUBMIT = '[data-test-dialog="network"] [data-test-submit]';

module('Acceptance | the form of a network', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-add-network]');
  });

  hooks.afterEach(() => server.stop());

  const openForm = async () => {
    await click('[data-test-add-network]');
    await waitFor('[data-test-custom-network]');
    await click('[data-test-custom-network]');
  };

  const closed = () =>
    waitUntil(() => !document.querySelector('[data-test-dialog="network"]'));

  test('channels are joined without signing in only if that is wanted, and it is kept', async function (assert) {
    const far = connection({ id: 'far', name: 'Far', server: 'irc.far' });
    server.answers['POST /api/connections'] = {
      status: 201,
      body: { ...far, without_account: true },
    };
    server.answers['PATCH /api/connections/far'] = { body: far };
    await openForm();
    assert.dom(BOX).isNotChecked('one is not seen without the account');
    assert.dom(BOX).hasAttribute('aria-describedby', 'without-account-hint');
    assert.dom('#without-account-hint').includesText('without your account');
    await fillIn('[data-test-network-field="host"]', 'irc.far');
    await fillIn('[data-test-network-field="password"]', 'secret');
    await click(BOX);
    await click(SUBMIT);
    await closed();
    const [added] = server.told('POST /api/connections');
    assert.propContains(added, { without_account: true, sasl: true });

    await click('[data-test-edit-network="Far"]');
    assert.dom(BOX).isChecked();
    await click(BOX);
    await click(SUBMIT);
    await closed();
    const [changed] = server.told('PATCH /api/connections/far');
    assert.propContains(changed, { without_account: false });
    await click('[data-test-edit-network="Far"]');
    assert.dom(BOX).isNotChecked();
  });

  test('a server password and commands are set, kept and removed, and never shown', async function (assert) {
    const far = connection({ id: 'far', name: 'Far', server: 'irc.far' });
    const body = { ...far, server_password: true, commands: true };
    server.answers['POST /api/connections'] = { status: 201, body };
    server.answers['PATCH /api/connections/far'] = { body };
    const commands = '[data-test-network-field="commands"]';
    const password = '[data-test-network-field="server_password"]';
    await openForm();
    await fillIn('[data-test-network-field="host"]', 'irc.far');
    await fillIn(password, ' sesame ');
    await fillIn(commands, '/msg NickServ IDENTIFY hunter2\nQUIT');
    await click(SUBMIT);
    assert.dom('[data-test-dialog="network"]').includesText('line 2 would end');
    await fillIn(commands, 'x\n'.repeat(11));
    await click(SUBMIT);
    assert.dom('[data-test-dialog="network"]').includesText('10 are allowed');
    await fillIn(commands, '/msg NickServ IDENTIFY hunter2\nMODE al +B');
    await click(SUBMIT);
    await closed();
    const [added] = server.told('POST /api/connections');
    assert.propContains(added, {
      server_password: ' sesame ',
      commands: '/msg NickServ IDENTIFY hunter2\nMODE al +B',
    });

    await click('[data-test-edit-network="Far"]');
    assert.dom(password).hasValue('').hasAttribute('type', 'password');
    assert.dom(commands).hasValue('');
    assert.dom('#commands-hint').includesText('Already set');
    assert.dom('#password-hint').doesNotIncludeText('Already set');
    await fillIn(commands, '-');
    await click(SUBMIT);
    await closed();
    const [changed] = server.told('PATCH /api/connections/far') as object[];
    assert.propContains(changed, { commands: null });
    assert.notOk('server_password' in (changed ?? {}));
  });

  const listed = () =>
    [...document.querySelectorAll('[data-test-preset]')].map((preset) =>
      preset.getAttribute('data-test-preset'),
    );

  test('a well-known network is found by its name, and one click connects to it', async function (assert) {
    server.answers['POST /api/connections'] = {
      status: 201,
      body: connection({
        id: 'oftc',
        name: 'OFTC',
        server: 'irc.oftc.net',
        host: 'irc.oftc.net',
        channels: [],
      }),
    };
    await click('[data-test-add-network]');
    await waitFor('[data-test-find-network]');
    assert.dom('[data-test-find-network]').isFocused();
    assert.dom('[data-test-network-field="host"]').doesNotExist();
    assert.true(listed().length > 20, `${listed().length} networks`);
    assert
      .dom('[data-test-found-networks]')
      .hasText(`${listed().length} networks`)
      .hasAttribute('role', 'status');
    await fillIn('[data-test-find-network]', 'OfTc');
    assert.deepEqual(listed(), ['OFTC']);
    assert.dom('[data-test-found-networks]').hasText('1 network');
    await click('[data-test-preset="OFTC"]');
    await closed();
    assert.deepEqual(server.told('POST /api/connections'), [
      {
        platform: 'irc',
        name: 'OFTC',
        host: 'irc.oftc.net',
        port: 6697,
        secure: true,
        channels: ['#oftc'],
      },
    ]);
    await click('[data-test-add-network]');
    await waitFor('[data-test-preset="OFTC"]');
    assert.dom('[data-test-preset="OFTC"] .tag').hasText('added');
    assert.dom('[data-test-preset="hackint"] .tag').doesNotExist();
  });

  test('the keyboard will do, and what is refused is said', async function (assert) {
    const enter = () =>
      triggerEvent('[data-test-dialog="network"] form', 'submit');
    const trouble = '[data-test-dialog="network"] [data-test-error]';
    server.answers['POST /api/connections'] = {
      status: 409,
      body: { title: 'Conflict', status: 409, detail: 'You have it.' },
    };
    await click('[data-test-add-network]');
    await waitFor('[data-test-find-network]');
    await enter();
    assert.dom(trouble).hasText('Choose a network from the list.');
    await fillIn('[data-test-find-network]', 'hackint');
    assert.dom(trouble).doesNotExist();
    await enter();
    await waitFor(trouble);
    assert.dom(trouble).hasText('You have it.');
    assert.strictEqual(server.told('POST /api/connections').length, 1);
    await fillIn('[data-test-find-network]', 'no such network');
    assert.deepEqual(listed(), []);
    assert.dom('[data-test-network-list]').includesText('None of that name');
  });

  test('arrow keys lead through the list, and a button back to it', async function (assert) {
    const down = (selector: string) =>
      triggerKeyEvent(selector, 'keydown', 'ArrowDown');
    const preset = (name: string) => `[data-test-preset="${name}"]`;
    await click('[data-test-add-network]');
    await waitFor('[data-test-find-network]');
    const [first, second] = listed();
    const last = listed().at(-1)!;
    await down('[data-test-find-network]');
    assert.dom(preset(first!)).isFocused();
    await down(preset(first!));
    assert.dom(preset(second!)).isFocused();
    // Beside a network is what sets it up.
    await focus(`[data-test-set-up-preset="${second}"]`);
    await triggerKeyEvent(
      `[data-test-set-up-preset="${second}"]`,
      'keydown',
      'ArrowUp',
    );
    assert.dom(preset(first!)).isFocused();
    await triggerKeyEvent(preset(first!), 'keydown', 'ArrowUp');
    assert.dom('[data-test-find-network]').isFocused();
    await triggerKeyEvent('[data-test-find-network]', 'keydown', 'ArrowUp');
    assert.dom(preset(last)).isFocused();
    const list = document.querySelector('[data-test-network-list]')!;
    const { bottom } = document.activeElement!.getBoundingClientRect();
    assert.true(
      bottom <= list.getBoundingClientRect().bottom + 1,
      'it is seen',
    );

    await click('[data-test-custom-network]');
    assert.dom('[data-test-network-field="name"]').isFocused();
    await click('[data-test-network-list-again]');
    assert.dom('[data-test-find-network]').isFocused();
    assert.dom(preset(first!)).exists();
    await click(`[data-test-set-up-preset="${first}"]`);
    assert.dom('#dialog-title').hasText(`Add ${first}`);
    await click('[data-test-network-list-again]');
    assert.dom('#dialog-title').hasText('Add a network');
  });

  test('what a refused certificate asks stays while it is tried again, and every channel leads there', async function (assert) {
    const certificate = 'ab0f'.repeat(16);
    const refused = state('offline', 'It is self-signed.', { certificate });
    server.socket.say(refused);
    await waitFor('[data-test-connection-link]');
    assert.dom('[data-test-composer-hint]').includesText('It is self-signed.');
    await click('[data-test-connection-link]');
    await waitFor('[data-test-show-certificate]');
    assert.dom('[data-test-connection-link]').doesNotExist('one is there');
    await click('[data-test-show-certificate]');
    const shown = document.querySelector('[data-test-fingerprint]');
    server.socket.say(state('connecting', 'Connecting to it.'));
    await waitFor('[data-test-network-card="connecting"]');
    assert.dom('[data-test-fingerprint]').exists();
    server.socket.say(refused);
    await waitFor('[data-test-network-card="offline"]');
    const again = document.querySelector('[data-test-fingerprint]');
    assert.strictEqual(again, shown, 'it is the same element');
    const card = document.querySelector<HTMLElement>(
      '[data-test-network-card]',
    )!;
    const button = document.querySelector<HTMLElement>(
      '[data-test-accept-certificate]',
    )!;
    assert.true(
      button.offsetWidth < card.offsetWidth / 2,
      'as wide as its text',
    );
  });

  test('a well-known network can be set up, and another server entered', async function (assert) {
    server.answers['POST /api/connections'] = {
      status: 201,
      body: connection({ id: 'efnet', name: 'EFnet', server: 'irc.efnet.org' }),
    };
    const field = (name: string) => `[data-test-network-field="${name}"]`;
    await click('[data-test-add-network]');
    await waitFor('[data-test-find-network]');
    await click('[data-test-set-up-preset="EFnet"]');
    assert.dom('#dialog-title').hasText('Add EFnet');
    assert.dom(field('name')).hasValue('EFnet').isFocused();
    assert.dom(field('host')).hasValue('irc.efnet.org');
    assert.dom(field('port')).hasValue('6667');
    assert.dom(field('secure')).isNotChecked();
    await fillIn(field('nick'), 'alter');
    await click(SUBMIT);
    await closed();
    assert.propContains(server.told('POST /api/connections')[0], {
      name: 'EFnet',
      host: 'irc.efnet.org',
      port: 6667,
      secure: false,
      nick: 'alter',
    });

    await openForm();
    assert.dom('#dialog-title').hasText('Add a network');
    assert.dom(field('name')).hasNoValue().isFocused();
    assert.dom(field('host')).hasNoValue();
    assert.dom(field('secure')).isChecked();
  });

  test('the form is that of the platform', async function (assert) {
    server.answers['GET /api/connections'] = {
      body: {
        connections: [connection()],
        platforms: [DEFAULT_DESCRIPTOR, DUMMY],
      },
    };
    await visit('/');
    await this.owner.lookup('service:chat').reload();
    server.answers['POST /api/connections'] = {
      status: 201,
      body: {
        id: 'echo',
        platform: 'dummy',
        name: 'Echo',
        server: 'dummy',
        nick: 'al',
        channels: [],
        enabled: true,
        connector: 'irc',
        greeting: 'Ahoy',
        loud: true,
      },
    };
    const fields = () =>
      [...document.querySelectorAll('[data-test-network-field]')].map((field) =>
        field.getAttribute('data-test-network-field'),
      );
    const irc =
      'name host port secure nick password client_certificate server_password commands without_account address_family encoding channels';
    await openForm();
    assert.strictEqual(fields().join(' '), irc);
    const port = '[data-test-network-field="port"]';
    assert.dom(port).hasAttribute('placeholder', '6697');
    await click('[data-test-network-field="secure"]');
    assert.dom(port).hasAttribute('placeholder', '6667');

    await select('[data-test-network-platform]', 'dummy');
    await waitFor('[data-test-network-field="greeting"]');
    assert.strictEqual(fields().join(' '), 'name nick greeting loud');
    const greeting = '[data-test-network-field="greeting"]';
    assert.dom('label[for="greeting"]').hasText('Greeting');
    const { hint } = DUMMY.fields.find(({ name }) => name === 'greeting')!;
    assert.dom('#greeting-hint').hasText(hint!);
    assert.dom(greeting).hasAttribute('placeholder', 'Hello');
    assert.dom('[data-test-network-field="loud"]').isNotChecked();
    await fillIn('[data-test-network-field="nick"]', 'a@b');
    await click(SUBMIT);
    assert.strictEqual(server.told('POST /api/connections').length, 0);
    await fillIn('[data-test-network-field="nick"]', 'al');
    await fillIn(greeting, 'Ahoy');
    await click('[data-test-network-field="loud"]');
    await click(SUBMIT);
    await closed();
    assert.deepEqual(server.told('POST /api/connections'), [
      { platform: 'dummy', nick: 'al', greeting: 'Ahoy', loud: true },
    ]);

    await click('[data-test-edit-network="Echo"]');
    assert.dom('[data-test-network-platform]').doesNotExist();
    assert.strictEqual(fields().join(' '), 'name nick greeting loud');
    assert.dom(greeting).hasValue('Ahoy');
    assert.dom('[data-test-network-field="loud"]').isChecked();
  });

  test('a certificate that is not valid is accepted by its fingerprint, and no longer if that is wished', async function (assert) {
    const seen = 'ab0f'.repeat(16);
    const far = connection({ server: SERVER, channels: [] });
    server.answers['PATCH /api/connections/net'] = {
      body: { ...far, certificate: seen },
    };
    await visit('/net/*');
    server.socket.say(
      state('offline', 'Its certificate is self-signed.', {
        certificate: seen,
      }),
    );
    await waitFor('[data-test-show-certificate]');
    assert
      .dom('[data-test-network-trouble]')
      .hasText('Its certificate is self-signed.');
    assert.dom('[data-test-accept-certificate]').doesNotExist();
    await click('[data-test-show-certificate]');
    const shown = Array.from({ length: 16 }, () => 'ab:0f').join(':');
    assert.dom('[data-test-fingerprint]').hasText(shown);
    await accessible(assert, 'a certificate');
    await click('[data-test-accept-certificate]');
    await waitFor('[data-test-accepted-certificate]');
    server.socket.say(state('online', 'Connected.'));
    await waitFor('[data-test-network-card="online"]');
    assert.dom('[data-test-show-certificate]').doesNotExist();
    server.answers['PATCH /api/connections/net'] = { body: far };
    await click('[data-test-reject-certificate]');
    assert.dom('[data-test-accepted-certificate]').doesNotExist();
    assert.deepEqual(server.told('PATCH /api/connections/net'), [
      { certificate: seen },
      { certificate: null },
    ]);
  });

  test('what a platform cannot do is not offered on it', async function (assert) {
    const echo = connection({
      id: 'echo',
      platform: 'dummy',
      name: 'Echo',
      server: 'dummy',
      channels: [],
    });
    server.answers['GET /api/connections'] = {
      body: {
        connections: [connection(), echo],
        platforms: [DEFAULT_DESCRIPTOR, DUMMY],
      },
    };
    const chat = this.owner.lookup('service:chat');
    await chat.reload();
    await waitFor('[data-test-open-join="Example"]');
    assert.dom('[data-test-open-join="Echo"]').doesNotExist();

    chat.update((draft) => {
      draft.network('echo')!.status = 'online';
    });
    await click('[data-test-open-switcher]');
    await fillIn('[data-test-switcher-input]', 'zoe');
    const choices = findAll('[data-test-choice]').map((choice) => [
      choice.getAttribute('data-test-choice'),
      choice.textContent.includes('Echo'),
    ]);
    assert.deepEqual(choices, [
      ['Message zoe', false],
      ['Join #zoe', false],
      ['Message zoe', true],
    ]);
    await click('[data-test-dialog-close]');

    chat.openRoom('echo', 'dummy', 'direct');
    await visit('/echo/dummy');
    await waitFor('[data-test-room-menu]');
    assert.dom('[data-test-start-call]').doesNotExist();
    await click('[data-test-room-menu]');
    assert.dom('[data-test-menu="mute"]').exists();
    assert.dom('[data-test-menu="call"]').doesNotExist();

    chat.openRoom('net', 'bob', 'direct');
    await visit('/net/bob');
    await waitFor('[data-test-start-call]');
    assert.dom('[data-test-start-call]').exists();
  });
});
