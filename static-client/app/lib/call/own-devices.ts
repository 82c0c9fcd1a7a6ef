/** The own microphone, camera and screen: switching them, choosing others, and why they cannot be used. */

import { tracked } from '@glimmer/tracking';
import { sentenceOf } from '../api.ts';
import {
  listDevices,
  openCamera,
  openMicrophone,
  openScreen,
  silence,
  type Devices,
  type Kind,
} from './devices.ts';
import { cameraConstraints } from './limits.ts';
import type { CallMedia } from './types.ts';

/** A device that has not answered for so long is said to be silent; it is taken all the same when it comes. In ms. */
const ANSWER = 10_000;

/** Which devices were chosen. */
export interface Chosen {
  microphone?: string;
  camera?: string;
}

type Troubles = Partial<Record<Kind, string>>;

export class OwnDevices {
  @tracked microphone: MediaStreamTrack | undefined;
  @tracked camera: MediaStreamTrack | undefined;
  @tracked screen: MediaStreamTrack | undefined;
  /** Whether the microphone is silenced. */
  @tracked muted = false;
  /** What there is to choose from. */
  @tracked all: Devices = { microphones: [], cameras: [] };
  /** Why a device is not there. */
  @tracked troubles: Troubles = {};
  patience = ANSWER;
  readonly #chosen: () => Chosen;
  /** Called after every change of what is sent. */
  readonly #changed: () => Promise<void>;
  /** Whoever asks later is answered alone. */
  readonly #turns: Record<Kind, number> = {
    microphone: 0,
    camera: 0,
    screen: 0,
  };
  readonly #asking = new Set<Kind>();
  /** How many are in the call, and for how many the camera takes pictures. */
  #people = 1;
  #fitted = 1;

  constructor(chosen: () => Chosen, changed: () => Promise<void>) {
    this.#chosen = chosen;
    this.#changed = changed;
  }

  get picture(): MediaStreamTrack | undefined {
    return this.screen ?? this.camera;
  }

  get media(): CallMedia {
    return {
      audio: Boolean(this.microphone) && !this.muted,
      video: Boolean(this.camera),
      screen: Boolean(this.screen),
    };
  }

  get sentence(): string {
    return Object.values(this.troubles).filter(Boolean).join(' ');
  }

  async toggleMicrophone(on = !this.microphone || this.muted) {
    this.muted = !on;
    if (this.microphone) this.microphone.enabled = on;
    else if (on) {
      await this.#ask('microphone', () =>
        openMicrophone(this.#chosen().microphone ?? ''),
      );
    }
    await this.#changed();
  }

  async toggleCamera(on = !this.camera) {
    if (!on) {
      // Not only silenced: its light goes out.
      this.#stop('camera');
    } else if (!this.camera) {
      const people = this.#people;
      await this.#ask('camera', async () => {
        const track = await openCamera(this.#chosen().camera ?? '', people);
        this.#fitted = people;
        return track;
      });
    }
    await this.#changed();
  }

  async toggleScreen() {
    if (this.screen) this.#stop('screen');
    else await this.#ask('screen', openScreen);
    await this.#changed();
  }

  /** Takes the microphone that is chosen now. */
  async changeMicrophone() {
    this.#stop('microphone');
    await this.toggleMicrophone(true);
  }

  /** Takes the camera that is chosen now. */
  async changeCamera() {
    this.#stop('camera');
    await this.toggleCamera(true);
  }

  /** Asks again for what is not there. */
  async again() {
    const { microphone, camera, screen } = this.troubles;
    if (screen) this.#say('screen', '');
    if (microphone) await this.changeMicrophone();
    if (camera) await this.changeCamera();
  }

  /** Takes pictures for a call of so many people; returns whether their size changed. */
  async fit(people: number): Promise<boolean> {
    this.#people = people;
    const { camera } = this;
    const constraints = cameraConstraints(people);
    if (!camera || same(constraints, cameraConstraints(this.#fitted))) {
      return false;
    }
    this.#fitted = people;
    try {
      await camera.applyConstraints(constraints);
      return true;
    } catch {
      // It goes on as it was, and what is sent is scaled.
      return false;
    }
  }

  /** Gives everything back. */
  close() {
    for (const kind of ['microphone', 'camera', 'screen'] as const) {
      this.#stop(kind);
    }
    this.muted = false;
    this.troubles = {};
    this.#people = 1;
  }

  #say(kind: Kind, sentence: string) {
    this.troubles = { ...this.troubles, [kind]: sentence };
  }

  #stop(kind: Kind) {
    this.#turns[kind] += 1;
    this.#asking.delete(kind);
    this.#say(kind, '');
    this[kind]?.stop();
    this[kind] = undefined;
  }

  /** Asks for a device, and waits until it has answered or been silent for too long. */
  async #ask(kind: Kind, open: () => Promise<MediaStreamTrack | undefined>) {
    // Who is impatient is not asked twice; who was told that nothing comes may ask again.
    if (this.#asking.has(kind) && !this.troubles[kind]) return;
    this.#say(kind, '');
    this.#asking.add(kind);
    const turn = (this.#turns[kind] += 1);
    const current = () => turn === this.#turns[kind];
    let late = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silent = new Promise<void>((resolve) => {
      // Whom the browser asks which screen to show may take their time.
      if (kind === 'screen') return;
      timer = setTimeout(() => {
        void silence(kind).then((sentence) => {
          if (current() && this.#asking.has(kind)) this.#say(kind, sentence);
          late = true;
          resolve();
        });
      }, this.patience);
    });
    const answered = this.#take(kind, open, current).finally(() => {
      clearTimeout(timer);
      if (current()) this.#asking.delete(kind);
      if (late) void this.#changed();
    });
    await Promise.race([answered, silent]);
  }

  async #take(
    kind: Kind,
    open: () => Promise<MediaStreamTrack | undefined>,
    current: () => boolean,
  ) {
    try {
      const track = await open();
      if (!current()) return track?.stop();
      this.#say(kind, '');
      if (track) this.#use(kind, track);
    } catch (error) {
      if (current()) this.#say(kind, sentenceOf(error));
    }
    this.all = await listDevices().catch(() => this.all);
  }

  #use(kind: Kind, track: MediaStreamTrack) {
    if (kind === 'microphone') track.enabled = !this.muted;
    this[kind] = track;
    // It was unplugged; or the browser's own button ended it.
    track.addEventListener('ended', () => {
      if (this[kind] !== track) return;
      this.#stop(kind);
      if (kind !== 'screen') {
        this.#say(kind, `The ${kind} stopped. It may have been unplugged.`);
      }
      void this.#changed();
    });
  }
}

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
