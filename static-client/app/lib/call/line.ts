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

  constructor(events: LineEvents) {
    this.#events = events;
  }

  tell(event: string, data: unknown) {
    if (this.#heard) this.#socket?.emit(event, data);
  }

  open(openSocket: OpenSocket, url: string, ticket: string) {
    const events = this.#events;
    const socket = openSocket(`${url}/calls`, { ticket });
    this.#socket = socket;
    this.arrived = false;
    /** Events of an old socket are ignored. */
    const on = <T>(event: string, heard: (value: T) => void) =>
      socket.on(event, (value: T) => {
        if (socket === this.#socket) heard(value);
      });
    on('welcome', (welcome: CallWelcome) => {
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
      if (reason === 'io server disconnect' && this.arrived) socket.connect();
    });
  }

  /** Leaves the connector. */
  close() {
    const socket = this.#socket;
    this.tell('leave', {});
    this.#heard = false;
    this.#socket = undefined;
    socket?.disconnect();
  }
}
