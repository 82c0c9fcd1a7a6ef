/** Another person in a call, as shown. */

import { tracked } from '@glimmer/tracking';
import { NOTHING_YET } from './measure.ts';
import { shownName } from './names.ts';
import { PeerLink } from './peer-link.ts';
import type { CallMedia, CallPeer, SignalData } from '../protocol-calls.ts';
import type { Measured } from './types.ts';

/** The audio level from which a person counts as speaking. */
const SPEAKING = 0.02;

export interface PersonEvents {
  send(data: SignalData): void;
  /** They exceeded the limits. */
  broken(): void;
}

export class Person {
  readonly peer: string;
  readonly seat: string | undefined;
  readonly name: string;
  readonly guest: boolean;
  @tracked media: CallMedia;
  @tracked state: RTCPeerConnectionState = 'new';
  /** Whether no path to them has been found yet. */
  @tracked blocked = false;
  /** Why they are blocked here, if they are. */
  @tracked broken = '';
  @tracked measured: Measured = NOTHING_YET;
  readonly link: PeerLink;
  /** Plays their audio, even while another page of the client is shown. */
  readonly #sound = new Audio();

  constructor(
    view: CallPeer,
    configuration: RTCConfiguration,
    owns: boolean,
    events: PersonEvents,
  ) {
    this.peer = view.peer;
    this.seat = view.seat;
    this.name = shownName(view.name);
    this.guest = view.guest;
    this.media = view.media;
    this.link = new PeerLink(
      configuration,
      owns,
      {},
      {
        send: (data) => events.send(data),
        changed: () => {
          this.state = this.link?.state ?? 'new';
          this.blocked = this.link?.blocked ?? false;
        },
        broken: (why) => {
          this.shutOut(why);
          events.broken();
        },
      },
    );
    this.#sound.srcObject = this.link.sound;
    this.#sound.autoplay = true;
  }

  /** The name for use in a sentence, marked as a guest's, because guests choose their names. */
  get label(): string {
    return this.guest ? `${this.name} (guest)` : this.name;
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
    if (this.broken) return `Blocked on this device: ${this.broken}.`;
    switch (this.state) {
      case 'connected':
        return '';
      case 'closed':
        return 'They left.';
    }
    if (this.blocked) {
      return "Can't connect: their network or yours blocks calls.";
    }
    switch (this.state) {
      case 'disconnected':
        return 'Connection lost.';
      default:
        return 'Connecting…';
    }
  }

  async measure() {
    if (!this.broken) this.measured = await this.link.measure();
  }

  /** Stops receiving from them and sending to them. */
  shutOut(why: string) {
    this.broken = why;
    this.measured = NOTHING_YET;
    this.close();
    this.state = 'closed';
  }

  close() {
    this.link.close();
    this.#sound.srcObject = null;
  }
}

export function isSpeaking(level: number): boolean {
  return level > SPEAKING;
}
