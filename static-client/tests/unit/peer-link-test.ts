import { waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { openCamera } from 'subspace-client/lib/call/devices';
import { PeerLink } from 'subspace-client/lib/call/peer-link';
import { MAX_WAITING } from 'subspace-client/lib/call/signals';
import type { SignalData } from 'subspace-client/lib/protocol-calls';
import { PATIENCE, seen } from '../helpers/call';

/** Two sides that negotiate, and what is between them. */
class Pair {
  readonly links: Record<string, PeerLink> = {};
  readonly said: { by: string; data: SignalData }[] = [];
  readonly broken: string[] = [];
  readonly tracks: MediaStreamTrack[] = [];
  /** Whether signals are currently lost. */
  lost = false;

  constructor() {
    const make = (name: string, other: string, owns: boolean) => {
      this.links[name] = new PeerLink(
        {},
        owns,
        {},
        {
          send: (data) => {
            this.said.push({ by: name, data });
            if (this.lost) return;
            // As it arrives over a network: later, and as different objects.
            const text = JSON.stringify(data);
            setTimeout(() => this.links[other]!.receive(JSON.parse(text)), 5);
          },
          changed: () => {},
          broken: (why) => this.broken.push(`${name}: ${why}`),
        },
      );
    };
    make('owner', 'other', true);
    make('other', 'owner', false);
  }

  get owner() {
    return this.links['owner']!;
  }

  get other() {
    return this.links['other']!;
  }

  both(work: (link: PeerLink) => void) {
    work(this.owner);
    work(this.other);
  }

  /** The descriptions sent so far. */
  get descriptions() {
    return this.said.flatMap(({ by, data: { description, round } }) =>
      description ? [`${by} ${description.type} ${round}`] : [],
    );
  }

  async camera(link: PeerLink) {
    const video = await openCamera('');
    this.tracks.push(video);
    await link.setMedia({ video });
  }

  async connected() {
    await waitUntil(
      () =>
        this.owner.state === 'connected' && this.other.state === 'connected',
      PATIENCE,
    );
  }

  async waits(descriptions: string[]) {
    await waitUntil(() => this.descriptions.length >= descriptions.length, {
      ...PATIENCE,
      timeoutMessage: descriptions.join(),
    });
  }

  close() {
    this.both((link) => link.close());
    for (const track of this.tracks) track.stop();
  }
}

const FIRST = ['owner offer 1', 'other answer 1'];

module('Unit | the link to somebody in a call', function (hooks) {
  let pair: Pair;

  hooks.beforeEach(async () => {
    pair = new Pair();
    await pair.camera(pair.owner);
    await pair.camera(pair.other);
  });

  hooks.afterEach(() => pair.close());

  /** A camera that is switched off and on again is seen by the other side, in a video created then. */
  async function seesWhoIsBack(assert: Assert) {
    for (const [link, other] of [
      [pair.owner, pair.other],
      [pair.other, pair.owner],
    ] as const) {
      await link.setMedia({});
      await pair.camera(link);
      assert.true((await seen(other.picture)) > 0);
    }
  }

  test('both notice a break at once, and both pictures come back', async function (assert) {
    await pair.connected();
    pair.both((link) => link.restart());
    await pair.waits([...FIRST, 'owner offer 2', 'other answer 2']);
    await seesWhoIsBack(assert);
    assert.deepEqual(pair.descriptions, [
      ...FIRST,
      'owner offer 2',
      'other answer 2',
    ]);
    assert.deepEqual(pair.broken, []);
  });

  test('an offer that was lost is said again, and an answer too', async function (assert) {
    await pair.connected();
    pair.lost = true;
    pair.owner.restart();
    await pair.waits([...FIRST, 'owner offer 2']);
    pair.lost = false;
    // The path over the connector is back.
    pair.both((link) => link.restart());
    await pair.waits([...FIRST, '2', '2', 'other answer 2']);
    await seesWhoIsBack(assert);
    // An offer that is sent again although it arrived is answered again, and that changes nothing.
    pair.owner.restart();
    await waitUntil(
      () => pair.descriptions.includes('owner offer 3'),
      PATIENCE,
    );
    pair.owner.restart();
    await waitUntil(
      () => pair.descriptions.includes('other answer 3'),
      PATIENCE,
    );
    await seesWhoIsBack(assert);
    const offers = pair.descriptions.filter((one) => one.includes('offer'));
    assert.true(
      offers.every((one) => one.startsWith('owner')),
      offers.join(),
    );
    assert.deepEqual(pair.broken, []);
  });

  test('an answer that came already changes nothing when it comes again', async function (assert) {
    await pair.connected();
    const { data } = pair.said.find(
      ({ data: { description } }) => description?.type === 'answer',
    )!;
    pair.owner.receive(data);
    pair.owner.receive({ ...data, round: 7 });
    // Nor does an offer from the side that does not own the negotiation.
    pair.owner.receive({
      description: { type: 'offer', sdp: data.description!.sdp! },
      round: 8,
    });
    // Nor an outdated one.
    const first = pair.said.find(
      ({ data: { description } }) => description?.type === 'offer',
    )!;
    pair.other.receive({ ...first.data, round: 0 });
    pair.owner.restart();
    await waitUntil(
      () => pair.descriptions.includes('other answer 2'),
      PATIENCE,
    );
    await seesWhoIsBack(assert);
    assert.deepEqual(pair.descriptions.slice(2), [
      'owner offer 2',
      'other answer 2',
    ]);
  });

  test('whoever asks again and again gets one negotiation after the other', async function (assert) {
    await pair.connected();
    for (let n = 0; n < 50; n++)
      pair.owner.receive({ restart: true, round: 1 });
    await waitUntil(
      () => pair.descriptions.includes('other answer 2'),
      PATIENCE,
    );
    // This one is outdated.
    pair.owner.receive({ restart: true, round: 1 });
    await seesWhoIsBack(assert);
    assert.strictEqual(pair.descriptions.length, 4, pair.descriptions.join());
  });

  test('ways without a description are kept up to a bound', async function (assert) {
    const lonely = new Pair();
    lonely.lost = true;
    const way = { candidates: [{ candidate: 'candidate:1', sdpMid: '0' }] };
    for (let n = 0; n < MAX_WAITING; n++) lonely.other.receive(way);
    await lonely.other.measure();
    assert.deepEqual(lonely.broken, []);
    lonely.other.receive(way);
    await waitUntil(() => lonely.broken.length > 0);
    assert.strictEqual(lonely.other.state, 'closed');
    // A participant who is out is ignored, and sends nothing.
    const said = lonely.said.length;
    lonely.other.receive(way);
    lonely.other.restart();
    await lonely.other.setMedia({});
    assert.strictEqual(lonely.broken.length, 1);
    assert.strictEqual(lonely.said.length, said);
    lonely.close();
  });

  test('an offer of 24 pictures starts no encoder', function (assert) {
    const sdp = `v=0\r\n${'m=video 9 UDP/TLS/RTP/SAVPF 96\r\n'.repeat(24)}`;
    pair.other.receive({ description: { type: 'offer', sdp }, round: 2 });
    assert.strictEqual(pair.other.state, 'closed');
    assert.deepEqual(pair.broken, [
      'other: they requested more audio or video than a call has',
    ]);
  });
});
