// Written by `cargo xtask generate` from common/protocol; not to be edited.

/** What somebody sends; what is absent is not sent. */
export type CallMedia = {
  /** Sound. */
  audio?: boolean;
  /** Pictures. */
  video?: boolean;
  /** Whether the pictures are those of a screen. */
  screen?: boolean;
};

/** `joined`, `returned`, and a part of `welcome`: somebody in the call. */
export type CallPeer = {
  /** Names the device in the call. */
  peer: string;
  /** Changes after they were out of the call: earlier negotiations are void. */
  seat: string;
  /** What they are called. */
  name: string;
  /** Whether they are a guest. */
  guest: boolean;
  /** What they send. */
  media: CallMedia;
};

/** `welcome`: the first event after joining, and after every reconnection. */
export type CallWelcome = {
  /** The own device. */
  peer: string;
  /** The own seat. */
  seat: string;
  /** Everybody else. */
  peers: Array<CallPeer>;
  /** Whether one may remove others. */
  moderator: boolean;
};

/** `left`: somebody is no longer in the call. */
export type CallLeft = {
  /** Who. */
  peer: string;
};

/** `media`: what somebody sends from now on. */
export type CallMediaChange = {
  /** Who. */
  peer: string;
  /** What. */
  media: CallMedia;
};

/** `refused`: one may not be in the call, or sends too much. */
export type CallRefusal = {
  /** Why, one sentence. */
  error: string;
  /** Whether it is pointless to come back with this ticket; absent if not. */
  final?: boolean;
};

/** What two browsers negotiate. */
export type SignalData = {
  /** A description of the sender's media. */
  description?: RTCSessionDescriptionInit;
  /** Ways to the sender. */
  candidates?: Array<RTCIceCandidateInit>;
  /** The number of the offer that a description is, or answers; of a wish, that of the newest one that came. */
  round?: number;
  /** The other side is asked to negotiate anew. */
  restart?: boolean;
};

/** `signal`: what somebody negotiates with us. */
export type CallSignal = {
  /** Who. */
  from: string;
  /** What they say. */
  data: SignalData;
};
