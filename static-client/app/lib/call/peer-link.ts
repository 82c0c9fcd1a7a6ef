/**
 * The connection to another participant. One of the two owns its negotiation: only the owner ever offers, initially
 * and after every break, and the other asks for it. So offers never collide, and none has to be rolled back: in
 * Chromium, video created after the rollback of one's own offer stays black.
 */

import { limited, type Source } from './limits.ts';
import { measure } from './measure.ts';
import { Breach, Inspector, MAX_WAITING } from './signals.ts';
import type { SignalData } from '../protocol-calls.ts';
import type { Measured } from './types.ts';

/** How long a connection may be interrupted, or have failed, before it is renegotiated, in ms. */
const PATIENCE = 3000;
/**
 * A connection that is not established after this long may never be: without any path, browsers do not report it as
 * failed. In ms.
 */
const LATE = 20_000;
/** Candidates found within this time are sent together, because a connector counts signals. In ms. */
const GATHER = 50;
/** How often a request to renegotiate is honoured, in ms. */
const WISHES = 2000;

export interface PeerLinkEvents {
  send(data: SignalData): void;
  /** Something about the connection or its media changed. */
  changed(): void;
  /** The other side sends what a call does not need; the connection is closed. */
  broken(why: string): void;
}

/** What the user sends, and to how many people. */
export interface OwnMedia {
  audio?: MediaStreamTrack | undefined;
  video?: MediaStreamTrack | undefined;
  /** Whether the video is of a screen. */
  screen?: boolean;
  /** The number of people in the call, including the user. */
  people?: number;
}

export class PeerLink {
  /** The other side's audio and video: two streams, because an element with video would also play the sound. */
  readonly sound = new MediaStream();
  readonly picture = new MediaStream();
  /** Whether no path was found, until there is one. */
  blocked = false;
  readonly #connection: RTCPeerConnection;
  readonly #events: PeerLinkEvents;
  readonly #owns: boolean;
  readonly #inspector = new Inspector(performance.now());
  #own: OwnMedia;
  /** The number of the newest offer; an answer has the same number as its offer. */
  #round = 0;
  /** While a description is being created, candidates are held back: they belong to it. */
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
        // Not at once: if everything fails quickly, the other side would receive nothing but offers.
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

  /** From now on sends other tracks, or to more or fewer people; this needs no negotiation. */
  setMedia(own: OwnMedia): Promise<void> {
    this.#own = own;
    return this.#send();
  }

  /** Uses other servers, from the next negotiation on. */
  configure(configuration: RTCConfiguration) {
    if (!this.#closed) this.#connection.setConfiguration(configuration);
  }

  /** Handles what the other side sent, in order, one after the other. */
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

  /** Finds another path, after the network changed or signals may have been lost. */
  restart() {
    const connection = this.#connection;
    if (this.#closed) return;
    if (!this.#owns) {
      this.#events.send({ restart: true, round: this.#round });
    } else if (connection.signalingState === 'have-local-offer') {
      // The offer or its answer may be lost; if it was answered already, the answer is the same.
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

  /** Runs the steps of the negotiation one after the other. */
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

  /**
   * Gives each sender its track and its limits; one after the other, because parameters must be read and written in
   * pairs.
   */
  #send(): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      for (const { sender, receiver } of this.#connection.getTransceivers()) {
        if (this.#closed) return;
        const kind = receiver.track.kind as 'audio' | 'video';
        try {
          await sender.replaceTrack(this.#own[kind] ?? null);
          // A negotiation between reading and writing makes this fail, once.
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
    // Before any negotiation, some browsers have none yet.
    if (!parameters.encodings?.length) return;
    const size = sender.track?.getSettings();
    await sender.setParameters(limited(parameters, source, people, size));
  }

  /** Sends the other side a candidate to reach us. */
  #tell(candidate: RTCIceCandidateInit) {
    this.#found.push(candidate);
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      if (this.#describing || !this.#found.length) return;
      this.#events.send({ candidates: this.#found.splice(0) });
    }, GATHER);
  }

  /** Keeps trying until the connection is established. */
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
    // Otherwise the browser requests it again as soon as this one is answered.
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
        throw new Breach('they sent network addresses and nothing else');
      }
    }
  }

  /** Renegotiates for the other side, which may request it more often; not if a negotiation is under way. */
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
    // Our own offers, and outdated ones.
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
    // The negotiated media may have encoders of their own.
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
      // A candidate of an earlier negotiation, or one this browser does not support: there are others.
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

  /** Sends the local description, including the candidates known by now. */
  #describe() {
    const description = this.#connection.localDescription?.toJSON();
    if (!description || this.#closed) return;
    this.#found = [];
    this.#events.send({ description, round: this.#round });
  }
}
