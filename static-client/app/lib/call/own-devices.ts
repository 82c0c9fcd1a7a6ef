/** The user's own microphone, camera and screen: switching them, choosing others, and why they cannot be used. */

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
import type { CallMedia } from '../protocol-calls.ts';

/**
 * A device that has not responded for this long is reported as silent; it is still used if it responds later. In ms.
 */
const ANSWER = 10_000;

/** The chosen devices. */
export interface Chosen {
  microphone?: string;
  camera?: string;
}

type Troubles = Partial<Record<Kind, string>>;

export class OwnDevices {
  @tracked microphone: MediaStreamTrack | undefined;
  @tracked camera: MediaStreamTrack | undefined;
  @tracked screen: MediaStreamTrack | undefined;
  /** Whether the microphone is muted. */
  @tracked muted = false;
  /** The available devices. */
  @tracked all: Devices = { microphones: [], cameras: [] };
  /** Why a device is unavailable. */
  @tracked troubles: Troubles = {};
  patience = ANSWER;
  readonly #chosen: () => Chosen;
  /** Called after every change of what is sent. */
  readonly #changed: () => Promise<void>;
  /** Only the latest request is answered. */
  readonly #turns: Record<Kind, number> = {
    microphone: 0,
    camera: 0,
    screen: 0,
  };
  readonly #asking = new Set<Kind>();
  /** The number of people in the call, and the number that the camera is configured for. */
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
      // Not only muted: its light goes out.
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

  /** Switches to the chosen microphone. */
  async changeMicrophone() {
    this.#stop('microphone');
    await this.toggleMicrophone(true);
  }

  /** Switches to the chosen camera. */
  async changeCamera() {
    this.#stop('camera');
    await this.toggleCamera(true);
  }

  /** Requests unavailable devices again. */
  async again() {
    const { microphone, camera, screen } = this.troubles;
    if (screen) this.#say('screen', '');
    if (microphone) await this.changeMicrophone();
    if (camera) await this.changeCamera();
  }

  /** Adapts the camera to a call with this many people; returns whether the picture size changed. */
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
      // It continues unchanged, and what is sent is scaled.
      return false;
    }
  }

  /** Releases everything. */
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

  /** Requests a device, and waits until it has responded or been silent for too long. */
  async #ask(kind: Kind, open: () => Promise<MediaStreamTrack | undefined>) {
    // An impatient user is not asked twice; after a message about silence, the user may try again.
    if (this.#asking.has(kind) && !this.troubles[kind]) return;
    this.#say(kind, '');
    this.#asking.add(kind);
    const turn = (this.#turns[kind] += 1);
    const current = () => turn === this.#turns[kind];
    let late = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silent = new Promise<void>((resolve) => {
      // Choosing which screen to share may take time.
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
    // It was unplugged, or the browser's own button ended it.
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
