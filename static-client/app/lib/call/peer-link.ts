/**
 * The connection to one other participant. One of the two owns its negotiation: only that one ever offers, first and after
 * every break, and the other one asks for it. So offers never meet, and none has to be taken back: in Chromium a video that
 * is made after an own offer was taken back stays black.
 */

import { limited, type Source } from './limits.ts';
import { measure } from './measure.ts';
import { Breach, Inspector, MAX_WAITING } from './signals.ts';
import type { Measured, SignalData } from './types.ts';

/** A connection that is interrupted for so long, or has failed so long ago, is negotiated anew, in ms. */
const PATIENCE = 3000;
/** A connection that is not there after so long may never be: without any way browsers do not call it failed. In ms. */
const LATE = 20_000;
/** Ways that are found within so long are told together: a connector counts what one sends. In ms. */
const GATHER = 50;
/** Whoever asks to negotiate anew is heard that often, in ms. */
const WISHES = 2000;

export interface PeerLinkEvents {
  send(data: SignalData): void;
  /** Something about the connection or its media changed. */
  changed(): void;
  /** The other one sends what a call does not need; the connection is closed. */
  broken(why: string): void;
}

/** What one sends, and to how many. */
export interface OwnMedia {
  audio?: MediaStreamTrack | undefined;
  video?: MediaStreamTrack | undefined;
  /** Whether the pictures are those of a screen. */
  screen?: boolean;
  /** How many are in the call, oneself included. */
  people?: number;
}

export class PeerLink {
  /** What the other one says and shows: two streams, since an element with a picture plays the sound too, if only silently. */
  readonly sound = new MediaStream();
  readonly picture = new MediaStream();
  /** Whether no way was found, until there is one. */
  blocked = false;
  readonly #connection: RTCPeerConnection;
  readonly #events: PeerLinkEvents;
  readonly #owns: boolean;
  readonly #inspector = new Inspector(performance.now());
  #own: OwnMedia;
  /** The number of the newest offer: an answer has that of its offer. */
  #round = 0;
  /** While a description is made, ways wait: they belong to it. */
  #describing = false;
  #waiting: RTCIceCandidateInit[] = [];
  #found: RTCIceCandidateInit[] = [];
  #telling: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #wish: ReturnType<typeof setTimeout> | undefined;
  #heard = -WISHES;
  #sending: Promise<void> = Promise.resolve();
  #work: Promise<void> = Promise.resolve();

  /** `owns`: whether this side offers; the other side must not. */
  constructor(
    configuration: RTCConfiguration,
    owns: boolean,
    own: OwnMedia,
    events: PeerLinkEvents,
  ) {
    this.#owns = owns;
    this.#own = own;
    this.#events = events;
    const connection = new RTCPeerConnection(configuration);
    this.#connection = connection;
    connection.onnegotiationneeded = () => {
      if (this.#owns) this.#do(() => this.#offer());
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) this.#tell(candidate.toJSON());
    };
    connection.ontrack = ({ track }) => {
      const stream = track.kind === 'audio' ? this.sound : this.picture;
      stream.addTrack(track);
      track.onunmute = track.onmute = () => events.changed();
      events.changed();
    };
    connection.onconnectionstatechange = () => {
      clearTimeout(this.#timer);
      if (connection.connectionState === 'connected') {
        clearTimeout(this.#late);
        this.#late = undefined;
        this.blocked = false;
      } else {
        this.#await();
      }
      const failed = connection.connectionState === 'failed';
      if (failed) this.blocked = true;
      if (failed || connection.connectionState === 'disconnected') {
        // Not at once: where everything fails soon, the other one would hear of nothing but offers.
        this.#timer = setTimeout(() => this.restart(), PATIENCE);
      }
      events.changed();
    };
    this.#await();
    if (owns) {
      for (const kind of ['audio', 'video'] as const) {
        connection.addTransceiver(kind, { direction: 'sendrecv' });
      }
      void this.#send();
    }
  }

  get #closed(): boolean {
    return this.#connection.signalingState === 'closed';
  }

  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  /** Sends other tracks, or to more or fewer people, from now on; nothing has to be negotiated for that. */
  setMedia(own: OwnMedia): Promise<void> {
    this.#own = own;
    return this.#send();
  }

  /** Uses other servers, from the next negotiation on. */
  configure(configuration: RTCConfiguration) {
    if (!this.#closed) this.#connection.setConfiguration(configuration);
  }

  /** Takes what the other one sent; in order, one after the other. */
  receive(data: unknown) {
    if (this.#closed) return;
    let signal: SignalData;
    try {
      signal = this.#inspector.read(data, performance.now());
    } catch (error) {
      return this.#break(error);
    }
    this.#do(() => this.#take(signal));
  }

  /** Finds another way, after the network changed or what was sent may be lost. */
  restart() {
    const connection = this.#connection;
    if (this.#closed) return;
    if (!this.#owns) {
      this.#events.send({ restart: true, round: this.#round });
    } else if (connection.signalingState === 'have-local-offer') {
      // The offer or its answer may be lost; whoever has answered it answers the same.
      this.#describe();
    } else {
      connection.restartIce();
    }
  }

  measure(): Promise<Measured> {
    return measure(this.#connection);
  }

  close() {
    for (const timer of [this.#timer, this.#late, this.#telling, this.#wish]) {
      clearTimeout(timer);
    }
    this.#found = [];
    this.#waiting = [];
    this.#connection.close();
  }

  /** One step of the negotiation after the other. */
  #do(step: () => Promise<void>) {
    this.#work = this.#work
      .then(() => (this.#closed ? undefined : step()))
      .catch((error: unknown) => {
        if (error instanceof Breach) this.#break(error);
        else if (!this.#closed) console.warn('call:', String(error));
      });
  }

  #break(error: unknown) {
    this.close();
    this.#events.broken(error instanceof Error ? error.message : String(error));
  }

  /** Gives each sender its track and its limits; one after the other, since parameters are read and written in pairs. */
  #send(): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      for (const { sender, receiver } of this.#connection.getTransceivers()) {
        if (this.#closed) return;
        const kind = receiver.track.kind as 'audio' | 'video';
        try {
          await sender.replaceTrack(this.#own[kind] ?? null);
          // What is negotiated between reading and writing makes it fail, once.
          await this.#limit(sender, kind).catch(() =>
            this.#limit(sender, kind),
          );
        } catch (error) {
          // A call without limits is better than none.
          if (!this.#closed) console.warn('call:', String(error));
        }
      }
    });
    return this.#sending;
  }

  async #limit(sender: RTCRtpSender, kind: 'audio' | 'video') {
    const { screen, people = 2 } = this.#own;
    const source: Source =
      kind === 'audio' ? 'microphone' : screen ? 'screen' : 'camera';
    const parameters = sender.getParameters();
    // Before anything is negotiated some browsers have none yet.
    if (!parameters.encodings?.length) return;
    const size = sender.track?.getSettings();
    await sender.setParameters(limited(parameters, source, people, size));
  }

  /** Tells the other one of a way to reach us. */
  #tell(candidate: RTCIceCandidateInit) {
    this.#found.push(candidate);
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      if (this.#describing || !this.#found.length) return;
      this.#events.send({ candidates: this.#found.splice(0) });
    }, GATHER);
  }

  /** Tries again and again until the connection is there. */
  #await() {
    this.#late ??= setTimeout(() => {
      this.#late = undefined;
      if (this.#closed) return;
      this.blocked = true;
      this.restart();
      this.#await();
      this.#events.changed();
    }, LATE);
  }

