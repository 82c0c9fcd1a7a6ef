/** The connection to one other participant: negotiated as the WebRTC specification recommends ("perfect negotiation"). */

import { limited, type Source } from './limits.ts';
import type { Measured, SignalData } from './types.ts';

/** A connection that is interrupted for so long is negotiated anew, in ms. */
const PATIENCE = 3000;
/** A connection that is not there after so long may never be: without any way browsers do not call it failed. In ms. */
const LATE = 20_000;
/** Ways that are found within so long are told together: a connector counts what one sends. In ms. */
const GATHER = 50;

export interface PeerLinkEvents {
  send(data: SignalData): void;
  /** Something about the connection or its media changed. */
  changed(): void;
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
  readonly #connection: RTCPeerConnection;
  readonly #events: PeerLinkEvents;
  /** The newcomer offers; the other one gives way if both do at once. */
  readonly #offers: boolean;
  #own: OwnMedia;
  #sending: Promise<void> = Promise.resolve();
  #offering = false;
  #ignoring = false;
  #waiting: RTCIceCandidateInit[] = [];
  #found: RTCIceCandidateInit[] = [];
  #telling: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  /** Whether no way was found, until there is one. */
  blocked = false;
  #work: Promise<void> = Promise.resolve();

  constructor(
    configuration: RTCConfiguration,
    offers: boolean,
    own: OwnMedia,
    events: PeerLinkEvents,
  ) {
    this.#offers = offers;
    this.#own = own;
    this.#events = events;
    const connection = new RTCPeerConnection(configuration);
    this.#connection = connection;
    connection.onnegotiationneeded = () => void this.#offer();
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
      if (connection.connectionState === 'disconnected') {
        this.#timer = setTimeout(() => this.restart(), PATIENCE);
      } else if (connection.connectionState === 'failed') {
        this.blocked = true;
        this.restart();
      }
      events.changed();
    };
    this.#await();
    if (offers) {
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

  /** Takes what the other one sent; in order, one after the other. */
  receive(data: SignalData) {
    this.#work = this.#work
      .then(() => this.#take(data))
      .catch((error: unknown) => {
        // What belongs to a negotiation that was given up is of no use any more.
        if (!this.#ignoring && !this.#closed) {
          console.warn('call:', String(error));
        }
      });
  }

  /** Finds another way, after the network changed or what was sent may be lost. */
  restart() {
    const connection = this.#connection;
    if (this.#closed) return;
    if (
      connection.signalingState === 'have-local-offer' &&
      connection.localDescription
    ) {
      this.#sendDescription();
    } else {
      connection.restartIce();
    }
  }

  async measure(): Promise<Measured> {
    const measured: Measured = {
      frames: 0,
      audioPackets: 0,
      level: 0,
      ownLevel: 0,
      path: '',
    };
    const report = await this.#connection.getStats();
    const all = new Map<string, Record<string, unknown>>();
    report.forEach((entry: Record<string, unknown>) =>
      all.set(entry['id'] as string, entry),
    );
    const number = (value: unknown) => (typeof value === 'number' ? value : 0);
    for (const entry of all.values()) {
      const { type, kind } = entry;
      if (type === 'inbound-rtp' && kind === 'video') {
        measured.frames += number(entry['framesDecoded']);
      } else if (type === 'inbound-rtp' && kind === 'audio') {
        measured.audioPackets += number(entry['packetsReceived']);
        measured.level = number(entry['audioLevel']);
      } else if (type === 'media-source' && kind === 'audio') {
        measured.ownLevel = number(entry['audioLevel']);
      } else if (type === 'transport') {
        const pair = all.get(String(entry['selectedCandidatePairId']));
        const local = all.get(String(pair?.['localCandidateId']));
        const path = local?.['candidateType'];
        if (typeof path === 'string') measured.path = path;
      }
    }
    return measured;
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#late);
    clearTimeout(this.#telling);
    this.#connection.close();
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
    const connection = this.#connection;
    try {
      this.#offering = true;
      await connection.setLocalDescription();
      this.#sendDescription();
    } finally {
      this.#offering = false;
    }
  }

  async #take({ description, candidates = [] }: SignalData) {
    const connection = this.#connection;
    if (description) {
      const collision =
        description.type === 'offer' &&
        (this.#offering || connection.signalingState !== 'stable');
      this.#ignoring = this.#offers && collision;
      if (this.#ignoring) return;
      await connection.setRemoteDescription(description);
      for (const waiting of this.#waiting.splice(0)) {
        await connection.addIceCandidate(waiting);
      }
      if (description.type === 'offer') {
        for (const transceiver of connection.getTransceivers()) {
          transceiver.direction = 'sendrecv';
        }
        await this.#send();
        await connection.setLocalDescription();
        this.#sendDescription();
      }
      // What was negotiated may have encoders of its own.
      await this.#send();
    }
    for (const candidate of candidates) {
      // Candidates may overtake the description that they belong to.
      if (connection.remoteDescription) {
        await connection.addIceCandidate(candidate);
      } else {
        this.#waiting.push(candidate);
      }
    }
  }

  #sendDescription() {
    const description = this.#connection.localDescription?.toJSON();
    if (description) this.#events.send({ description });
  }
}
