/** A call's connection to its connector, through which participants find each other. */

import { io } from 'socket.io-client';
import { asSentence } from '../api.ts';
import type {
  CallLeft,
  CallMedia,
  CallMediaChange,
  CallPeer,
  CallRefusal,
  CallSignal,
  CallWelcome,
} from '../protocol-calls.ts';

/** How long the connector may take to let us into the call or refuse, in ms; asking the server takes it up to 5 s. */
export const ARRIVAL_TIME = 15_000;
/** How long one attempt to connect may take, in ms: if it gets lost, there is time for another. */
const ATTEMPT_TIME = 6_000;

const NO_ANSWER =
  "The call doesn't answer. Check your connection, then try again.";
const SHUT =
  'The connection closed before you were in the call. Please try again.';

/** The used part of a socket. */
export interface CallSocket {
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, data: unknown): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

export type OpenSocket = (
  url: string,
  auth: Record<string, unknown>,
) => CallSocket;

export function openSocket(
  url: string,
  auth: Record<string, unknown>,
): CallSocket {
  return io(url, {
    path: '/sockethub',
    auth,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    timeout: ATTEMPT_TIME,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });
}

/** The events from the connector. */
export interface LineEvents {
  welcome(welcome: CallWelcome): void;
  /** Somebody came, or came back. */
  joined(view: CallPeer): void;
  left(peer: string): void;
  media(peer: string, media: CallMedia): void;
  signal(from: string, data: unknown): void;
  /** The connector refused us or one of our messages; `final` if reconnecting is pointless. */
  refused(sentence: string, final: boolean): void;
  interrupted(is: boolean): void;
}

export class CallLine {
  /** Whether this connection has been in the call. */
  arrived = false;

  readonly #events: LineEvents;
  #socket: CallSocket | undefined;
  /** Whether the connector has welcomed us; nothing is sent before or afterwards. */
  #heard = false;
  #arrival: ReturnType<typeof setTimeout> | undefined;

  constructor(events: LineEvents) {
    this.#events = events;
  }

  tell(event: string, data: unknown) {
    if (this.#heard) this.#socket?.emit(event, data);
  }

  /** Opens the connection; if nobody has let us in or refused after this many ms, we count as refused for now. */
  open(
    openSocket: OpenSocket,
    url: string,
    ticket: string,
    patience = ARRIVAL_TIME,
  ) {
    const events = this.#events;
    const socket = openSocket(`${url}/calls`, { ticket });
    this.#socket = socket;
    this.arrived = false;
    clearTimeout(this.#arrival);
    this.#arrival = setTimeout(() => {
      if (socket === this.#socket) events.refused(NO_ANSWER, false);
    }, patience);
    /** Events of an old socket are ignored. */
    const on = <T>(event: string, heard: (value: T) => void) =>
      socket.on(event, (value: T) => {
        if (socket === this.#socket) heard(value);
      });
    on('welcome', (welcome: CallWelcome) => {
      clearTimeout(this.#arrival);
      this.arrived = true;
      this.#heard = true;
      events.interrupted(false);
      events.welcome(welcome);
    });
    on('joined', (view: CallPeer) => events.joined(view));
    on('returned', (view: CallPeer) => events.joined(view));
    on('left', ({ peer }: CallLeft) => events.left(peer));
    on('media', (of: CallMediaChange) => events.media(of.peer, of.media));
    on('signal', (signal: CallSignal) =>
      events.signal(signal.from, signal.data),
    );
    on('refused', (refused: CallRefusal) =>
      events.refused(asSentence(refused.error), Boolean(refused.final)),
    );
    on('connect_error', () => events.interrupted(true));
    on('disconnect', (reason: string) => {
      this.#heard = false;
      events.interrupted(reason !== 'io client disconnect');
      // A restarting server closes sockets properly; only then does the client not reconnect by itself.
      if (reason !== 'io server disconnect') return;
      if (this.arrived) socket.connect();
      else events.refused(SHUT, false);
    });
  }

  /** Leaves the connector. */
  close() {
    clearTimeout(this.#arrival);
    const socket = this.#socket;
    this.tell('leave', {});
    this.#heard = false;
    this.#socket = undefined;
    socket?.disconnect();
  }
}
