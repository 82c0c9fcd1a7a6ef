/** What the participants of a call and the connector tell each other; see `connectors/SOCKETHUB.md`, Calls. */

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
  /** The number of the offer that a description is, or answers; of a wish, that of the newest one that came. */
  round?: number;
  /** The other side is asked to negotiate anew. */
  restart?: boolean;
}

/** What was measured of a connection. */
export interface Measured {
  /** Pictures shown so far. */
  frames: number;
  /** Audio packets received so far. */
  audioPackets: number;
  /** How loud the other one is, 0 to 1. */
  level: number;
  /** How loud we are, 0 to 1. */
  ownLevel: number;
  /** How the connection goes: `relay`, `host`, `srflx`, `prflx`, or nothing yet. */
  path: string;
}
