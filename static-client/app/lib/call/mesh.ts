/** The others in a call, and the connections to each of them. */

import { tracked } from '@glimmer/tracking';
import type { OwnDevices } from './own-devices.ts';
import { Person } from './person.ts';
import type {
  CallMedia,
  CallPeer,
  CallWelcome,
  SignalData,
} from '../protocol-calls.ts';

/** Number of participants remembered for exceeding the limits. */
const MAX_BROKEN = 1000;

export class Mesh {
  @tracked people: Person[] = [];
  #configuration: RTCConfiguration = {};
  readonly #own: OwnDevices;
  readonly #send: (to: string, data: SignalData) => void;
  #peer = '';
  #seat: string | undefined;
  /** Participants who exceeded the limits, and how: they are not admitted again. */
  readonly #broken = new Map<string, string>();

  constructor(own: OwnDevices, send: (to: string, data: SignalData) => void) {
    this.#own = own;
    this.#send = send;
  }

  /** The user's own audio level, as measured by the connections. */
  get ownLevel(): number {
    return Math.max(0, ...this.people.map(({ measured }) => measured.ownLevel));
  }

  /** Uses these servers, including for existing connections. */
  configure(configuration: RTCConfiguration) {
    this.#configuration = configuration;
    for (const { link, measured } of this.people) {
      link.configure(configuration);
      // A relayed connection would end with the credentials it was made with.
      if (measured.path === 'relay') link.restart();
    }
  }

  /** Takes who is in the call, first and after every break. */
  welcome({ peer, seat, peers }: CallWelcome) {
    // To the others one is a newcomer.
    if (seat !== this.#seat) this.#removeAll();
    this.#peer = peer;
    this.#seat = seat;
    for (const { peer } of this.people) {
      if (!peers.some((view) => view.peer === peer)) this.#remove(peer);
    }
    for (const view of peers) this.#take(view);
    void this.fit();
  }

  /** Somebody has come, or their socket broke and is there again. */
  joined(view: CallPeer) {
    this.#take(view);
    void this.fit();
  }

  left(peer: string) {
    this.#remove(peer);
    void this.fit();
  }

  media(peer: string, media: CallMedia) {
    const person = this.#person(peer);
    if (person) person.media = media;
  }

  receive(from: string, data: unknown) {
    const person = this.#person(from);
    if (!person?.broken) person?.link.receive(data);
  }

  /** Looks for other paths to everyone. */
  restart = () => {
    for (const { link } of this.people) link.restart();
  };

  async measure() {
    await Promise.all(this.people.map((person) => person.measure()));
  }

  /** Sends everyone the current media, as far as the number of people permits. */
  async fit() {
    await this.#share();
    if (await this.#own.fit(this.people.length + 1)) await this.#share();
  }

  close() {
    this.#removeAll();
    this.#broken.clear();
    this.#configuration = {};
    this.#peer = '';
    this.#seat = undefined;
  }

  async #share() {
    const { microphone: audio, picture: video, screen } = this.#own;
    const people = this.people.length + 1;
    const media = { audio, video, screen: Boolean(screen), people };
    await Promise.all(this.people.map(({ link }) => link.setMedia(media)));
  }

  /** Reconnects with a known participant; signals sent meanwhile are lost. */
  #take(view: CallPeer) {
    const known = this.#person(view.peer);
    if (known && known.seat === view.seat) {
      known.media = view.media;
      known.link.restart();
      return;
    }
    if (known) this.#remove(view.peer);
    this.#add(view);
  }

  #add(view: CallPeer) {
    const { peer } = view;
    // Both sides come to the same result, whoever joined first and whatever either has missed.
    const owns = this.#peer > peer;
    const person: Person = new Person(view, this.#configuration, owns, {
      send: (data) => this.#send(peer, data),
      broken: () => {
        if (this.#broken.size < MAX_BROKEN) {
          this.#broken.set(peer, person.broken);
        }
      },
    });
    const why = this.#broken.get(peer);
    if (why !== undefined) person.shutOut(why);
    this.people = [...this.people, person];
  }

  #remove(peer: string) {
    this.#person(peer)?.close();
    this.people = this.people.filter((person) => person.peer !== peer);
  }

  #removeAll() {
    for (const person of this.people) person.close();
    this.people = [];
  }

  #person(peer: string): Person | undefined {
    return this.people.find((person) => person.peer === peer);
  }
}
