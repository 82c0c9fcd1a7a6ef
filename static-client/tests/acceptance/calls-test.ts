import {
  click,
  currentURL,
  fillIn,
  find,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { PATIENCE, setupCalls } from '../helpers/call';

/** Longer than the client waits before it reports that there is no path, in ms. */
const NO_WAY = { timeout: 40_000 };

module('Acceptance | calls', function (hooks) {
  setupApplicationTest(hooks);
  const calls = setupCalls(hooks);
  const { lobby, join, connected, arrived } = calls;

  test('one waits at the door, and is told why it stays closed', async function (assert) {
    await lobby();
    const admission = calls.server.answers['POST /api/calls/token']!;
    calls.server.answers['POST /api/calls/token'] = {
      status: 404,
      body: { detail: 'This call is over.' },
    };
    await click('[data-test-call-join]');
    await waitFor('[data-test-error]');
    assert.dom('[data-test-error]').hasText('This call is over.');
    calls.server.answers['POST /api/calls/token'] = admission;
    await join();
    assert.dom('[data-test-call-join]').isDisabled();
    assert.dom('[data-test-error]').doesNotExist();
    calls.call.tell('refused', {
      error: 'six people are in this call already',
    });
    await settled();
    assert
      .dom('[data-test-error]')
      .hasText('Six people are in this call already.');
    assert.dom('[data-test-call-join]').isEnabled();
    await join();
    await calls.call.welcome();
    await waitFor('[data-test-call]');
    assert.dom('.call-status').includesText("You're the first one here.");
    await calls.call.told({
      audio: true,
      video: true,
      screen: false,
    });
  });

  test('a call that does not answer is said not to', async function (assert) {
    const service = this.owner.lookup('service:call');
    await lobby();
    await join();
    // The connector closes the connection, without a reason.
    calls.call.tell('disconnect', 'io server disconnect');
    await settled();
    assert.dom('[data-test-error]').includesText('closed before you were in');
    assert.dom('[data-test-call-join]').isEnabled();

    // It does not say anything at all.
    service.arrivalTime = 50;
    await join();
    await waitFor('[data-test-error]', PATIENCE);
    assert.dom('[data-test-error]').includesText("The call doesn't answer.");
    assert.dom('[data-test-call-join]').isEnabled();
    const { closed } = calls.call;
    assert.true(closed >= 2, 'nobody waits for it any longer');

    // Whoever is let in in time stays in.
    service.arrivalTime = 1000;
    await join();
    calls.call.greet([]);
    await waitFor('[data-test-call]');
    await new Promise((passed) => setTimeout(passed, 1100));
    assert.strictEqual(service.sentence, '', 'the time is up for nobody');
    assert.dom('[data-test-call]').exists();
  });

  test('people talk, mute, lose the connector and leave', async function (assert) {
    await lobby();
    await join();
    await calls.call.welcome('bob');
    await connected('bob');
    await calls.call.comes('zoe');
    await connected('zoe');
    assert.dom('.call-status').hasText('');
    for (const name of ['bob', 'zoe']) {
      await waitUntil(
        () => arrived(name, 'frames') > 5 && arrived(name, 'audio') > 5,
        PATIENCE,
      );
      const received = await calls.call.received(name);
      assert.true(received.frames > 0, `${name} sees the page`);
      assert.dom(`[data-test-call-person="${name}"] video`).exists();
    }

    await click('[data-test-call-microphone="on"]');
    await calls.call.told({ audio: false, video: true });
    calls.call.tell('media', {
      peer: 'zoe',
      media: { audio: false, video: false },
    });
    await settled();
    assert.dom('[data-test-call-person="zoe"]').includesText('muted');
    assert.dom('[data-test-call-person="zoe"] video').doesNotExist();
    assert.dom('[data-test-call-person="bob"] video').exists();

    await click('[data-test-call-devices]');
    assert.dom('.call-choice [data-test-call-cameras]').exists();

    // The connector is down; the participants continue.
    calls.call.tell('disconnect', 'transport close');
    await waitFor('[data-test-call-interrupted]');
    const before = arrived('bob', 'audio');
    await waitUntil(() => arrived('bob', 'audio') > before + 5, PATIENCE);
    calls.call.greet([calls.call.silent('bob'), calls.call.silent('zoe')]);
    await settled();
    assert.dom('[data-test-call-interrupted]').doesNotExist();
    assert.dom('[data-test-call-person]').exists({ count: 2 });

    calls.call.leaves('zoe');
    await settled();
    assert.dom('[data-test-call-person="zoe"]').doesNotExist();

    const service = this.owner.lookup('service:call');
    const devices = [service.own.microphone!, service.own.camera!];
    await click('[data-test-call-hang-up]');
    assert.dom('h1').hasText('You left the call');
    await calls.call.left();
    assert.deepEqual(
      devices.map(({ readyState }) => readyState),
      ['ended', 'ended'],
    );
    await click('[data-test-call-again]');
    await waitFor('[data-test-call-lobby]', PATIENCE);
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
  });

  test('a network without any way is said to be one', async function (assert) {
    await lobby();
    // Through the relay only, and there is none.
    await click('[data-test-call-relay]');
    await join();
    // Zoe would have to offer, and never does.
    calls.call.greet([calls.call.silent('bob'), calls.call.silent('zoe')]);
    await waitFor('[data-test-call-trouble]');
    assert.dom('[data-test-call-trouble]').hasText('Connecting…');
    for (const name of ['bob', 'zoe']) {
      const trouble = `[data-test-call-person="${name}"] [data-test-call-trouble]`;
      await waitUntil(
        () => find(trouble)?.textContent?.includes('or yours blocks calls'),
        NO_WAY,
      );
      assert
        .dom(trouble)
        .hasText("Can't connect: their network or yours blocks calls.");
    }
  });

  test('guests give a name where guests are allowed', async function (assert) {
    await visit('/call/token');
    await waitFor('[data-test-call-name]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-call-name]').isRequired();
    await fillIn('[data-test-call-name]', 'Zoë');
    await join();
    await calls.call.welcome();
    await waitFor('[data-test-call]');
    assert.dom('[data-test-call-to-chat]').doesNotExist();
    assert.dom('[data-test-copy="call-link"]').hasText('Copy');
    assert
      .dom('[data-test-copy-value="call-link"]')
      .hasValue(/#\/call\/token$/);
    await calls.call.comes('bob');
    await waitFor('[data-test-call-person="bob"]');
    assert
      .dom('[data-test-copy="call-link"]')
      .doesNotExist('who is not alone asks nobody in');
  });

  test('others are asked to sign in, and calls that are over say so', async function (assert) {
    const about = calls.server.answers['GET /api/calls/token']!.body as object;
    calls.server.answers['GET /api/calls/token'] = {
      body: { ...about, guests: false },
    };
    await visit('/call/token');
    await waitUntil(() => !find('[data-test-call-lobby]'));
    assert.dom().includesText('This call is for members only.');
    await click('[data-test-call-sign-in]');
    await fillIn('[data-test-name]', 'alice');
    await fillIn('[data-test-password]', 'correct horse');
    await click('[data-test-submit]');
    await waitFor('[data-test-call-lobby]', PATIENCE);
    assert.strictEqual(
      currentURL(),
      '/call/token',
      'who has signed in is back at the call',
    );
    calls.server.answers['GET /api/calls/other'] = {
      status: 404,
      body: { detail: 'This call is over, or its link is not complete.' },
    };
    await visit('/call/other');
    await waitUntil(() => !find('[data-test-call-preview]'));
    assert
      .dom()
      .includesText('This call is over, or its link is not complete.');
    assert.dom('[data-test-call-again]').doesNotExist('the link is dead');
  });

  test('a guest who has left finds the way back, and what this is', async function (assert) {
    await visit('/call/token');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    await fillIn('[data-test-call-name]', 'Zoë');
    await join();
    await calls.call.welcome();
    await waitFor('[data-test-call]');
    await click('[data-test-call-hang-up]');
    assert.dom('h1').hasText('You left the call');
    assert
      .dom('[data-test-auth-lead]')
      .includesText('bob started this call in #general.');
    assert.dom('[data-test-call-about]').includesText('Subspace is team chat');
    assert.dom('[data-test-call-sign-in]').exists();
    await click('[data-test-call-again]');
    await waitFor('[data-test-call-lobby]', PATIENCE);
    assert.dom('[data-test-call-name]').hasValue('Zoë');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);

    // The server is unavailable for a moment: the link may still be valid.
    const about = calls.server.answers['GET /api/calls/token']!;
    calls.server.answers['GET /api/calls/token'] = { status: 502 };
    await visit('/sign-in');
    await visit('/call/token');
    await waitFor('[data-test-call-again]');
    assert.dom('[data-test-call-again]').hasText('Try again');
    calls.server.answers['GET /api/calls/token'] = about;
    await click('[data-test-call-again]');
    await waitFor('[data-test-call-lobby]', PATIENCE);
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
  });
});
