/** The connection to one other participant: negotiated as the WebRTC specification recommends ("perfect negotiation"). */

import type { Measured, SignalData } from './types.ts';

/** A connection that is interrupted for so long is negotiated anew, in ms. */
const PATIENCE = 3000;
/** A connection that is not there after so long may never be: without any way browsers do not call it failed. In ms. */
const LATE = 20_000;

export interface PeerLinkEvents {
  send(data: SignalData): void;
  /** Something about the connection or its media changed. */
  changed(): void;
}

export type OwnTracks = Partial<
  Record<'audio' | 'video', MediaStreamTrack | null>
>;

export class PeerLink {
  readonly stream = new MediaStream();
  readonly #connection: RTCPeerConnection;
  readonly #events: PeerLinkEvents;
  /** The newcomer offers; the other one gives way if both do at once. */
  readonly #offers: boolean;
  #tracks: OwnTracks;
  #offering = false;
  #ignoring = false;
  #waiting: RTCIceCandidateInit[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  /** Whether no way was found, until there is one. */
  blocked = false;
  #work: Promise<void> = Promise.resolve();

  constructor(
    configuration: RTCConfiguration,
    offers: boolean,
    tracks: OwnTracks,
    events: PeerLinkEvents,
  ) {
    this.#offers = offers;
    this.#tracks = tracks;
    this.#events = events;
    const connection = new RTCPeerConnection(configuration);
    this.#connection = connection;
    connection.onnegotiationneeded = () => void this.#offer();
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) events.send({ candidate: candidate.toJSON() });
    };
    connection.ontrack = ({ track }) => {
      this.stream.addTrack(track);
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
        const { sender } = connection.addTransceiver(kind, {
          direction: 'sendrecv',
        });
        void sender.replaceTrack(tracks[kind] ?? null);
      }
    }
  }

  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  /** Sends other tracks from now on; nothing has to be negotiated for that. */
  async setTracks(tracks: OwnTracks) {
    this.#tracks = tracks;
    for (const { sender, receiver } of this.#connection.getTransceivers()) {
      await sender.replaceTrack(
        tracks[receiver.track.kind as 'audio' | 'video'] ?? null,
      );
    }
  }

  /** Takes what the other one sent; in order, one after the other. */
  receive(data: SignalData) {
    this.#work = this.#work
      .then(() => this.#take(data))
      .catch((error: unknown) => {
        // What belongs to a negotiation that was given up is of no use any more.
        if (!this.#ignoring) console.warn('call:', error);
      });
  }

  /** Finds another way, after the network changed or what was sent may be lost. */
  restart() {
    const connection = this.#connection;
    if (connection.signalingState === 'closed') return;
    if (
      connection.signalingState === 'have-local-offer' &&
      connection.localDescription
    ) {
      this.#events.send({ description: connection.localDescription.toJSON() });
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
    this.#connection.close();
  }

  /** Tries again and again until the connection is there. */
  #await() {
    this.#late ??= setTimeout(() => {
      this.#late = undefined;
      if (this.#connection.signalingState === 'closed') return;
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

  async #take({ description, candidate }: SignalData) {
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
          const kind = transceiver.receiver.track.kind as 'audio' | 'video';
          transceiver.direction = 'sendrecv';
          await transceiver.sender.replaceTrack(this.#tracks[kind] ?? null);
        }
        await connection.setLocalDescription();
        this.#sendDescription();
      }
    } else if (candidate) {
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
