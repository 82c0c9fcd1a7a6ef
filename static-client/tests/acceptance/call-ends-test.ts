import {
  click,
  find,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import type Owner from '@ember/owner';
import { setupApplicationTest } from '../helpers';
import { PATIENCE, setupCalls } from '../helpers/call';

module('Acceptance | how calls end', function (hooks) {
  setupApplicationTest(hooks);
  const calls = setupCalls(hooks);
  const { lobby, join, connected } = calls;

  const serviceOf = (owner: Owner) => owner.lookup('service:call');

  /** In a call with bob, optionally as the person who started it. */
  async function inCall(owner: Owner, { moderator = false, seat = '1' } = {}) {
    await lobby();
    await join();
    await calls.call.welcome('bob');
    await connected('bob');
    if (moderator) {
      calls.call.greet([{ ...calls.call.silent('bob'), guest: true }], {
        moderator,
        seat,
      });
      await settled();
    }
    const { own } = serviceOf(owner);
    return [own.microphone!, own.camera!];
  }

  /** Nothing of the call is left for the next user. */
  function nothingIsLeft(
    assert: Assert,
    owner: Owner,
    tracks: MediaStreamTrack[],
  ) {
    const call = serviceOf(owner);
    assert.deepEqual(
      tracks.map(({ readyState }) => readyState),
      ['ended', 'ended'],
    );
    assert.strictEqual(call.own.microphone, undefined);
    assert.strictEqual(call.own.camera, undefined);
    assert.strictEqual(calls.call.count('leave'), 1);
    assert.strictEqual(calls.call.closed, 1);
    assert.deepEqual(call.people, []);
    assert.strictEqual(call.token, '');
    assert.strictEqual(call.about, undefined);
    assert.deepEqual(call.choices, {});
    assert.false(call.moderator);
    const said = calls.call.count('signal');
    calls.call.greet([calls.call.silent('bob')]);
    calls.call.tell('joined', calls.call.silent('zoe'));
    calls.call.tell('signal', { from: 'bob', data: { restart: true } });
    assert.deepEqual(call.people, [], 'what the connector still says');
    assert.strictEqual(calls.call.count('signal'), said);
  }

  test('signing out leaves it', async function (assert) {
    const tracks = await inCall(this.owner);
    await click('[data-test-call-to-chat]');
    await waitFor('[data-test-call-bar]');
    calls.server.answers['DELETE /api/session'] = { status: 204 };
    const out = this.owner.lookup('service:life').signOut();
    // At once, not when the server has responded.
    assert.strictEqual(tracks[1]!.readyState, 'ended');
    await out;
    await settled();
    nothingIsLeft(assert, this.owner, tracks);
    assert.strictEqual(serviceOf(this.owner).phase, 'none');
    assert.dom('[data-test-call-bar]').doesNotExist();
    assert.dom('[data-test-call-over]').doesNotExist();
  });

  test('a session that the server ends leaves it, whatever page is shown', async function (assert) {
    const tracks = await inCall(this.owner);
    calls.server.answers['GET /api/session'] = {
      status: 401,
      body: { detail: 'This session is over.' },
    };
    await this.owner.lookup('service:session').check();
    await settled();
    nothingIsLeft(assert, this.owner, tracks);
    assert.dom().includesText("You've been signed out. Please sign in again.");
    assert.dom('[data-test-call-lobby]').doesNotExist();
    await click('a[href$="/sign-in"]');
    assert.strictEqual(serviceOf(this.owner).phase, 'none');
    assert.strictEqual(serviceOf(this.owner).sentence, '');
  });

  test('another account in the same tab is not in it', async function (assert) {
    const tracks = await inCall(this.owner);
    await visit('/');
    await waitFor('[data-test-call-bar]');
    const session = calls.server.answers['POST /api/session']!;
    calls.server.answers['POST /api/session'] = {
      body: { ...(session.body as object), account: 'mallory' },
    };
    await this.owner.lookup('service:session').signIn('mallory', 'password');
    await settled();
    nothingIsLeft(assert, this.owner, tracks);
    assert.dom('[data-test-call-bar]').doesNotExist();
  });

  test('a removed participant is told why, and the client does not retry', async function (assert) {
    const tracks = await inCall(this.owner);
    calls.call.tell('refused', { error: 'slow down' });
    await settled();
    assert.dom('[data-test-call]').includesText('Slow down.');
    const { opened } = calls.call;
    calls.call.tell('refused', {
      error: 'you were removed from this call',
      final: true,
    });
    calls.call.tell('disconnect', 'io server disconnect');
    await settled();
    assert.dom().includesText('You were removed from this call.');
    assert.dom('[data-test-call]').doesNotExist();
    assert.strictEqual(calls.call.opened, opened);
    assert.strictEqual(calls.call.closed, 1);
    assert.strictEqual(tracks[1]!.readyState, 'ended');
  });

  test('who is elsewhere in the client is told, too', async function (assert) {
    await inCall(this.owner);
    await click('[data-test-call-to-chat]');
    await waitFor('[data-test-call-bar]');
    calls.call.tell('refused', {
      error: 'this call is over; ask for a new link',
      final: true,
    });
    await waitFor('[data-test-call-over]');
    assert
      .dom('[data-test-call-over]')
      .includesText('This call is over; ask for a new link.');
    await click('[data-test-call-over] button');
    assert.dom('[data-test-call-over]').doesNotExist();
    assert.strictEqual(serviceOf(this.owner).phase, 'none');
  });

  test('a lobby that is left keeps no camera on', async function (assert) {
    await lobby();
    const { own } = serviceOf(this.owner);
    const { camera } = own;
    await visit('/');
    assert.strictEqual(camera!.readyState, 'ended');
    assert.strictEqual(own.camera, undefined);
    assert.strictEqual(serviceOf(this.owner).phase, 'none');
  });

  test('moderators put others out, after they were told what that is', async function (assert) {
    await inCall(this.owner);
    assert.dom('[data-test-call-put-out]').doesNotExist('not everybody may');
    calls.call.greet([{ ...calls.call.silent('bob'), guest: true }], {
      moderator: true,
      seat: '2',
    });
    await click('[data-test-call-put-out]');
    assert
      .dom('[data-test-dialog="put-out"]')
      .includesText('Guests have no account to recognise them by');
    assert.dom('[data-test-dialog="put-out"]').includesText('Only bob');
    assert
      .dom('[data-test-dialog="put-out"] [data-test-call-end]')
      .doesNotExist('alice has not started it');
    await click('[data-test-dialog-close]');
    assert.strictEqual(calls.call.count('remove'), 0);
    await click('[data-test-call-put-out]');
    await click('[data-test-dialog="put-out"] [data-test-submit]');
    assert.deepEqual(calls.call.last('remove'), { peer: 'bob' });
    calls.call.leaves('bob');
    await settled();
    assert.dom('dialog').doesNotExist();
    assert.dom('.call-status').includesText('You removed bob (guest)');
  });

  test('whoever started it ends it for everybody', async function (assert) {
    const answer = calls.server.answers['GET /api/calls/token']!;
    answer.body = { ...(answer.body as object), account: 'alice' };
    const tracks = await inCall(this.owner, { moderator: true });
    await click('[data-test-call-put-out]');
    assert
      .dom('[data-test-dialog="put-out"] [data-test-call-end]')
      .exists('the link can be taken back at the same time');
    await click('[data-test-dialog-close]');
    await click('[data-test-call-end]');
    await click('[data-test-dialog="end-call"] [data-test-submit]');
    await waitFor('[data-test-dialog="end-call"] [data-test-error]');
    assert.dom('[data-test-call]').exists('it has failed');
    calls.server.answers['DELETE /api/calls/token'] = { status: 204 };
    await click('[data-test-dialog="end-call"] [data-test-submit]');
    await waitUntil(() => !find('[data-test-call]'), PATIENCE);
    assert.dom().includesText('You ended this call.');
    assert.dom('dialog').doesNotExist();
    assert.strictEqual(tracks[1]!.readyState, 'ended');
    // The person who comes back to the link is not told to ask someone else for another one.
    await visit('/');
    calls.server.answers['GET /api/calls/token'] = {
      status: 404,
      body: { detail: 'this call is over; ask for a new link' },
    };
    await visit('/call/token');
    await waitUntil(
      () => document.body.textContent.includes('You ended this call.'),
      PATIENCE,
    );
    assert.dom().doesNotIncludeText('ask for a new link');
  });

  test('the connector may tell sooner than the server answers that one has ended it', async function (assert) {
    const answer = calls.server.answers['GET /api/calls/token']!;
    answer.body = { ...(answer.body as object), account: 'alice' };
    await inCall(this.owner);
    const { api } = this.owner.lookup('service:session');
    api.endCall = () => {
      calls.call.tell('refused', {
        error: 'this call is over; ask for a new link',
        final: true,
      });
      return Promise.resolve();
    };
    await click('[data-test-call-end]');
    await click('[data-test-dialog="end-call"] [data-test-submit]');
    await waitUntil(() => !find('[data-test-call]'), PATIENCE);
    assert.dom().includesText('You ended this call.');
    assert.dom().doesNotIncludeText('ask for a new link');
  });

  test('who breaks the bounds is shut out, also when they come again', async function (assert) {
    await inCall(this.owner);
    await calls.call.comes('zoe');
    await connected('zoe');
    const sdp = 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n'.repeat(24);
    calls.call.tell('signal', {
      from: 'zoe',
      data: { description: { type: 'offer', sdp }, round: 2 },
    });
    const trouble = '[data-test-call-person="zoe"] [data-test-call-trouble]';
    await waitFor(trouble);
    assert
      .dom(trouble)
      .hasText(
        'Blocked on this device: they requested more audio or video than a call has.',
      );
    calls.call.tell('left', { peer: 'zoe' });
    calls.call.tell('joined', { ...calls.call.silent('zoe'), seat: '9' });
    await waitFor(trouble);
    assert.dom(trouble).includesText('Blocked on this device');
    assert
      .dom('[data-test-call-person="bob"]')
      .hasAttribute('data-test-call-state', 'connected');
  });

  test('somebody who was out of the call meanwhile is connected anew', async function (assert) {
    await inCall(this.owner, { moderator: true, seat: '1' });
    const link = () => serviceOf(this.owner).people[0]!.link;
    const first = link();
    calls.call.tell('returned', calls.call.silent('bob'));
    assert.strictEqual(link(), first, 'the same seat');
    calls.call.tell('joined', { ...calls.call.silent('bob'), seat: '2' });
    assert.notStrictEqual(link(), first, 'another seat of theirs');
    const second = link();
    calls.call.greet([{ ...calls.call.silent('bob'), seat: '2' }], {
      seat: '1',
    });
    assert.strictEqual(link(), second, 'both are where they were');
    calls.call.greet([{ ...calls.call.silent('bob'), seat: '2' }], {
      seat: '3',
    });
    assert.notStrictEqual(link(), second, 'another seat of ours');
    assert.strictEqual(first.state, 'closed');
    assert.strictEqual(second.state, 'closed');
  });

  test('credentials for relays are renewed before they end', async function (assert) {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with a connection only
    const setConfiguration = RTCPeerConnection.prototype.setConfiguration;
    const used: RTCConfiguration[] = [];
    RTCPeerConnection.prototype.setConfiguration = function (configuration) {
      used.push(configuration!);
      return setConfiguration.call(this, configuration);
    };
    try {
      const answer = calls.server.answers['POST /api/calls/token']!;
      const server = (username: string) => ({
        urls: ['turn:127.0.0.1:9'],
        username,
        credential: 'c',
      });
      answer.body = {
        ...(answer.body as object),
        ice_servers: [server('first')],
        ice_ttl: 1,
      };
      await lobby();
      await join();
      answer.body = {
        ...(answer.body as object),
        ice_servers: [server('second')],
        ice_ttl: 3600,
      };
      await calls.call.welcome('bob');
      await waitUntil(() => used.length > 0, PATIENCE);
      assert.strictEqual(used[0]!.iceServers![0]!.username, 'second');
      assert.strictEqual(used.length, 1);
      await connected('bob');
      assert.strictEqual(calls.call.opened, 1, 'it is the same seat');
    } finally {
      RTCPeerConnection.prototype.setConfiguration = setConfiguration;
    }
  });
});
