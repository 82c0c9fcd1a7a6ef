/** What is known of a connection in a call. */

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
