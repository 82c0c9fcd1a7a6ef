import { module, test } from 'qunit';
import {
  cameraConstraints,
  limited,
  limitsFor,
  screenConstraints,
  UPSTREAM,
} from 'subspace-client/lib/call/limits';

const PEOPLE = [2, 3, 4, 5, 6];

const parameters = (): RTCRtpSendParameters => ({
  transactionId: 't',
  codecs: [],
  headerExtensions: [],
  rtcp: { cname: 'c', reducedSize: true },
  encodings: [{ active: true }],
});

module('Unit | limits of a call', function () {
  test('pictures and sound to everybody fit into one upstream, and use it', function (assert) {
    const speech = limitsFor('microphone', 2).bitrate;
    for (const source of ['camera', 'screen'] as const) {
      for (const people of PEOPLE) {
        const { bitrate } = limitsFor(source, people);
        const all = (bitrate + speech) * (people - 1);
        assert.true(all <= UPSTREAM, `${source} to ${people - 1}: ${all}`);
        assert.true(all > UPSTREAM * 0.7, `${source} to ${people - 1}: ${all}`);
      }
    }
  });

  test('nobody gets more because somebody came', function (assert) {
    for (const source of ['camera', 'screen'] as const) {
      for (const people of PEOPLE.slice(1)) {
        const [fewer, more] = [people - 1, people].map((count) =>
          limitsFor(source, count),
        );
        assert.true(more!.bitrate < fewer!.bitrate);
        assert.true((more!.rate ?? 0) <= (fewer!.rate ?? 0));
        assert.true((more!.side ?? 0) <= (fewer!.side ?? 0));
      }
    }
  });

  test('alone it is as for two, and beyond six as for six', function (assert) {
    assert.deepEqual(limitsFor('camera', 1), limitsFor('camera', 2));
    assert.deepEqual(limitsFor('camera', 9), limitsFor('camera', 6));
    assert.deepEqual(limitsFor('camera', 0), limitsFor('camera', 2));
  });

  test('a camera is scaled by its shorter side, and never up', function (assert) {
    const scaled = (size: { width?: number; height?: number }) =>
      limited(parameters(), 'camera', 6, size).encodings[0]!
        .scaleResolutionDownBy;
    assert.strictEqual(scaled({ width: 960, height: 540 }), 2);
    assert.strictEqual(scaled({ width: 540, height: 960 }), 2);
    assert.strictEqual(scaled({ width: 480, height: 270 }), 1);
    assert.strictEqual(scaled({ width: 320, height: 180 }), 1);
    assert.strictEqual(scaled({}), 1);
  });

  test('a sender keeps what is not limited', function (assert) {
    const before = parameters();
    const after = limited(before, 'camera', 2, { width: 960, height: 540 });
    assert.deepEqual(after, {
      ...before,
      degradationPreference: 'balanced',
      encodings: [
        {
          active: true,
          maxBitrate: 1_500_000,
          maxFramerate: 24,
          scaleResolutionDownBy: 1,
        },
      ],
    });
    assert.deepEqual(before, parameters(), 'and what was read is not changed');
  });

  test('a screen keeps its size and changes seldom', function (assert) {
    const size = { width: 1920, height: 1080 };
    const { encodings, degradationPreference } = limited(
      parameters(),
      'screen',
      6,
      size,
    );
    assert.strictEqual(degradationPreference, 'maintain-resolution');
    assert.strictEqual(encodings[0]!.scaleResolutionDownBy, 1);
    assert.strictEqual(encodings[0]!.maxFramerate, 5);
    assert.deepEqual(screenConstraints().frameRate, { max: 15 });
  });

  test('sound has a bitrate only', function (assert) {
    const before = parameters();
    assert.deepEqual(limited(before, 'microphone', 6), {
      ...before,
      encodings: [{ active: true, maxBitrate: 32_000 }],
    });
  });

  test('a camera takes what is sent', function (assert) {
    assert.deepEqual(cameraConstraints(2), {
      width: { ideal: 960 },
      height: { ideal: 540 },
      frameRate: { ideal: 24, max: 30 },
    });
    assert.deepEqual(cameraConstraints(6), {
      width: { ideal: 480 },
      height: { ideal: 270 },
      frameRate: { ideal: 15, max: 30 },
    });
  });
});
