import {
  click,
  fillIn,
  find,
  findAll,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { FakeCall } from '../helpers/call';
import { FakeServer } from '../helpers/server';

/** How long devices and connections may take, in ms. */
const PATIENCE = { timeout: 20_000 };

/** Longer than the client waits before it says that there is no way, in ms. */
const NO_WAY = { timeout: 40_000 };

module('Acceptance | calls', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  let call: FakeCall;
  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(
    navigator.mediaDevices,
  );

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    call = new FakeCall();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:call').openSocket = call.openSocket;
    server.answers['GET /api/calls/token'] = {
      body: {
        account: 'bob',
        target: '#general',
        guests: true,
        expires: '2099-01-01T00:00:00.000Z',
      },
    };
    server.answers['POST /api/calls/token'] = {
      body: {
        name: 'alice',
        guest: false,
        peer: 'me',
        url: 'http://gateway.test',
        ticket: 't',
        ice_servers: [],
        expires: '2099-01-01T00:00:00.000Z',
      },
    };
  });

  hooks.afterEach(function () {
    call.close();
    server.stop();
    navigator.mediaDevices.getUserMedia = getUserMedia;
  });

  /** The page of the call, with the devices there. */
  async function lobby() {
    server.signIn();
    await visit('/call/token');
    await waitFor('[data-test-call-lobby]', PATIENCE);
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
  }

  async function join() {
    await click('[data-test-call-join]');
    await waitUntil(() => call.opened > 0, PATIENCE);
  }

  const connected = (name: string) =>
    waitFor(
      `[data-test-call-person="${name}"][data-test-call-state="connected"]`,
      PATIENCE,
    );

  const arrived = (name: string, what: string) => {
    const tile = find(`[data-test-call-person="${name}"]`);
    return Number(tile?.getAttribute(`data-test-call-${what}`));
  };

  test('the lobby shows who called, the devices, and lets choose them', async function (assert) {
    await lobby();
    assert.dom().includesText('bob started it in #general.');
    assert.dom('[data-test-call-preview] video').exists();
    assert.true(findAll('[data-test-call-microphones] option').length > 0);
    const cameras = findAll(
      '[data-test-call-cameras] option',
    ) as HTMLOptionElement[];
    assert.strictEqual(cameras.length, 2);
    const service = this.owner.lookup('service:call');
    const first = service.camera;
    await fillIn('[data-test-call-cameras]', cameras[1]!.value);
    await waitUntil(() => service.camera && service.camera !== first, PATIENCE);
    assert.strictEqual(
      service.camera?.getSettings().deviceId,
      cameras[1]!.value,
    );
    assert.strictEqual(first?.readyState, 'ended');
    await click('[data-test-call-camera="on"]');
    await waitFor('[data-test-call-camera="off"]');
    assert.dom('[data-test-call-preview] video').doesNotExist();
    assert.strictEqual(service.camera, undefined);
    await click('[data-test-call-microphone="on"]');
    assert.dom('[data-test-call-microphone="off"]').exists();
    assert.false(service.microphone?.enabled);
  });

  test('one waits at the door, and is told why it stays closed', async function (assert) {
    await lobby();
    const admission = server.answers['POST /api/calls/token']!;
    server.answers['POST /api/calls/token'] = {
      status: 404,
      body: { detail: 'This call is over.' },
    };
    await click('[data-test-call-join]');
    await waitFor('[data-test-error]');
    assert.dom('[data-test-error]').hasText('This call is over.');
    server.answers['POST /api/calls/token'] = admission;
    await join();
    assert.dom('[data-test-call-join]').isDisabled();
    assert.dom('[data-test-error]').doesNotExist();
    call.tell('refused', { error: 'six people are in this call already' });
    await settled();
    assert
      .dom('[data-test-error]')
      .hasText('Six people are in this call already.');
    assert.dom('[data-test-call-join]').isEnabled();
    await join();
    await call.welcome();
    await waitFor('[data-test-call]');
    assert.dom('.call-status').includesText('Nobody else is here yet.');
    assert.deepEqual(call.media, { audio: true, video: true, screen: false });
  });

  test('people talk, mute, lose the connector and leave', async function (assert) {
    await lobby();
    await join();
    await call.welcome('bob');
    await connected('bob');
    await call.comes('zoe');
    await connected('zoe');
    assert.dom('.call-status').hasText('');
    for (const name of ['bob', 'zoe']) {
      await waitUntil(
        () => arrived(name, 'frames') > 5 && arrived(name, 'audio') > 5,
        PATIENCE,
      );
      const received = await call.received(name);
      assert.true(received.frames > 0, `${name} sees the page`);
      assert.dom(`[data-test-call-person="${name}"] video`).exists();
    }

    await click('[data-test-call-microphone="on"]');
    await waitUntil(() => !call.media.audio);
    assert.true(call.media.video);
    call.tell('media', { peer: 'zoe', media: { audio: false, video: false } });
    await settled();
    assert.dom('[data-test-call-person="zoe"]').includesText('muted');
    assert.dom('[data-test-call-person="zoe"] video').doesNotExist();
    assert.dom('[data-test-call-person="bob"] video').exists();

    await click('[data-test-call-devices]');
    assert.dom('.call-choice [data-test-call-cameras]').exists();

    // The connector is away; those who talk go on.
    call.tell('disconnect', 'transport close');
    await waitFor('[data-test-call-interrupted]');
    const before = arrived('bob', 'audio');
    await waitUntil(() => arrived('bob', 'audio') > before + 5, PATIENCE);
    call.tell('welcome', {
      peers: [call.silent('bob'), call.silent('zoe')],
    });
    await settled();
    assert.dom('[data-test-call-interrupted]').doesNotExist();
    assert.dom('[data-test-call-person]').exists({ count: 2 });

    call.leaves('zoe');
    await settled();
    assert.dom('[data-test-call-person="zoe"]').doesNotExist();

    const service = this.owner.lookup('service:call');
    const devices = [service.microphone!, service.camera!];
    await click('[data-test-call-hang-up]');
    assert.dom().includesText('You have left the call.');
    assert.strictEqual(call.emitted.at(-1)?.event, 'leave');
    assert.deepEqual(
      devices.map(({ readyState }) => readyState),
      ['ended', 'ended'],
    );
  });

  test('a network without any way is said to be one', async function (assert) {
    await lobby();
    // Through the relay only, and there is none.
    await click('[data-test-call-relay]');
    await join();
    call.tell('welcome', { peers: [call.silent('bob')] });
    await waitFor('[data-test-call-trouble]');
    assert.dom('[data-test-call-trouble]').hasText('Connecting…');
    await waitUntil(
      () =>
        find('[data-test-call-trouble]')?.textContent?.includes(
          'the network blocks calls',
        ),
      NO_WAY,
    );
    assert
      .dom('[data-test-call-trouble]')
      .hasText('No way to them was found: the network blocks calls.');
  });

  test('blocked devices are explained, and one can join without', async function (assert) {
    const refusal = new DOMException('denied', 'NotAllowedError');
    navigator.mediaDevices.getUserMedia = () => Promise.reject(refusal);
    server.signIn();
    await visit('/call/token');
    await waitFor('[data-test-error]');
    await waitUntil(() =>
      find('[data-test-error]')?.textContent?.includes('camera'),
    );
    assert.dom('[data-test-error]').includesText('The browser blocks the');
    assert.dom('[data-test-call-microphone="off"]').exists();
    assert.dom('[data-test-call-camera="off"]').exists();
    await join();
    await call.welcome();
    await waitFor('[data-test-call]');
    assert.deepEqual(call.media, {
      audio: false,
      video: false,
      screen: false,
    });
    // Allowed beside the address meanwhile.
    navigator.mediaDevices.getUserMedia = getUserMedia;
    await click('[data-test-call-microphone="off"]');
    await waitFor('[data-test-call-microphone="on"]', PATIENCE);
    assert.true(call.media.audio);
    assert.dom('[data-test-error]').doesNotExist();
  });

  test('guests give a name where guests are allowed', async function (assert) {
    await visit('/call/token');
    await waitFor('[data-test-call-name]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-call-name]').isRequired();
    await fillIn('[data-test-call-name]', 'Zoë');
    await join();
    await call.welcome();
    await waitFor('[data-test-call]');
    assert.dom('[data-test-call-to-chat]').doesNotExist();
  });

  test('others are asked to sign in, and calls that are over say so', async function (assert) {
    const about = server.answers['GET /api/calls/token']!.body as object;
    server.answers['GET /api/calls/token'] = {
      body: { ...about, guests: false },
    };
    await visit('/call/token');
    await waitUntil(() => !find('[data-test-call-lobby]'));
    assert.dom().includesText('This call is for members only.');
    server.answers['GET /api/calls/other'] = {
      status: 404,
      body: { detail: 'This call is over, or its link is not complete.' },
    };
    await visit('/call/other');
    await waitUntil(() => !find('[data-test-call-preview]'));
    assert
      .dom()
      .includesText('This call is over, or its link is not complete.');
  });
});
