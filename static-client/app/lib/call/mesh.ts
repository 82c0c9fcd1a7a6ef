/** The others in a call, and the connections to each of them. */

import { tracked } from '@glimmer/tracking';
import type { OwnDevices } from './own-devices.ts';
import { Person } from './person.ts';
import type { CallMedia, PeerView, SignalData } from './types.ts';

export class Mesh {
  @tracked people: Person[] = [];
  configuration: RTCConfiguration = {};
  readonly #own: OwnDevices;
  readonly #send: (to: string, data: SignalData) => void;

  constructor(own: OwnDevices, send: (to: string, data: SignalData) => void) {
    this.#own = own;
    this.#send = send;
  }

  /** How loud one is oneself, as the connections have measured. */
  get ownLevel(): number {
    return Math.max(0, ...this.people.map(({ measured }) => measured.ownLevel));
  }

  /** Takes who is in the call; `back` if one was in it before. */
  welcome(peers: PeerView[], back: boolean) {
    for (const { peer } of this.people) {
      if (!peers.some((view) => view.peer === peer)) this.#remove(peer);
    }
    for (const view of peers) {
      const known = this.#person(view.peer);
      if (known) {
        known.media = view.media;
        known.link.restart();
      } else {
        // Whoever came while we were away has offered already, and does so again.
        this.#add(view, !back);
      }
    }
    void this.fit();
  }

  /** Somebody has come, and offers a connection. */
  joined(view: PeerView) {
    if (this.#person(view.peer)) return;
    this.#add(view, false);
    void this.fit();
  }

  /** Somebody's socket broke and is there again. */
  returned(view: PeerView) {
    const known = this.#person(view.peer);
    if (known) known.link.restart();
    else this.joined(view);
  }

  left(peer: string) {
    this.#remove(peer);
    void this.fit();
  }

  media(peer: string, media: CallMedia) {
    const person = this.#person(peer);
    if (person) person.media = media;
  }

  receive(from: string, data: SignalData) {
    this.#person(from)?.link.receive(data);
  }

  /** Looks for other ways to everybody. */
  restart = () => {
    for (const { link } of this.people) link.restart();
  };

  async measure() {
    await Promise.all(this.people.map((person) => person.measure()));
  }

  /** Sends everybody what there is now, as much as so many people allow. */
  async fit() {
    await this.#share();
    if (await this.#own.fit(this.people.length + 1)) await this.#share();
  }

  close() {
    for (const person of this.people) person.close();
    this.people = [];
  }

  async #share() {
    const { microphone: audio, picture: video, screen } = this.#own;
    const people = this.people.length + 1;
    const media = { audio, video, screen: Boolean(screen), people };
    await Promise.all(this.people.map(({ link }) => link.setMedia(media)));
  }

  #add(view: PeerView, offers: boolean) {
    const send = (data: SignalData) => this.#send(view.peer, data);
    this.people = [
      ...this.people,
      new Person(view, this.configuration, offers, send),
    ];
  }

  #remove(peer: string) {
    this.#person(peer)?.close();
    this.people = this.people.filter((person) => person.peer !== peer);
  }

  #person(peer: string): Person | undefined {
    return this.people.find((person) => person.peer === peer);
  }
}
