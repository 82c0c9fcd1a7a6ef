/** The messages between a call's participants and the connector; see `connectors/SOCKETHUB.md`, Calls. */

export interface CallMedia {
  audio?: boolean;
  video?: boolean;
  screen?: boolean;
}

export interface PeerView {
  peer: string;
  /** Changes after they were out of the call: earlier negotiations are void. */
  seat?: string;
  name: string;
  guest: boolean;
  media: CallMedia;
}

/** The first event after joining, and after every reconnection. */
export interface Welcome {
  peer: string;
  seat?: string;
  peers: PeerView[];
  /** Whether the user may remove others. */
  moderator?: boolean;
}

/** What two browsers negotiate. */
export interface SignalData {
  description?: RTCSessionDescriptionInit;
  candidates?: RTCIceCandidateInit[];
  /** The number of the offer that a description is or answers; in a restart request, of the newest offer received. */
  round?: number;
  /** Asks the other side to renegotiate. */
  restart?: boolean;
}

/** A connection's measurements. */
export interface Measured {
  /** Frames shown so far. */
  frames: number;
  /** Audio packets received so far. */
  audioPackets: number;
  /** The other side's audio level, 0 to 1. */
  level: number;
  /** The user's own audio level, 0 to 1. */
  ownLevel: number;
  /** The type of the connection's path: `relay`, `host`, `srflx`, `prflx`, or empty. */
  path: string;
}
