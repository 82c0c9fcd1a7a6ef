import { module, test } from 'qunit';
import {
  Breach,
  Inspector,
  MAX_CANDIDATE,
  MAX_CANDIDATES,
  MAX_CANDIDATES_IN_ALL,
  MAX_SDP,
  MAX_SIGNAL,
  OFFERS,
  SIGNALS,
} from 'subspace-client/lib/call/signals';

const VIDEO = 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n';
const AUDIO = 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n';
const DATA = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n';

const answer = (sdp: string) => ({ description: { type: 'answer', sdp } });
const candidates = (n: number, candidate = 'candidate:1') => ({
  candidates: Array.from({ length: n }, () => ({ candidate, sdpMid: '0' })),
});

module('Unit | signals of a call', function () {
  /** Whether a participant who sends this first is accepted. */
  const heard = (data: unknown) => {
    try {
      new Inspector(0).read(data, 0);
      return true;
    } catch (error) {
      if (error instanceof Breach) return false;
      throw error;
    }
  };

  test('what is understood is kept, and nothing else', function (assert) {
    const inspector = new Inspector(0);
    assert.deepEqual(
      inspector.read(
        {
          description: { type: 'offer', sdp: 'v=0', more: 'x' },
          candidates: [
            { candidate: 'c', sdpMid: null, sdpMLineIndex: 0, more: 'x' },
            { candidate: '', sdpMid: '0', usernameFragment: 'u' },
          ],
          round: 3,
          restart: 'yes',
          more: 'x',
        },
        0,
      ),
      {
        description: { type: 'offer', sdp: 'v=0' },
        candidates: [
          { candidate: 'c', sdpMLineIndex: 0 },
          { candidate: '', sdpMid: '0', usernameFragment: 'u' },
        ],
        round: 3,
      },
    );
    assert.deepEqual(inspector.read({ restart: true }, 0), { restart: true });
  });

  test('what is no signal is none', function (assert) {
    for (const data of [
      undefined,
      null,
      'text',
      [],
      { description: 'v=0' },
      { description: { type: 'rollback' } },
      { description: { type: 'rollback', sdp: '' } },
      { candidates: 'c' },
      { candidates: {} },
      { candidates: [null] },
      { candidates: [{}] },
      { round: '1' },
      { round: 2 ** 53 },
      { round: 0.5 },
    ]) {
      assert.false(heard(data), JSON.stringify(data));
    }
  });

  test('one signal is bounded', function (assert) {
    assert.true(heard(answer('x'.repeat(MAX_SDP))));
    assert.false(heard(answer('x'.repeat(MAX_SDP + 1))));
    assert.true(heard(candidates(MAX_CANDIDATES)));
    assert.false(heard(candidates(MAX_CANDIDATES + 1)));
    assert.true(heard(candidates(1, 'x'.repeat(MAX_CANDIDATE))));
    assert.false(heard(candidates(1, 'x'.repeat(MAX_CANDIDATE + 1))));
    const padded = (n: number) => ({
      more: 'x'.repeat(n - '{"more":""}'.length),
    });
    assert.true(heard(padded(MAX_SIGNAL)));
    assert.false(heard(padded(MAX_SIGNAL + 1)));
  });

  test('a description has the media of a call', function (assert) {
    assert.true(heard(answer(AUDIO + VIDEO + DATA)));
    assert.false(heard(answer(AUDIO + VIDEO + DATA + DATA)));
    assert.false(heard(answer(VIDEO + VIDEO)));
    assert.false(heard(answer(AUDIO + AUDIO)));
    assert.false(heard(answer(VIDEO.repeat(24))));
    // Browsers accept these line ends, too.
    assert.false(heard(answer('v=0\nm=video 1 X 1\nm=video 2 X 1\n')));
    assert.false(heard(answer('v=0\rm=video 1 X 1\rm=video 2 X 1\r')));
    // Several sizes of one picture are as many encoders.
    assert.false(heard(answer(`${VIDEO}a=rid:a recv\r\n`)));
    assert.false(heard(answer(`${VIDEO}a=simulcast:recv a;b;c\r\n`)));
  });

  test('all signals are bounded in number and size', function (assert) {
    let inspector = new Inspector(0);
    for (let n = 0; n < SIGNALS.most; n++) inspector.read({}, 0);
    assert.throws(() => inspector.read({}, 0), Breach);

    inspector = new Inspector(0);
    const large = { more: 'x'.repeat(MAX_SIGNAL - 11) };
    for (let n = 0; n < 8; n++) inspector.read(large, 0);
    assert.throws(() => inspector.read(large, 0), Breach);

    inspector = new Inspector(0);
    for (let second = 0; second < 600; second++) {
      // A rate that may be sustained is accepted indefinitely.
      inspector.read(large, second * 1000);
    }
    for (let n = 0; n < 2 * SIGNALS.most; n++) {
      inspector.read({}, 600_000 + (n * 1000) / SIGNALS.perSecond);
    }
    assert.throws(() => {
      for (let n = 0; n <= 2 * SIGNALS.most; n++) {
        inspector.read({}, 700_000 + (n * 500) / SIGNALS.perSecond);
      }
    }, Breach);
    // A clock that goes backwards adds nothing.
    assert.throws(() => inspector.read({}, 0), Breach);
  });

  test('ways of one description are bounded, and so are offers', function (assert) {
    const inspector = new Inspector(0);
    const fill = () => {
      for (let n = 0; n < MAX_CANDIDATES_IN_ALL; n += MAX_CANDIDATES) {
        inspector.read(candidates(MAX_CANDIDATES), 0);
      }
    };
    fill();
    inspector.read(answer('v=0'), 0);
    fill();
    assert.throws(() => inspector.read(candidates(1), 0), Breach);

    const other = new Inspector(0);
    const offer = { description: { type: 'offer', sdp: 'v=0' } };
    for (let n = 0; n < OFFERS.most; n++) other.read(offer, 0);
    assert.throws(() => other.read(offer, 0), Breach);
    assert.ok(new Inspector(0).read(offer, 0));
  });
});