  async #offer() {
    // Otherwise the browser asks again as soon as this one is answered.
    if (this.#connection.signalingState !== 'stable') return;
    await this.#makeDescription(this.#round + 1);
  }

  async #take({ description, candidates = [], round, restart }: SignalData) {
    if (restart) this.#grant(round);
    if (description?.type === 'offer') await this.#answer(description, round);
    if (description?.type === 'answer') await this.#agree(description, round);
    for (const candidate of candidates) {
      if (this.#connection.remoteDescription) await this.#add(candidate);
      else if (this.#waiting.push(candidate) > MAX_WAITING) {
        throw new Breach('ways to them were named, and nothing else');
      }
    }
  }

  /** Negotiates anew for the other one, who may ask for it more often than that; not if that is under way. */
  #grant(round = this.#round) {
    if (!this.#owns || round < this.#round || this.#wish !== undefined) return;
    const wait = Math.max(0, this.#heard + WISHES - performance.now());
    this.#wish = setTimeout(() => {
      this.#wish = undefined;
      this.#heard = performance.now();
      this.restart();
    }, wait);
  }

  async #answer(offer: RTCSessionDescriptionInit, round = this.#round + 1) {
    const connection = this.#connection;
    // Ours to make, and what was overtaken.
    if (this.#owns || round < this.#round) return;
    if (round === this.#round) return this.#describe();
    await connection.setRemoteDescription(offer);
    await this.#addWaiting();
    for (const transceiver of connection.getTransceivers()) {
      transceiver.direction = 'sendrecv';
    }
    await this.#send();
    if (this.#closed) return;
    await this.#makeDescription(round);
    // What was negotiated may have encoders of its own.
    await this.#send();
  }

  async #agree(answer: RTCSessionDescriptionInit, round = this.#round) {
    const waits = this.#connection.signalingState === 'have-local-offer';
    // An offer that was sent again is answered again.
    if (!this.#owns || !waits || round !== this.#round) return;
    await this.#connection.setRemoteDescription(answer);
    await this.#addWaiting();
    await this.#send();
  }

  async #addWaiting() {
    for (const waiting of this.#waiting.splice(0)) await this.#add(waiting);
  }

  async #add(candidate: RTCIceCandidateInit) {
    try {
      await this.#connection.addIceCandidate(candidate);
    } catch {
      // One of an earlier negotiation, or one that this browser does not know: there are others.
    }
  }

  async #makeDescription(round: number) {
    this.#describing = true;
    try {
      await this.#connection.setLocalDescription();
      this.#round = round;
    } finally {
      this.#describing = false;
    }
    this.#describe();
  }

  /** Sends the own description; the ways that are known by now are in it. */
  #describe() {
    const description = this.#connection.localDescription?.toJSON();
    if (!description || this.#closed) return;
    this.#found = [];
    this.#events.send({ description, round: this.#round });
  }
}
