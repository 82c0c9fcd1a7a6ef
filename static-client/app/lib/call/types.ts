/** What the participants of a call and the connector tell each other; see `connectors/SOCKETHUB.md`, Calls. */

export interface CallMedia {
  audio?: boolean;
  video?: boolean;
  screen?: boolean;
}

export interface PeerView {
  peer: string;
  name: string;
  guest: boolean;
  media: CallMedia;
}

/** What two browsers negotiate. */
export interface SignalData {
  description?: RTCSessionDescriptionInit;
  candidates?: RTCIceCandidateInit[];
}

/** What is behind a link, `GET /api/calls/<token>`. */
export interface CallAbout {
  account: string;
  target: string;
  guests: boolean;
  expires: string;
}

/** `POST /api/calls/<token>`: how to take part. */
export interface CallAdmission {
  name: string;
  guest: boolean;
  peer: string;
  url: string;
  ticket: string;
  ice_servers: RTCIceServer[];
  expires: string;
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
