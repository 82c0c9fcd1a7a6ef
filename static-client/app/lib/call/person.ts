/** Somebody else in a call, as shown. */

import { tracked } from '@glimmer/tracking';
import { PeerLink } from './peer-link.ts';
import type { CallMedia, Measured, PeerView, SignalData } from './types.ts';

/** From this level on somebody is speaking. */
const SPEAKING = 0.02;

export class Person {
  readonly peer: string;
  readonly name: string;
  readonly guest: boolean;
  @tracked media: CallMedia;
  @tracked state: RTCPeerConnectionState = 'new';
  /** Whether no way to them was found yet. */
  @tracked blocked = false;
  @tracked measured: Measured = {
    frames: 0,
    audioPackets: 0,
    level: 0,
    ownLevel: 0,
    path: '',
  };
  readonly link: PeerLink;
  /** Plays what they say, also while another page of the client is shown. */
  readonly #sound = new Audio();

  constructor(
    view: PeerView,
    configuration: RTCConfiguration,
    offers: boolean,
    send: (data: SignalData) => void,
  ) {
    this.peer = view.peer;
    this.name = view.name;
    this.guest = view.guest;
    this.media = view.media;
    this.link = new PeerLink(
      configuration,
      offers,
      {},
      {
        send,
        changed: () => {
          this.state = this.link?.state ?? 'new';
          this.blocked = this.link?.blocked ?? false;
        },
      },
    );
    this.#sound.srcObject = this.link.sound;
    this.#sound.autoplay = true;
  }

  get picture() {
    return this.link.picture;
  }

  get speaking(): boolean {
    return Boolean(this.media.audio) && this.measured.level > SPEAKING;
  }

  get showsPicture(): boolean {
    return (
      Boolean(this.media.video || this.media.screen) &&
      this.state === 'connected'
    );
  }

  /** Why there is nothing to see or hear, if so. */
  get sentence(): string {
    switch (this.state) {
      case 'connected':
        return '';
      case 'closed':
        return 'They have left.';
    }
    if (this.blocked) {
      return 'No way to them was found: the network blocks calls.';
    }
    switch (this.state) {
      case 'disconnected':
        return 'The connection is interrupted.';
      default:
        return 'Connecting…';
    }
  }

  async measure() {
    this.measured = await this.link.measure();
  }

  close() {
    this.link.close();
    this.#sound.srcObject = null;
  }
}

export function isSpeaking(level: number): boolean {
  return level > SPEAKING;
}
