import {
  click,
  fillIn,
  find,
  findAll,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { PATIENCE, setupCalls } from '../helpers/call';

module('Acceptance | devices in calls', function (hooks) {
  setupApplicationTest(hooks);
  const calls = setupCalls(hooks);
  const { lobby, join, connected, arrived } = calls;
  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(
    navigator.mediaDevices,
  );
  const getDisplayMedia = navigator.mediaDevices.getDisplayMedia.bind(
    navigator.mediaDevices,
  );
  const query = navigator.permissions.query.bind(navigator.permissions);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with a sender only
  const { setParameters } = RTCRtpSender.prototype;

  hooks.afterEach(function () {
    navigator.mediaDevices.getUserMedia = getUserMedia;
    navigator.mediaDevices.getDisplayMedia = getDisplayMedia;
    navigator.permissions.query = query;
    RTCRtpSender.prototype.setParameters = setParameters;
  });

  /** The state that the browser reports for every permission. */
  const permission = (state: PermissionState) => {
    navigator.permissions.query = () =>
      Promise.resolve({ state } as PermissionStatus);
  };

  test('the lobby shows who called, the devices, and lets choose them', async function (assert) {
    await lobby();
    assert.dom().includesText('bob started this call in #general.');
    assert.dom('[data-test-call-preview] video').exists();
    assert.true(findAll('[data-test-call-microphones] option').length > 0);
    const cameras = findAll(
      '[data-test-call-cameras] option',
    ) as HTMLOptionElement[];
    assert.strictEqual(cameras.length, 2);
    const service = this.owner.lookup('service:call');
    const first = service.own.camera;
    await fillIn('[data-test-call-cameras]', cameras[1]!.value);
    await waitUntil(
      () => service.own.camera && service.own.camera !== first,
      PATIENCE,
    );
    assert.strictEqual(
      service.own.camera?.getSettings().deviceId,
      cameras[1]!.value,
    );
    assert.strictEqual(first?.readyState, 'ended');
    await click('[data-test-call-camera="on"]');
    await waitFor('[data-test-call-camera="off"]');
    assert.dom('[data-test-call-preview] video').doesNotExist();
    assert.strictEqual(service.own.camera, undefined);
    await click('[data-test-call-microphone="on"]');
    assert.dom('[data-test-call-microphone="off"]').exists();
    assert.false(service.own.microphone?.enabled);
  });

  test('blocked devices are explained, and one can join without', async function (assert) {
    const refusal = new DOMException('denied', 'NotAllowedError');
    navigator.mediaDevices.getUserMedia = () => Promise.reject(refusal);
    calls.server.signIn();
    await visit('/call/token');
    await waitFor('[data-test-error]');
    await waitUntil(() =>
      find('[data-test-error]')?.textContent?.includes('camera'),
    );
    assert
      .dom('[data-test-error]')
      .includesText('Access to the microphone is blocked.');
    assert.dom('[data-test-call-microphone="off"]').exists();
    assert.dom('[data-test-call-camera="off"]').exists();
    await join();
    await calls.call.welcome();
    await waitFor('[data-test-call]');
    await calls.call.told({
      audio: false,
      video: false,
      screen: false,
    });
    // Allowed in the address bar meanwhile.
    navigator.mediaDevices.getUserMedia = getUserMedia;
    await click('[data-test-call-microphone="off"]');
    await waitFor('[data-test-call-microphone="on"]', PATIENCE);
    await calls.call.told({ audio: true });
    assert
      .dom('[data-test-error]')
      .hasText(
        'Access to the camera is blocked. Allow it in the address bar, then switch it on again.',
      );
    await click('[data-test-call-try-again]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-error]').doesNotExist();
  });

  test('a camera that does not answer holds nobody up', async function (assert) {
    const { own } = this.owner.lookup('service:call');
    own.patience = 50;
    let answer: (stream: MediaStream) => void = () => {};
    navigator.mediaDevices.getUserMedia = (constraints) =>
      constraints?.video
        ? new Promise((resolve) => (answer = resolve))
        : getUserMedia(constraints);
    permission('granted');
    calls.server.signIn();
    await visit('/call/token');
    // The microphone may be late, too.
    await waitFor('[data-test-call-microphone="on"]', PATIENCE);
    await waitUntil(
      () =>
        find('[data-test-error]')?.textContent ===
        "The camera doesn't respond. Try again, continue without it, or reload the page.",
      PATIENCE,
    );
    await join();
    await calls.call.welcome();
    await waitFor('[data-test-call]');
    await calls.call.told({
      audio: true,
      video: false,
      screen: false,
    });
    assert.dom('[data-test-error]').includesText("The camera doesn't respond");

    // It is used when it responds after all.
    answer(await getUserMedia({ video: true }));
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-error]').doesNotExist();
    await calls.call.told({ video: true });

    // Trying again yields one camera only.
    await click('[data-test-call-camera="on"]');
    permission('prompt');
    await click('[data-test-call-camera="off"]');
    await waitFor('[data-test-error]', PATIENCE);
    assert
      .dom('[data-test-error]')
      .hasText(
        'Your browser asks whether this page may use the camera. Answer it, or continue without.',
      );
    const late = answer;
    navigator.mediaDevices.getUserMedia = getUserMedia;
    own.patience = PATIENCE.timeout;
    await click('[data-test-call-try-again]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-error]').doesNotExist();
    const stream = await getUserMedia({ video: true });
    late(stream);
    await waitUntil(() => stream.getTracks()[0]?.readyState === 'ended');
    assert.notStrictEqual(own.camera, stream.getTracks()[0]);
  });

  test('a camera that is unplugged is said to be, and one that is gone is replaced', async function (assert) {
    calls.server.signIn();
    this.owner.lookup('service:session').store.set('call', {
      camera: 'a camera that is at home',
    });
    await visit('/call/token');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-error]').doesNotExist();
    const { own } = this.owner.lookup('service:call');
    own.camera?.dispatchEvent(new Event('ended'));
    await waitFor('[data-test-call-camera="off"]');
    assert
      .dom('[data-test-error]')
      .hasText('The camera stopped. It may have been unplugged.');
    await click('[data-test-call-try-again]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.dom('[data-test-error]').doesNotExist();
  });

  test('the more people, the less is sent to each of them', async function (assert) {
    const senders = new Set<RTCRtpSender>();
    RTCRtpSender.prototype.setParameters = function (parameters) {
      senders.add(this);
      return setParameters.call(this, parameters);
    };
    const { own } = this.owner.lookup('service:call');
    /**
     * Waits until the senders of `track` to each of this many others have this limit, and returns one's parameters.
     */
    const limitedTo = async (
      bitrate: number,
      others: number,
      track: () => MediaStreamTrack | undefined = () => own.camera,
    ) => {
      const limited = () =>
        [...senders].filter((sender) => {
          const { encodings } = sender.getParameters();
          return (
            sender.track === track() &&
            sender.transport?.state !== 'closed' &&
            encodings[0]?.maxBitrate === bitrate
          );
        });
      await waitUntil(() => limited().length === others, PATIENCE);
      return limited()[0]!.getParameters();
    };
    const height = () => own.camera?.getSettings().height;

    await lobby();
    await join();
    await calls.call.welcome('bob');
    await connected('bob');
    await limitedTo(1_500_000, 1);
    await limitedTo(32_000, 1, () => own.microphone);
    assert.strictEqual(height(), 540);

    await calls.call.comes('zoe');
    await connected('zoe');
    await limitedTo(800_000, 2);
    await waitUntil(() => height() === 360, PATIENCE);
    const before = arrived('bob', 'frames');
    await waitUntil(() => arrived('bob', 'frames') > before + 5, PATIENCE);

    // A renegotiated path changes nothing.
    calls.call.tell('returned', calls.call.silent('zoe'));
    await limitedTo(800_000, 2);

    const canvas = document.createElement('canvas');
    canvas.getContext('2d')?.fillRect(0, 0, 1, 1);
    const [screen] = canvas.captureStream(5).getVideoTracks();
    navigator.mediaDevices.getDisplayMedia = () =>
      Promise.resolve(new MediaStream([screen!]));
    await click('[data-test-call-screen="off"]');
    await waitFor('[data-test-call-screen="on"]');
    const shared = await limitedTo(900_000, 2, () => own.screen);
    assert.strictEqual(shared.encodings[0]?.scaleResolutionDownBy, 1);
    assert.strictEqual(shared.encodings[0]?.maxFramerate, 10);
    assert.strictEqual(shared.degradationPreference, 'maintain-resolution');
    assert.strictEqual(screen?.contentHint, 'detail');
    await click('[data-test-call-screen="on"]');
    await limitedTo(800_000, 2);

    // A camera that is switched on later captures small pictures from the start.
    await click('[data-test-call-camera="on"]');
    await click('[data-test-call-camera="off"]');
    await waitFor('[data-test-call-camera="on"]', PATIENCE);
    assert.strictEqual(height(), 360);
    await limitedTo(800_000, 2);

    calls.call.leaves('zoe');
    await limitedTo(1_500_000, 1);
    await waitUntil(() => height() === 540, PATIENCE);
  });
});
